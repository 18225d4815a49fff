//! Killed, stopped, cut off: what was answered is there.

use rustix::process::Signal;
use serde_json::json;

use crate::kit::Engine;

const DEPOSIT: &str = "send DepositMoney id=a amount=1\n";

#[test]
fn killed_in_the_middle_of_100_deposits_the_balance_is_what_was_answered_or_one_more() {
    // `ENGINE_KILL_SEED=7` plays the rounds of seed 7 again, as far as a kill can be repeated.
    let seed = std::env::var("ENGINE_KILL_SEED").ok().map_or_else(now, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let mut random = seed;
    for round in 0..6 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        kill_after(random >> 33 & 0x3f, &format!("seed {seed}, round {round}"));
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

/// Kills the program in the middle of 100 deposits, some time after so many were answered.
fn kill_after(answers: u64, what: &str) {
    let engine = Engine::new();
    let mut console = engine.console(&["--json"]);
    console.ask("send CreateAccount id=a");
    console.write(&DEPOSIT.repeat(100));
    let mut answered = 0;
    while answered < answers {
        assert!(console.next_line().unwrap().starts_with(r#"{"ok":true"#), "{what}");
        answered += 1;
    }
    console.child.kill().unwrap();
    while let Some(line) = console.next_line() {
        // The last one may have been cut off in the middle.
        answered += u64::from(line.ends_with('}'));
    }
    console.wait();
    let balance = engine.balance("a");
    assert!(balance == answered || balance == answered + 1, "{balance} after {answered} answers; {what}");
    assert_eq!(engine.call(&["verify"]).code, Some(0), "{what}");
}

#[test]
fn sigterm_and_ctrl_c_finish_what_runs_and_say_what_was_left_unread() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let engine = Engine::new();
        let mut console = engine.console(&["--json"]);
        console.ask("send CreateAccount id=a");
        console.write(&DEPOSIT.repeat(1_900));
        console.next_line().unwrap();
        console.signal(signal);
        let mut answered = 1;
        while let Some(line) = console.next_line() {
            assert!(line.starts_with(r#"{"ok":true"#) && line.ends_with('}'), "{line}");
            answered += 1;
        }
        assert_eq!(console.wait(), Some(code), "{signal:?}");
        let said = format!("{} lines were answered; the rest of the input was not read", answered + 1);
        let stderr = console.stderr();
        assert!(stderr.contains(&said), "{signal:?}: {stderr}");
        assert_eq!(engine.balance("a"), answered, "{signal:?}");
    }
}

#[test]
fn a_store_that_cannot_be_marked_as_closed_is_a_warning() {
    let engine = Engine::new();
    let mut console = engine.console(&["--json"]);
    console.ask("send CreateAccount id=a");
    // The mark is a file of this name, which cannot take the place of a folder.
    let in_the_way = engine.folder().join("engine-data/clean");
    std::fs::create_dir(&in_the_way).unwrap();
    drop(console.stdin.take());
    assert_eq!((console.wait(), console.next_line()), (Some(0), None));
    let stderr = console.stderr();
    assert!(stderr.starts_with("warning: ") && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains("nothing is lost") && !stderr.contains("error:"), "{stderr}");
    std::fs::remove_dir(in_the_way).unwrap();
    assert_eq!(engine.events(), 1);
}

#[test]
fn a_waiting_console_ends_with_sigterm_although_stdin_stays_open() {
    let engine = Engine::new();
    let mut console = engine.console(&[]);
    console.ask("send CreateAccount id=a");
    console.signal(Signal::TERM);
    assert_eq!(console.wait(), Some(0));
    assert_eq!(engine.events(), 1);
}

#[test]
fn a_second_process_on_the_same_store_is_told_who_has_it() {
    let engine = Engine::new();
    let mut console = engine.console(&[]);
    console.ask("send CreateAccount id=a");
    let (code, answer) = engine.answer(&["show", "account", "a"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(3), &json!("locked")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("engine-data") && message.contains("close it there"), "{message}");
    let second = engine.piped(&[], "send CreateAccount id=b\n");
    assert_eq!((second.code, second.stdout.as_str()), (Some(3), ""), "{second:?}");
    assert_eq!(console.ask("send DepositMoney id=a amount=1"), "account-a @1  MoneyDeposited {\"amount\":1}");
}

#[test]
fn a_folder_that_is_no_store_is_refused_and_left_alone() {
    let engine = Engine::new();
    std::fs::create_dir(engine.folder().join("engine-data")).unwrap();
    std::fs::write(engine.folder().join("engine-data/letter.txt"), "dear").unwrap();
    let (code, answer) = engine.answer(&["streams"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(3), &json!("cannot_open")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("letter.txt"), "{answer}");
    assert_eq!(std::fs::read_dir(engine.folder().join("engine-data")).unwrap().count(), 1);
}

#[test]
fn damage_is_found_listed_and_exits_with_three() {
    let engine = Engine::with_account();
    let ended = engine.piped(&[], &"send DepositMoney id=jsdf amount=1\n".repeat(20));
    assert_eq!(ended.code, Some(0));
    damage(&engine.folder().join("engine-data"));
    let (code, report) = engine.answer(&["verify"]);
    assert_eq!((code, &report["ok"], &report["error"]["kind"]), (Some(3), &json!(false), &json!("corrupt")));
    assert!(!report["faults"].as_array().unwrap().is_empty(), "{report}");
    let told = engine.call(&["verify"]);
    assert_eq!(told.code, Some(3));
    assert!(told.stdout.starts_with("damaged: "), "{told:?}");
}

/// Turns over a bit in an event, in the middle of the largest file.
fn damage(folder: &std::path::Path) {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    let largest = files.last().unwrap();
    let mut bytes = std::fs::read(largest).unwrap();
    let needle = b"MoneyDeposited";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes[at] ^= 1;
    std::fs::write(largest, bytes).unwrap();
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let engine = Engine::with_account();
    for arguments in [&["read", "$all"][..], &["help"], &["--json", "map"]] {
        let mut child = engine.console(arguments);
        child.hang_up();
        assert_eq!((child.wait(), child.stderr()), (Some(0), String::new()), "{arguments:?}");
    }
    let mut console = engine.console(&[]);
    console.ask("send DepositMoney id=jsdf amount=1");
    console.hang_up();
    // Stdin stays open: it is the answer that cannot be written that ends the console.
    console.write("streams\n");
    assert_eq!((console.wait(), console.stderr()), (Some(0), String::new()));
    assert_eq!(engine.balance("jsdf"), 24);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let engine = Engine::with_account();
    let ended = engine.piped(&[], &"send DepositMoney id=jsdf amount=1\n".repeat(1_000));
    assert_eq!(ended.code, Some(0));
    // More than the pipe and the buffer hold, so that the rest cannot have been written before.
    let mut child = engine.console(&["--json", "read", "$all"]);
    assert!(child.next_line().unwrap().contains("AccountCreated"));
    child.hang_up();
    assert_eq!((child.wait(), child.stderr()), (Some(0), String::new()));
}
