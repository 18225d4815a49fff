//! Reading back: states, events, streams, and whether all is whole.

use serde_json::{Value, json};

use crate::kit::Engine;

/// An engine with the account `jsdf` and 30 deposits of 1, and the account `other`.
fn engine() -> Engine {
    let engine = Engine::new();
    let deposits = "send DepositMoney id=jsdf amount=1\n".repeat(30);
    let ended =
        engine.piped(&[], &format!("send CreateAccount id=jsdf\n{deposits}send CreateAccount id=other\n"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    engine
}

fn revisions(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["revision"].as_u64().unwrap()).collect()
}

#[test]
fn a_state_is_shown_as_it_was() {
    let engine = engine();
    for (at, balance) in [("0", 0), ("1", 1), ("17", 17), ("30", 30)] {
        let (code, shown) = engine.answer(&["show", "account", "jsdf", "--at", at]);
        assert_eq!((code, &shown["state"]["balance"]), (Some(0), &json!(balance)), "{shown}");
        assert_eq!(shown["revision"].to_string(), at);
    }
}

#[test]
fn a_stream_is_read_forwards_and_backwards_from_anywhere() {
    let engine = engine();
    let read = |options: &[&str]| revisions(&engine.json(&[&["read", "account-jsdf"], options].concat()).1);
    assert_eq!(read(&[]), (0..=30).collect::<Vec<_>>());
    assert_eq!(read(&["--backwards"]), (0..=30).rev().collect::<Vec<_>>());
    assert_eq!(read(&["--from", "28"]), [28, 29, 30]);
    assert_eq!(read(&["--from", "2", "--backwards"]), [2, 1, 0]);
    assert_eq!(read(&["--limit", "2"]), [0, 1]);
    assert_eq!(read(&["--limit", "2", "--backwards"]), [30, 29]);
    assert_eq!(read(&["--from", "5", "--limit", "1"]), [5]);
    assert!(read(&["--from", "31"]).is_empty());
}

#[test]
fn all_is_read_by_position() {
    let engine = engine();
    let (code, all) = engine.json(&["read", "$all"]);
    assert_eq!((code, all.len()), (Some(0), 32));
    let positions: Vec<_> = all.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    let from = positions[30].to_string();
    let (_, tail) = engine.json(&["read", "$all", "--from", &from]);
    assert_eq!(tail, all[30..]);
    let (_, last) = engine.json(&["read", "$all", "--backwards", "--limit", "1"]);
    assert_eq!(last, all[31..]);
}

#[test]
fn following_prints_what_is_there_and_ends_well_with_ctrl_c() {
    let engine = Engine::with_account();
    let mut follower = engine.console(&["--json", "read", "account-jsdf", "--follow"]);
    for revision in 0..2 {
        let line: Value = serde_json::from_str(&follower.next_line().unwrap()).unwrap();
        assert_eq!(line["revision"], revision);
    }
    assert!(follower.child.try_wait().unwrap().is_none(), "it goes on");
    follower.signal(rustix::process::Signal::INT);
    assert_eq!(follower.next_line(), None);
    assert_eq!(follower.wait(), Some(0));
}

#[test]
fn streams_are_listed_with_their_ends() {
    let engine = engine();
    let streams = |options: &[&str]| engine.json(&[&["streams"], options].concat()).1;
    let (jsdf, other) = (
        json!({"stream": "account-jsdf", "revision": 30}),
        json!({"stream": "account-other", "revision": 0}),
    );
    assert_eq!(streams(&[]), [jsdf.clone(), other.clone()]);
    assert_eq!(streams(&["--category", "account"]), [jsdf, other.clone()]);
    assert_eq!(streams(&["--prefix", "account-o"]), [other]);
    assert!(streams(&["--category", "seats"]).is_empty());
}

#[test]
fn reading_makes_no_store_of_a_mistyped_name() {
    let engine = Engine::with_account();
    std::fs::create_dir(engine.folder().join("empty")).unwrap();
    for store in ["file:engine-date", "file:a/b/c", "file:empty"] {
        for words in [
            &["show", "account", "jsdf"][..],
            &["read", "account-jsdf"],
            &["read", "$all"],
            &["read", "$all", "--follow"],
            &["streams"],
            &["verify"],
            &["scavenge"],
            &["backup", "copy"],
            &["stats"],
            &["export", "copy.jsonl"],
        ] {
            let (code, answer) = engine.answer(&[&["--store", store], words].concat());
            let error = &answer["error"];
            assert_eq!((code, &error["kind"]), (Some(1), &json!("not_found")), "{store} {words:?}: {answer}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(&format!("there is no store at `{}`", &store[5..])), "{message}");
        }
    }
    let told = Engine::new().call(&["show", "account", "jsdf"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""));
    assert!(told.stderr.starts_with("not found: there is no store at `./engine-data`"), "{}", told.stderr);
    let is_there = |name: &str| engine.folder().join(name).exists();
    assert!(!is_there("engine-date") && !is_there("a") && !is_there("copy.jsonl"), "nothing was made");
    assert_eq!(std::fs::read_dir(engine.folder().join("empty")).unwrap().count(), 0);
}

#[test]
fn the_console_makes_the_store_and_reads_in_it() {
    let engine = Engine::new();
    let ended = engine.piped(&["--json"], "streams\nverify\nread $all\n");
    assert_eq!((ended.code, ended.lines().len()), (Some(0), 1), "{ended:?}");
    assert_eq!(engine.json(&["streams"]), (Some(0), vec![]));
}

#[test]
fn the_map_has_three_forms() {
    let engine = Engine::new();
    let map = |arguments: &[&str]| {
        let ended = engine.call(&[&["map"], arguments].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        ended.stdout
    };
    assert!(map(&[]).contains("command  DepositMoney { id: String, amount: u64 }"));
    assert!(map(&["--format", "mermaid"]).starts_with("flowchart LR\n"));
    let json: Value = serde_json::from_str(&map(&["--format", "json"])).unwrap();
    assert_eq!(json["aggregates"][0]["category"], "account");
}

#[test]
fn a_whole_store_is_verified_at_the_shell_and_at_the_prompt() {
    let engine = Engine::with_account();
    let (code, report) = engine.answer(&["verify"]);
    assert_eq!((code, &report["ok"], &report["faults"]), (Some(0), &json!(true), &json!([])), "{report}");
    assert_eq!(report["events"], 2);
    let ended = engine.piped(&[], "verify\n");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.starts_with("whole: 2 events"), "{}", ended.stdout);
}

#[test]
fn help_explains_commands_of_the_domain_and_of_the_program() {
    let engine = Engine::new();
    let help = |topic: &[&str]| engine.call(&[&["help"], topic].concat()).stdout;
    assert!(help(&[]).contains("DepositMoney") && help(&[]).contains("streams"));
    let deposit = help(&["DepositMoney"]);
    assert!(deposit.contains("amount  u64") && deposit.contains("send DepositMoney id=jsdf amount=23"));
    assert!(help(&["send"]).contains("--dry-run"));
}
