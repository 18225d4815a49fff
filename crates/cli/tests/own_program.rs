//! A program of one's own gets the whole command line, and its defects stay its own.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// The example `counter`, which cargo builds together with this test.
fn counter() -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let program: PathBuf = profile.join("examples").join("counter");
    assert!(program.exists(), "`{}` is missing: run all tests of the package", program.display());
    let mut command = Command::new(program);
    command.args(["--store", "memory:"]);
    for variable in ["ENGINE_STORE", "ENGINE_LOG", "RUST_LOG", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

fn piped(arguments: &[&str], input: &str) -> Output {
    let mut command = counter();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn one_line_of_main_gives_the_whole_command_line() {
    let output =
        piped(&["--app", "counter"], "send Count id=sheep\nsend Count id=sheep\nshow counter sheep\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "counter-sheep @0  Counted {}\ncounter-sheep @1  Counted {}\n{\"count\":2}\n"
    );
}

#[test]
fn a_panic_of_the_domain_is_an_answer_and_the_program_goes_on() {
    let output = piped(&["--json"], "send Break id=a\nread counter-a\nsend Count id=a\n");
    assert_eq!(output.status.code(), Some(1));
    let kinds: Vec<_> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["error"]["kind"].as_str().unwrap_or("ok").to_owned())
        .collect();
    assert_eq!(kinds, ["internal", "not_found", "ok"]);
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "one line and no backtrace: {stderr}");
    assert!(stderr.contains("counter.rs:") && stderr.contains("this counter is broken"), "{stderr}");
}

#[test]
fn a_single_command_that_panics_exits_with_three() {
    let output = counter().args(["send", "Break", "id=a"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_command_whose_events_were_not_handled_says_that_it_took_effect_and_exits_with_one() {
    let send = ["--json", "send", "Count", "--consistency", "strong"];
    let lucky = counter().args(send).arg("id=sheep").output().unwrap();
    assert_eq!(lucky.status.code(), Some(0), "{}", text(&lucky.stderr));
    let output = counter().args(send).arg("id=unlucky").output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = &answer["error"];
    assert_eq!(
        (output.status.code(), error["kind"].as_str()),
        (Some(1), Some("not_yet_handled")),
        "{answer}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`teller`") && message.contains("do not send it again"), "{message}");
    let lines: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("error (engine_runtime::listen"),
        "the handler says why it stopped: {lines:?}"
    );
    assert!(lines[0].contains("teller") && lines[0].contains("this counter is unlucky"), "{lines:?}");
    assert!(lines[1].starts_with("error: the command took effect"), "{lines:?}");
}
