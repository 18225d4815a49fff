//! An `engine` with a folder of its own, and ways to talk to it.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// What a new user of the bank types, over any store.
pub(crate) const SESSION: &str = "\
send CreateAccount id=jsdf
send DepositMoney id=jsdf amount=23
show account jsdf
query balances
read account-jsdf
streams
exit
";

/// A folder in which `engine` is called.
pub(crate) struct Engine {
    folder: TempDir,
    program: PathBuf,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Engine { folder: TempDir::new().unwrap(), program: env!("CARGO_BIN_EXE_engine").into() }
    }

    /// The same with an example of this package, which cargo builds together with its tests.
    pub(crate) fn example(name: &str) -> Self {
        let profile = Path::new(env!("CARGO_BIN_EXE_engine")).parent().unwrap();
        let program = profile.join("examples").join(name);
        assert!(program.exists(), "`{}` is missing: run all tests of the package", program.display());
        Engine { program, ..Engine::new() }
    }

    /// With the account `jsdf`, which holds 23.
    pub(crate) fn with_account() -> Self {
        let engine = Engine::new();
        let ended = engine.piped(&[], "send CreateAccount id=jsdf\nsend DepositMoney id=jsdf amount=23\n");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        engine
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program in its folder, with nothing of the tester's own surroundings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder()).env("XDG_STATE_HOME", self.folder());
        let own = ["ENGINE_STORE", "ENGINE_LOG", "RUST_LOG", "RUST_BACKTRACE"];
        for variable in own.into_iter().chain(["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"]) {
            command.env_remove(variable);
        }
        command
    }

    /// One call from the shell.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        self.piped(arguments, "")
    }

    /// One call with something on stdin.
    pub(crate) fn piped(&self, arguments: &[&str], input: &str) -> Ended {
        ended(&mut self.command(arguments), input)
    }

    /// One call with `--json`: the exit code, and every line of stdout, which all must be JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
        let ended = self.call(&[&["--json"], arguments].concat());
        (ended.code, ended.lines())
    }

    /// One call with `--json` that answers with one line.
    pub(crate) fn answer(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let (code, mut lines) = self.json(arguments);
        assert_eq!(lines.len(), 1, "{lines:?}");
        (code, lines.remove(0))
    }

    /// A console that is talked to line by line.
    pub(crate) fn console(&self, arguments: &[&str]) -> Console {
        let mut child = pipes(&mut self.command(arguments));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        Console { child, stdin, stdout: stdout.map(BufReader::new) }
    }

    /// How much is in an account.
    pub(crate) fn balance(&self, id: &str) -> u64 {
        let (code, shown) = self.answer(&["show", "account", id]);
        assert_eq!(code, Some(0), "{shown}");
        shown["state"]["balance"].as_u64().unwrap()
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        let (code, events) = self.json(&["read", "$all"]);
        assert_eq!(code, Some(0), "{events:?}");
        events.len()
    }
}

impl Ended {
    /// The lines of stdout, which all must be JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// Runs a command to its end, with something on stdin.
pub(crate) fn ended(command: &mut Command, input: &str) -> Ended {
    let mut child = pipes(command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading, or both sides would wait once the pipes are full.
    let writer = std::thread::spawn(move || {
        // A program that ends early does not read everything.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn pipes(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A running console.
pub(crate) struct Console {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Console {
    /// Writes lines without waiting for their answers.
    pub(crate) fn write(&mut self, lines: &str) {
        self.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    /// The next line that is answered; nothing at the end.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let bytes = self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        (bytes > 0).then(|| line.trim_end().to_owned())
    }

    /// Writes one line and waits for its answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.write(&format!("{line}\n"));
        self.next_line().unwrap_or_else(|| panic!("no answer to `{line}`"))
    }

    /// Reads no more.
    pub(crate) fn hang_up(&mut self) {
        self.stdout = None;
    }

    /// All that was told on stderr, once the program has ended.
    pub(crate) fn stderr(&mut self) -> String {
        std::io::read_to_string(self.child.stderr.as_mut().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Waits for the end; stdin stays open until then.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // After a failed test nothing is left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
