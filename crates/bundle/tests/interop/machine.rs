//! What the clients of other languages need on this machine.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// The packages for Node, by name and version.
const JAVASCRIPT: [&str; 4] = [
    "@kurrent/kurrentdb-client@1.3.1",
    "@eventstore/db-client@6.2.1",
    "@event-driven-io/emmett@0.20.0",
    "@event-driven-io/emmett-esdb@0.20.0",
];

/// One installation at a time.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The Python of an environment that has these packages.
pub(super) fn python(packages: &[&str]) -> PathBuf {
    let folder = folder(packages[0].split("==").next().unwrap());
    let python = folder.join("bin/python");
    installed(&folder, packages, || {
        need("python3", &["python3", "python3-venv"]);
        let make = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status().unwrap();
        if !make().success() {
            install(&["python3-venv"]);
            assert!(make().success(), "no environment can be made in {}", folder.display());
        }
        let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        done(Command::new(&python).args(arguments).args(packages));
    });
    python
}

/// A folder in which the packages for Node are.
pub(super) fn javascript() -> PathBuf {
    let folder = folder("javascript");
    installed(&folder, &JAVASCRIPT, || {
        need("node", &["nodejs"]);
        need("npm", &["npm"]);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("package.json"), r#"{"private": true}"#).unwrap();
        let arguments = ["install", "--silent", "--no-audit", "--no-fund"];
        done(Command::new("npm").args(arguments).args(JAVASCRIPT).current_dir(&folder));
    });
    folder
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop").join(name)
}

/// Installs packages once: a note in the folder tells which are there.
fn installed(folder: &Path, packages: &[&str], install: impl FnOnce()) {
    // A test that failed to install lets the next one try.
    let _one = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let note = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&note).is_ok_and(|there| there == wanted) {
        return;
    }
    install();
    std::fs::write(note, wanted).unwrap();
}

/// Sees to it that there is a program.
fn need(program: &str, packages: &[&str]) {
    if !works(program) {
        install(packages);
        assert!(works(program), "`{program}` does not work, although it was installed");
    }
}

fn works(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn install(packages: &[&str]) {
    assert!(
        rustix::process::geteuid().is_root(),
        "these tests need {}: install them",
        packages.join(" and ")
    );
    // Others may be installing something, and a mirror may be busy for a moment.
    let patient = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"];
    done(Command::new("apt-get").args(patient).args(["update", "--quiet"]));
    done(Command::new("apt-get").args(patient).args(["install", "--yes", "--quiet"]).args(packages));
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
