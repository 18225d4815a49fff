//! Read models and handlers: asked, listed, told what to do, built anew.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::Engine;

/// With the accounts `jsdf`, which holds 23 after two movements, and `anna`, which holds 100.
fn with_accounts() -> Engine {
    let engine = Engine::new();
    let input = "send CreateAccount id=jsdf\nsend DepositMoney id=jsdf amount=30\nsend WithdrawMoney id=jsdf amount=7\n\
                 send CreateAccount id=anna\nsend DepositMoney id=anna amount=100\n";
    assert_eq!(engine.piped(&[], input).code, Some(0));
    engine
}

#[test]
fn balances_and_statements_are_asked_as_they_are_typed_both_strongly_and_eventually() {
    let engine = with_accounts();
    for consistency in [&[][..], &["--consistency", "strong"], &["--consistency", "eventual"]] {
        let (code, answer) = engine.answer(&[&["query", "balances"], consistency].concat());
        assert_eq!(code, Some(0), "{answer}");
        assert_eq!(
            answer,
            json!({"ok": true, "query": "balances", "answer": [
                {"account": "anna", "balance": 100, "status": "open"},
                {"account": "jsdf", "balance": 23, "status": "open"},
            ]})
        );
        let (code, answer) = engine.answer(&[&["query", "statement", "jsdf"], consistency].concat());
        assert_eq!((code, &answer["answer"]["balance"]), (Some(0), &json!(23)), "{answer}");
        let movements = answer["answer"]["movements"].as_array().unwrap();
        let lines: Vec<_> =
            movements.iter().map(|line| (&line["kind"], &line["amount"], &line["balance"])).collect();
        assert_eq!(
            lines,
            [(&json!("deposit"), &json!(30), &json!(30)), (&json!("withdrawal"), &json!(7), &json!(23))]
        );
    }
    assert!(engine.folder().join("engine-data/read-models").is_dir());
}

#[test]
fn people_are_shown_tables() {
    let engine = with_accounts();
    let balances = engine.call(&["query", "balances"]);
    let expected = "account  balance  status\nanna         100  open\njsdf          23  open\n";
    assert_eq!((balances.stdout.as_str(), balances.stderr.as_str()), (expected, ""));
    let statement = engine.call(&["query", "statement", "account=jsdf", "limit=1"]);
    let lines: Vec<_> = statement.stdout.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1]), (4, "account jsdf", "balance 23"), "{lines:?}");
    assert!(lines[2].starts_with("number  at") && lines[3].contains("deposit"), "{lines:?}");
}

#[test]
fn every_deposit_is_seen_by_the_next_query_across_processes_and_lines() {
    let engine = with_accounts();
    for amount in 24..30 {
        assert_eq!(engine.call(&["send", "DepositMoney", "id=jsdf", "amount=1"]).code, Some(0));
        let (_, answer) = engine.answer(&["query", "statement", "jsdf", "--consistency", "eventual"]);
        assert_eq!(answer["answer"]["balance"], amount, "what was there before the start is waited for");
    }
    let lines = "send DepositMoney id=jsdf amount=1\nquery balances 1\n".repeat(50);
    let ended = engine.piped(&["--json"], &lines);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answers: Vec<_> = ended.lines().into_iter().filter(|line| line["query"] == "balances").collect();
    assert_eq!(answers.len(), 50);
    assert!(answers.iter().all(|answer| answer["answer"].as_array().unwrap().len() == 1));
    let (_, answer) = engine.answer(&["query", "statement", "jsdf"]);
    assert_eq!(answer["answer"]["balance"], 79);
}

#[test]
fn what_cannot_be_asked_or_told_has_its_kind_and_its_exit_code() {
    let engine = with_accounts();
    for (line, code, kind, part) in [
        (&["query", "balance"][..], 2, "unknown_query", "did you mean `balances`?"),
        (&["query", "statement"], 2, "invalid", "field `account`: is missing"),
        (&["query", "statement", "a", "1", "2", "3"], 2, "usage", "one value too many"),
        (&["query", "balances", "many"], 2, "invalid", "field `limit`"),
        (&["query", "statement", "acount=jsdf"], 2, "invalid", "field `acount`"),
        (&["query", "statement", "account=jsdf", "bogus=1"], 2, "invalid", "field `bogus`"),
        (&["query", "statement", "nobody"], 1, "not_found", "there is no account `nobody`"),
        (&["handlers", "pause", "balance"], 2, "unknown_handler", "did you mean `balances`?"),
        (&["handlers", "retry", "balances", "x"], 1, "refused", "no sequence of key `x` is parked"),
        (&["handlers", "parked", "balances", "x"], 1, "refused", "no sequence of key `x` is parked"),
        (&["handlers", "reset", "balances"], 1, "refused", "`projections rebuild balances`"),
        (&["handlers", "reset", "balances", "--preview"], 1, "refused", "`projections rebuild balances`"),
        (
            &["handlers", "reset", "transfers", "--to", "99", "--preview"],
            1,
            "refused",
            "nothing at position 99",
        ),
        (&["handlers", "reset", "transfers", "--to", "-1"], 2, "usage", "`-1` is not a whole number"),
        (&["handlers", "bogus"], 2, "usage", "'bogus'"),
        (&["projections", "rebuild", "statements"], 2, "unknown_projection", "did you mean `statement`?"),
    ] {
        let (exit, answer) = engine.answer(line);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(code), &json!(kind)), "{line:?}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{line:?}: {answer}");
    }
    let nowhere = Engine::new();
    for (line, code, kind) in [
        (&["query", "balances"][..], 1, "not_found"),
        (&["query", "balance"], 2, "unknown_query"),
        (&["handlers"], 1, "not_found"),
        (&["handlers", "pause", "balances"], 1, "not_found"),
        (&["projections"], 1, "not_found"),
        (&["projections", "rebuild", "balances"], 1, "not_found"),
    ] {
        let (exit, answer) = nowhere.answer(line);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(code), &json!(kind)), "{line:?}: {answer}");
        assert!(!nowhere.folder().join("engine-data").exists(), "{line:?} has made a store");
    }
}

#[test]
fn handlers_are_listed_paused_and_resumed_over_restarts() {
    let engine = with_accounts();
    let listed = |name: &str| {
        let (code, lines) = engine.json(&["handlers"]);
        assert_eq!((code, lines.len()), (Some(0), 3), "{lines:?}");
        lines.into_iter().find(|line| line["name"] == name).unwrap()
    };
    let report = listed("balances");
    assert_eq!(
        (&report["state"], &report["lag_events"], &report["checkpoint"]),
        (&json!("live"), &json!(0), &json!(4))
    );
    assert_eq!(report["owners"], json!(["this process"]));
    assert_eq!(
        engine.answer(&["handlers", "pause", "balances"]),
        (Some(0), json!({"ok": true, "handler": "balances"}))
    );
    assert_eq!(engine.call(&["send", "DepositMoney", "id=jsdf", "amount=1"]).code, Some(0));
    let report = listed("balances");
    assert_eq!((&report["state"], &report["lag_events"]), (&json!("paused"), &json!(1)));
    let (code, refused) = engine.answer(&["query", "balances"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(1), &json!("not_yet_handled")), "{refused}");
    let (code, stale) = engine.answer(&["query", "balances", "--consistency", "eventual"]);
    assert_eq!((code, &stale["answer"][1]["balance"]), (Some(0), &json!(23)));
    let table = engine.call(&["handlers"]).stdout;
    assert!(table.starts_with("handler") && table.contains("paused  1 event, "), "{table}");
    assert_eq!(engine.answer(&["handlers", "resume", "balances"]).0, Some(0));
    let (_, fresh) = engine.answer(&["query", "balances"]);
    assert_eq!(fresh["answer"][1]["balance"], 24);
    let (code, preview) = engine.answer(&["handlers", "reset", "transfers", "--to", "2", "--preview"]);
    assert_eq!(
        (code, &preview["events"], &preview["preview"]),
        (Some(0), &json!(3), &json!(true)),
        "{preview}"
    );
    assert_eq!(engine.json(&["handlers", "parked", "balances"]), (Some(0), Vec::<Value>::new()));
}

#[test]
fn a_read_model_is_built_anew_and_shown() {
    let engine = with_accounts();
    let before = engine.answer(&["query", "statement", "jsdf"]);
    let (code, answer) = engine.answer(&["projections", "rebuild", "statement"]);
    assert_eq!(
        (code, answer),
        (Some(0), json!({"ok": true, "projection": "statement", "generation": 2, "events": 5}))
    );
    assert_eq!(engine.answer(&["query", "statement", "jsdf"]), before);
    let (_, lines) = engine.json(&["projections"]);
    let generations: Vec<_> =
        lines.iter().map(|line| (&line["name"], &line["generation"], &line["ready"])).collect();
    assert_eq!(
        generations,
        [(&json!("balances"), &json!(1), &json!(true)), (&json!("statement"), &json!(2), &json!(true))]
    );
    let told = engine.call(&["projections", "rebuild", "balances"]).stdout;
    assert_eq!(told, "balances was built anew from 5 events, and is shown (generation 2)\n");
}

#[test]
fn read_models_that_were_removed_are_built_from_the_events() {
    let engine = with_accounts();
    let before = engine.answer(&["query", "balances"]);
    std::fs::remove_dir_all(engine.folder().join("engine-data/read-models")).unwrap();
    assert_eq!(engine.answer(&["query", "balances"]), before);
}

#[test]
fn without_a_way_to_keep_them_read_models_say_so_and_all_else_works() {
    let engine = with_accounts();
    let folder = engine.folder().join("engine-data/read-models");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    assert_eq!(engine.balance("jsdf"), 23);
    let (code, answer) = engine.answer(&["query", "balances"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(3), &json!("unavailable")), "{answer}");
    let (_, lines) = engine.json(&["handlers"]);
    let mut read_models = lines.iter().filter(|line| line["name"] != "transfers");
    assert!(read_models.all(|line| line["state"] == "failing"), "{lines:?}");
}

#[test]
fn interrupting_a_rebuild_leaves_the_read_model_that_was_shown() {
    let engine = Engine::new();
    let deposits = "send DepositMoney id=a amount=1\n".repeat(20_000);
    let filled = engine.piped(&[], &format!("send CreateAccount id=a\n{deposits}query balances\n"));
    assert_eq!(filled.code, Some(0));
    let folder = engine.folder().join("engine-data/read-models");
    let files = || {
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.starts_with("statement") && name.ends_with(".sqlite"));
        names.sort();
        names
    };
    assert_eq!(files(), ["statement.v1.g1.sqlite"]);
    // On a busy machine a rebuild may be through before the signal comes: then the next one is interrupted.
    let ends = (1..=10).map(|shown| {
        let mut rebuild = engine.console(&["projections", "rebuild", "statement"]);
        let begun = Instant::now();
        while files().len() < 2 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::yield_now();
        }
        rebuild.signal(Signal::INT);
        (shown, rebuild.wait())
    });
    let (shown, end) = ends.into_iter().find(|(_, end)| *end != Some(0)).unwrap();
    assert_eq!(end, Some(130));
    assert_eq!(files(), [format!("statement.v1.g{shown}.sqlite")], "the half-built one is removed");
    let (code, answer) = engine.answer(&["query", "statement", "a", "limit=1"]);
    assert_eq!((code, &answer["answer"]["balance"]), (Some(0), &json!(20_000)));
}
