//! Installing what is missing, where that is possible without asking anybody: as root on Debian and its kin.

use std::{path::Path, process::Command};

/// Installs a package of Debian; says whether that went well.
pub fn package(name: &str) -> bool {
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return false;
    }
    // Cargo runs test programs one after the other, but people run several of them at once.
    let script = format!(
        "exec 9>/tmp/engine-test-install.lock; flock 9; \
         patient='-o DPkg::Lock::Timeout=300 -o Acquire::Retries=5'; \
         apt-get $patient install -y --no-install-recommends {name} || \
         {{ apt-get $patient update && apt-get $patient install -y --no-install-recommends {name}; }}"
    );
    let installing = Command::new("sh")
        .args(["-c", &script])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(std::process::Stdio::null())
        .status();
    installing.is_ok_and(|status| status.success())
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}
