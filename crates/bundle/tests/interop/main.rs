//! The official clients, applications that others have built on them, and what tries out interfaces by their
//! descriptions, against `engine serve`.
//!
//! The clients come from their registries, by name and version, into a folder below the target folder: nothing is
//! passed over where one cannot be had. What is missing on the machine is installed where that is allowed.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod machine;

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// How long all that one client does may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `engine serve` over a store in a folder.
struct Node {
    child: Child,
    address: String,
    folder: TempDir,
}

const ENGINE: &str = env!("CARGO_BIN_EXE_engine");

impl Node {
    /// A node over an empty store.
    fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), &["--no-app"])
    }

    /// A node that speaks TLS only, with a certificate that was made for it: `node.crt` in its folder.
    fn start_with_tls() -> Self {
        let folder = TempDir::new().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("node.crt"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("node.key"), made.signing_key.serialize_pem()).unwrap();
        Self::start_in(folder, &["--no-app", "--tls-cert", "node.crt", "--tls-key", "node.key"])
    }

    /// A node of the bank, with accounts and a transfer.
    fn bank() -> Self {
        let folder = TempDir::new().unwrap();
        let lines = "send CreateAccount id=a\nsend DepositMoney id=a amount=10\nsend CreateAccount id=b\n\
                     send TransferMoney id=t from=a to=b amount=3\n";
        let mut console = Command::new(ENGINE)
            .args(["--store", "file:data"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        console.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(console.wait().unwrap().success());
        Self::start_in(folder, &[])
    }

    fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(ENGINE)
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--store", "file:data"])
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        Node { child, address: line["listening"].as_str().unwrap().to_owned(), folder }
    }

    /// The connection string of somebody who does not say who he is.
    fn url(&self) -> String {
        format!("esdb://{}?tls=false", self.address)
    }

    /// The connection string of the administrator, over TLS.
    fn url_with_tls(&self) -> String {
        let port = self.address.rsplit(':').next().unwrap();
        let certificate = self.folder.path().join("node.crt");
        format!("esdb://admin:changeit@localhost:{port}?tls=true&tlsCAFile={}", certificate.display())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Runs a script to its end, which must be a good one, and tells what it printed.
fn run(command: &mut Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = rustix::process::Pid::from_child(&child);
    let (ended, wait) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = ended.send(());
        output
    });
    let in_time = wait.recv_timeout(PATIENCE).is_ok();
    if !in_time {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
    let output = waiter.join().unwrap().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(in_time && output.status.success(), "{command:?} in time: {in_time}\n{stdout}\n{stderr}");
    stdout
}

/// Runs a script, and expects all of its jobs to be done.
fn run_jobs(command: &mut Command, jobs: usize) {
    let printed = run(command);
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), jobs, "{printed}");
}

/// Runs the scripts in Python with one of the clients.
fn run_python(package: &str, url: &str) {
    let python = machine::python(&[package]);
    let module = package.split("==").next().unwrap();
    for (name, jobs) in [("clients.py", 6), ("groups.py", 3)] {
        run_jobs(Command::new(&python).arg(script(name)).args([module, url]), jobs);
    }
}

/// Runs scripts for Node with one of the clients.
fn run_javascript(package: &str, url: &str, scripts: &[(&str, usize)]) {
    let packages = machine::javascript();
    for (name, jobs) in scripts {
        run_jobs(Command::new("node").arg(script(name)).args([package, url]).current_dir(&packages), *jobs);
    }
}

#[test]
fn the_python_client_works_with_the_node() {
    let node = Node::start();
    run_python("kurrentdbclient==1.3.5", &node.url());
}

#[test]
fn the_python_client_of_the_older_name_works_with_the_node() {
    let node = Node::start();
    run_python("esdbclient==1.1.7", &node.url());
}

#[test]
fn the_python_client_works_with_the_node_over_tls() {
    let node = Node::start_with_tls();
    run_python("kurrentdbclient==1.3.5", &node.url_with_tls());
}

#[test]
fn the_node_client_works_with_the_node() {
    let node = Node::start();
    run_javascript("@kurrent/kurrentdb-client", &node.url(), &[("clients.mjs", 7), ("groups.mjs", 4)]);
}

#[test]
fn the_node_client_of_the_older_name_works_with_the_node() {
    let node = Node::start();
    run_javascript("@eventstore/db-client", &node.url(), &[("clients.mjs", 7), ("groups.mjs", 4)]);
}

#[test]
fn the_node_client_works_with_the_node_over_tls() {
    let node = Node::start_with_tls();
    run_javascript("@kurrent/kurrentdb-client", &node.url_with_tls(), &[("clients.mjs", 7)]);
}

#[test]
fn a_bank_of_the_library_eventsourcing_works_on_the_node() {
    let python = machine::python(&["eventsourcing-kurrentdb==1.2.2", "kurrentdbclient==1.3.5"]);
    let node = Node::start();
    let printed = run(Command::new(python).arg(script("bank.py")).arg(&node.address));
    assert!(printed.contains("ok bank"), "{printed}");
}

#[test]
fn a_bank_of_the_library_emmett_works_on_the_node() {
    let node = Node::start();
    let packages = machine::javascript();
    let printed = run(Command::new("node").arg(script("bank.mjs")).arg(&node.address).current_dir(packages));
    assert!(printed.contains("ok bank"), "{printed}");
}

/// A deterministic run, without a seed: the same requests each time, about 1,400 of them.
#[test]
fn what_is_asked_by_the_description_of_the_api_has_no_answer_that_is_a_fault_or_not_described() {
    const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                          response_headers_conformance,response_schema_conformance,unsupported_method,\
                          allow_header_conformance";
    let python = machine::python(&["schemathesis==4.32.5"]);
    let node = Node::bank();
    let printed = run(Command::new(python.with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(script("schemathesis.toml"))
        .args(["run", &format!("http://{}/api/openapi.json", node.address), "--auth", "admin:changeit"])
        .args(["--generation-deterministic", "--max-examples", "3", "--no-shrink", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--request-timeout", "10"])
        // It ends when the client goes away, for which this one does not: `engine-web` tests it.
        .args(["--exclude-path", "/api/events/stream", "--warnings", "off"])
        .env("HYPOTHESIS_STORAGE_DIRECTORY", node.folder.path())
        .current_dir(node.folder.path()));
    assert!(printed.contains("No issues found"), "{printed}");
}
