//! The official clients, and applications that others have built on them, against `engine serve`.
//!
//! The clients come from their registries, by name and version, into a folder below the target folder: nothing is
//! passed over where one cannot be had. What is missing on the machine is installed where that is allowed.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod machine;

use std::{
    io::{BufRead, BufReader},
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
    _folder: TempDir,
}

impl Node {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_engine"))
            .args(["--json", "serve", "--no-app", "--listen", "127.0.0.1:0", "--store", "file:data"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        Node { child, address: line["listening"].as_str().unwrap().to_owned(), _folder: folder }
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

/// Runs what `clients.py` and `clients.mjs` have in common, and expects it all to be done.
fn run_clients(command: &mut Command, jobs: usize) {
    let printed = run(command);
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), jobs, "{printed}");
}

#[test]
fn the_python_client_works_with_the_node() {
    let python = machine::python(&["kurrentdbclient==1.3.5"]);
    let node = Node::start();
    run_clients(Command::new(python).arg(script("clients.py")).args(["kurrentdbclient", &node.address]), 6);
}

#[test]
fn the_python_client_of_the_older_name_works_with_the_node() {
    let python = machine::python(&["esdbclient==1.1.7"]);
    let node = Node::start();
    run_clients(Command::new(python).arg(script("clients.py")).args(["esdbclient", &node.address]), 6);
}

#[test]
fn the_node_client_works_with_the_node() {
    let node = Node::start();
    let arguments = ["@kurrent/kurrentdb-client", node.address.as_str()];
    let packages = machine::javascript();
    run_clients(Command::new("node").arg(script("clients.mjs")).args(arguments).current_dir(packages), 7);
}

#[test]
fn the_node_client_of_the_older_name_works_with_the_node() {
    let node = Node::start();
    let arguments = ["@eventstore/db-client", node.address.as_str()];
    let packages = machine::javascript();
    run_clients(Command::new("node").arg(script("clients.mjs")).args(arguments).current_dir(packages), 7);
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
