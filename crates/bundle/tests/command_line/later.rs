//! Commands that wait for their time: set, listed, sent, cancelled.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::Engine;

const DEPOSIT: [&str; 4] = ["send", "DepositMoney", "id=jsdf", "amount=5"];

fn deposit<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&DEPOSIT, options].concat()
}

/// Sets a timer; answers its identity.
fn set(engine: &Engine, options: &[&str]) -> String {
    let (code, answer) = engine.answer(&deposit(options));
    assert_eq!((code, &answer["ok"]), (Some(0), &json!(true)), "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Calls the program again and again until no timer waits.
fn until_none_waits(engine: &Engine) {
    let begun = Instant::now();
    loop {
        let (code, waiting) = engine.json(&["timers"]);
        assert_eq!(code, Some(0), "{waiting:?}");
        if waiting.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "they still wait: {waiting:?}");
    }
}

#[test]
fn a_command_waits_for_its_time_and_is_listed_until_it_is_cancelled() {
    let engine = Engine::with_account();
    let (code, answer) = engine.answer(&deposit(&["--at", "2100-01-01T01:00:00+01:00"]));
    let id = answer["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (code, &answer),
        (
            Some(0),
            &json!({"ok": true, "id": id, "due": "2100-01-01T00:00:00.000000Z", "command": "DepositMoney",
                "target": "account-jsdf", "process": null, "instance": null, "name": null, "error": null})
        )
    );
    let later = set(&engine, &["--in", "1000000h"]);
    let (_, listed) = engine.json(&["timers"]);
    let ids: Vec<_> = listed.iter().map(|timer| timer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id.as_str(), later.as_str()], "the next one first");
    let table = engine.call(&["timers", "--limit", "1"]).stdout;
    assert!(table.contains(&id) && table.contains("DepositMoney"), "{table}");
    assert_eq!(engine.answer(&["timers", "cancel", &later]), (Some(0), json!({"ok": true, "timer": later})));
    let told = engine.call(&["timers", "cancel", &id]);
    assert_eq!((told.code, told.stdout), (Some(0), format!("timer {id} is cancelled\n")));
    assert_eq!(engine.json(&["timers"]), (Some(0), Vec::<Value>::new()));
    let (code, again) = engine.answer(&["timers", "cancel", &id]);
    assert_eq!((code, &again["error"]["kind"]), (Some(1), &json!("not_found")), "{again}");
    assert_eq!((engine.balance("jsdf"), engine.events()), (23, 2));
}

#[test]
fn what_is_due_is_sent_once_while_a_later_call_runs() {
    let engine = Engine::with_account();
    let told = engine.call(&deposit(&["--at", "2020-01-01T00:00:00Z"]));
    let start = "DepositMoney for account-jsdf is due 2020-01-01T00:00:00.000000Z (timer ";
    assert!(told.code == Some(0) && told.stdout.starts_with(start), "{told:?}");
    until_none_waits(&engine);
    assert_eq!(engine.balance("jsdf"), 28);
    // The same command, set twice, takes effect once.
    let id = "5ad7a2f4-4d1b-4a8e-9d2b-6d3b8c1a7e55";
    for at in ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"] {
        set(&engine, &["--id", id, "--at", at, "--metadata", "{\"by\":\"ann\"}"]);
    }
    until_none_waits(&engine);
    assert_eq!(engine.balance("jsdf"), 33);
    let (_, events) = engine.json(&["read", "account-jsdf", "--backwards", "--limit", "1"]);
    assert_eq!(
        (&events[0]["metadata"]["by"], &events[0]["metadata"]["$causationId"]),
        (&json!("ann"), &json!(id))
    );
}

#[test]
fn what_is_too_late_is_given_up() {
    let engine = Engine::with_account();
    set(&engine, &["--at", "2020-01-01T00:00:00Z", "--skip-if-late-by", "1h"]);
    until_none_waits(&engine);
    assert_eq!((engine.balance("jsdf"), engine.events()), (23, 2));
}

#[test]
fn what_cannot_be_set_or_cancelled_has_its_kind_and_its_exit_code() {
    let engine = Engine::with_account();
    let nobody = "00000000000000000007.5ad7a2f4-4d1b-4a8e-9d2b-6d3b8c1a7e55";
    for (line, code, kind, part) in [
        (deposit(&["--at", "tomorrow"]), 2, "usage", "`tomorrow` is not a time with its zone"),
        (deposit(&["--at", "2100-01-01T00:00:00"]), 2, "usage", "is not a time with its zone"),
        (deposit(&["--in", "0s"]), 2, "usage", "is not a span of time above zero"),
        (deposit(&["--in", "-5m"]), 2, "usage", "-5"),
        (deposit(&["--in", "5m", "--at", "2100-01-01T00:00:00Z"]), 2, "usage", "--in"),
        (deposit(&["--in", "5m", "--dry-run"]), 2, "usage", "--dry-run"),
        (deposit(&["--in", "5m", "--expect", "1"]), 2, "usage", "--expect"),
        (deposit(&["--skip-if-late-by", "5m"]), 2, "usage", "--at"),
        (
            vec!["send", "DepositMony", "id=jsdf", "--in", "5m"],
            2,
            "unknown_command",
            "did you mean `DepositMoney`?",
        ),
        (vec!["send", "DepositMoney", "id=jsdf", "--in", "5m"], 2, "invalid", "field `amount`: is missing"),
        (vec!["send", "DepositMoney", "id=a/b", "amount=1", "--in", "5m"], 2, "invalid", "field `id`"),
        (deposit(&["--in", "5m", "--metadata", "{\"$by\":1}"]), 2, "invalid", "$by"),
        (vec!["timers", "cancel", "soon"], 2, "usage", "`soon` is not the id of a timer"),
        (vec!["timers", "cancel"], 2, "usage", "<ID>"),
        (vec!["timers", "cancel", nobody], 1, "not_found", "it was sent, or cancelled, or never set"),
    ] {
        let (exit, answer) = engine.answer(&line);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(code), &json!(kind)), "{line:?}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{line:?}: {answer}");
    }
    assert_eq!(engine.json(&["timers"]), (Some(0), Vec::<Value>::new()));
    let nowhere = Engine::new();
    let (exit, answer) = nowhere.answer(&["timers", "cancel", nobody]);
    assert_eq!((exit, &answer["error"]["kind"]), (Some(1), &json!("not_found")), "{answer}");
    assert!(!nowhere.folder().join("engine-data").exists(), "what only looks makes no store");
}

#[test]
fn a_timer_of_a_process_manager_is_cancelled_by_it_alone() {
    let engine = Engine::new();
    let app = ["--app", "conference"];
    let lines = "send AddSeats id=rustfest seats=3\nsend PlaceOrder id=o1 conference=rustfest seats=2\n";
    assert_eq!(engine.piped(&app, lines).code, Some(0));
    let (_, timers) = engine.json(&[&app[..], &["timers", "registration"]].concat());
    let id = timers[0]["id"].as_str().unwrap();
    let (code, answer) = engine.answer(&[&app[..], &["timers", "cancel", id]].concat());
    assert_eq!((code, &answer["error"]["kind"]), (Some(1), &json!("refused")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("belongs to `registration` instance `o1`"));
}
