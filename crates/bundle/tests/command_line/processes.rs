//! Process managers from outside: transfers that move money, instances that are listed, shown, tried again, stopped.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::Engine;

/// With the accounts `a`, which holds 100, `b`, which holds nothing, and `closed`.
fn with_accounts() -> Engine {
    let engine = Engine::new();
    let input = "send CreateAccount id=a\nsend CreateAccount id=b\nsend DepositMoney id=a amount=100\n\
                 send CreateAccount id=closed\nsend CloseAccount id=closed\n";
    assert_eq!(engine.piped(&[], input).code, Some(0));
    engine
}

fn transfer<'a>(fields: &[&'a str]) -> Vec<&'a str> {
    [&["send", "TransferMoney"], fields].concat()
}

/// Calls the program again and again until no instance runs any more.
pub(crate) fn until_all_have_ended(engine: &Engine, arguments: &[&str]) {
    let begun = Instant::now();
    let line = [arguments, &["processes", "--state", "running"]].concat();
    loop {
        let (code, running) = engine.json(&line);
        assert_eq!(code, Some(0), "{running:?}");
        if running.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "they still run: {running:?}");
    }
}

#[test]
fn a_transfer_has_come_about_when_its_command_is_answered() {
    let engine = with_accounts();
    let sent = engine.call(&transfer(&["id=t1", "from=a", "to=b", "amount=40"]));
    assert_eq!((sent.code, sent.stderr.as_str()), (Some(0), ""), "{sent:?}");
    assert_eq!(sent.stdout.lines().count(), 1, "what comes of it is no part of the answer: {sent:?}");
    assert_eq!((engine.balance("a"), engine.balance("b")), (60, 40));
    let lines = "send TransferMoney id=t2 from=b to=a amount=15\nshow account b\n";
    let ended = engine.piped(&["--json"], lines);
    assert_eq!((ended.code, &ended.lines()[1]["state"]["balance"]), (Some(0), &json!(25)), "{ended:?}");
    let (code, strong) =
        engine.answer(&transfer(&["id=t3", "from=b", "to=a", "amount=5", "--consistency", "strong"]));
    assert_eq!((code, &strong["ok"]), (Some(0), &json!(true)));
    assert_eq!((engine.balance("a"), engine.balance("b")), (80, 20));
}

#[test]
fn what_was_not_waited_for_is_caught_up_by_a_later_call() {
    let engine = with_accounts();
    let eventual = transfer(&["id=t1", "from=a", "to=b", "amount=40", "--consistency", "eventual"]);
    assert_eq!(engine.answer(&eventual).0, Some(0));
    until_all_have_ended(&engine, &[]);
    assert_eq!((engine.balance("a"), engine.balance("b")), (60, 40));
}

#[test]
fn a_transfer_that_cannot_come_about_gives_the_money_back_and_says_why() {
    let engine = with_accounts();
    for (id, to, amount) in [("t1", "closed", "40"), ("t2", "nobody", "40"), ("t3", "b", "101")] {
        let (to, amount) = (format!("to={to}"), format!("amount={amount}"));
        let sent = engine.call(&transfer(&[&format!("id={id}"), "from=a", &to, &amount]));
        assert_eq!(sent.code, Some(0), "{sent:?}");
        assert_eq!((engine.balance("a"), engine.balance("b")), (100, 0));
    }
    let (code, shown) = engine.answer(&["process", "show", "transfers", "t1"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        (&shown["ok"], &shown["process"], &shown["id"], &shown["state"], &shown["stage"]),
        (&json!(true), &json!("transfers"), &json!("t1"), &json!("ended"), &json!("Failed"))
    );
    let sent: Vec<_> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|entry| entry["commands"].as_array().unwrap())
        .map(|sent| (sent["name"].as_str().unwrap(), sent["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        sent,
        [
            ("WithdrawMoney", "accepted"),
            ("DepositMoney", "refused"),
            ("RefundMoney", "accepted"),
            ("FailMoneyTransfer", "accepted")
        ]
    );
    let told = engine.call(&["process", "show", "transfers", "t1"]).stdout;
    let part = r#"    sends DepositMoney {"id":"closed","amount":40}: refused, "#;
    assert!(told.starts_with("transfers t1  ended, Failed\n") && told.contains(part), "{told}");
}

#[test]
fn instances_are_listed_by_state_and_page_by_page() {
    let engine = with_accounts();
    for number in 1..=5 {
        let (id, amount) = (format!("id=t{number}"), format!("amount={}", number * 12));
        assert_eq!(engine.call(&transfer(&[&id, "from=a", "to=b", &amount])).code, Some(0));
    }
    let ids = |arguments: &[&str]| {
        let (code, lines) = engine.json(arguments);
        assert_eq!(code, Some(0), "{lines:?}");
        lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["processes"]), ["t1", "t2", "t3", "t4", "t5"]);
    assert_eq!(ids(&["processes", "transfers", "--state", "Completed"]), ["t1", "t2", "t3"]);
    assert_eq!(ids(&["processes", "--state", "Failed"]), ["t4", "t5"]);
    assert_eq!(ids(&["processes", "transfers", "--limit", "2"]), ["t1", "t2"]);
    assert_eq!(ids(&["processes", "transfers", "--limit", "2", "--after", "t2"]), ["t3", "t4"]);
    assert_eq!(ids(&["processes", "--state", "running"]), [""; 0]);
    let (_, lines) = engine.json(&["processes", "transfers", "--limit", "1"]);
    let revision = &lines[0]["revision"];
    assert_eq!(
        lines[0],
        json!({"process": "transfers", "id": "t1", "state": "ended", "stage": "Completed", "revision": revision,
            "timers": 0, "error": null})
    );
    let table = engine.call(&["processes", "--limit", "1"]).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "process    instance  state  stage      timers  why");
    assert_eq!(lines[1], "transfers  t1        ended  Completed       0");
    assert_eq!(lines[2], "there may be more: `processes transfers --after t1`");
    assert_eq!(engine.call(&["processes", "--state", "parked"]).stdout, "there are none\n");
}

#[test]
fn what_cannot_be_asked_or_told_has_its_kind_and_its_exit_code() {
    let engine = with_accounts();
    assert_eq!(engine.call(&transfer(&["id=t1", "from=a", "to=b", "amount=1"])).code, Some(0));
    for (line, code, kind, part) in [
        (&["processes", "transfer"][..], 2, "unknown_process", "did you mean `transfers`?"),
        (&["process", "show", "transfer", "t1"], 2, "unknown_process", "did you mean `transfers`?"),
        (&["map", "transfer"], 2, "unknown_process", "did you mean `transfers`?"),
        (&["process", "show", "transfers", "nobody"], 1, "not_found", "no instance `nobody`"),
        (&["process", "show", "transfers", "a/b"], 2, "invalid", "field `id`: must not contain '/'"),
        (&["process", "retry", "transfers", "t1"], 1, "refused", "no sequence of key `t1` is parked"),
        (&["process", "stop", "transfers", "t1"], 1, "refused", "no instance `t1` that runs"),
        (&["process", "stop", "transfers", "t1", "--reason", ""], 2, "usage", "--reason"),
        (&["processes", "--state", "runing"], 2, "usage", "did you mean `running`?"),
        (&["processes", "--after", "t1"], 2, "usage", "<NAME>"),
        (&["processes", "--limit", "0"], 2, "usage", "--limit"),
        (&["process", "show", "transfers"], 2, "usage", "<ID>"),
        (&["process", "shwo", "transfers", "t1"], 2, "usage", "'shwo'"),
        (&["send", "TransferMoney", "id=t1", "from=a", "to=b", "amount=1"], 1, "rejected", "exists already"),
        (&["send", "TransferMoney", "id=t2", "from=a", "to=a", "amount=1"], 1, "rejected", "field `to`"),
        (&["send", "TransferMoney", "id=t2", "from=a", "to=b", "amount=0"], 1, "rejected", "field `amount`"),
    ] {
        let (exit, answer) = engine.answer(line);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(code), &json!(kind)), "{line:?}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{line:?}: {answer}");
    }
    let nowhere = Engine::new();
    for line in [&["processes"][..], &["process", "show", "transfers", "t1"]] {
        let (exit, answer) = nowhere.answer(line);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(1), &json!("not_found")), "{line:?}");
    }
    assert!(!nowhere.folder().join("engine-data").exists(), "what only looks makes no store");
}

#[test]
fn the_map_shows_what_process_managers_hear_and_send_and_their_machine() {
    let engine = Engine::new();
    let text = engine.call(&["map"]).stdout;
    for line in ["process transfers (version 1)", "  hears    MoneyWithdrawn", "  sends    DepositMoney"] {
        assert!(text.lines().any(|it| it == line), "`{line}` is missing in: {text}");
    }
    let drawn = engine.call(&["map", "transfers", "--format", "mermaid"]).stdout;
    assert!(drawn.starts_with("stateDiagram-v2\n  [*] --> NotStarted\n"), "{drawn}");
    assert!(drawn.contains("  Depositing --> Refunding : DepositMoney refused / RefundMoney\n"), "{drawn}");
    let all = engine.call(&["map", "--format", "mermaid"]).stdout;
    assert!(all.starts_with("flowchart LR\n"), "{all}");
    assert!(all.ends_with(&format!("\n---\ntitle: transfers\n---\n{drawn}")), "{all}");
    let (_, json) = engine.answer(&["map", "--format", "mermaid"]);
    assert_eq!(json["machines"]["transfers"], json!(drawn));
    let (_, json) = engine.answer(&["map", "transfers"]);
    assert_eq!((&json["name"], &json["machine"]["otherwise"]), (&json!("transfers"), &json!("park")));
    assert!(!engine.folder().join("engine-data").exists());
}

#[test]
fn killed_in_the_middle_of_transfers_no_money_is_lost_or_made_and_all_transfers_end() {
    let seed = std::env::var("ENGINE_KILL_SEED").ok().map_or(0x5eed, |seed| seed.parse().unwrap());
    for round in 0..3_u64 {
        let answers = (seed + round * 23) % 70;
        kill_after(answers, if round % 2 == 0 { "eventual" } else { "processes" });
    }
}

/// Kills the program in the middle of 100 transfers between three accounts, some time after so many were answered.
fn kill_after(answers: u64, consistency: &str) {
    let engine = Engine::new();
    let mut console = engine.console(&["--json"]);
    for account in ["a", "b", "c"] {
        console.ask(&format!("send CreateAccount id={account}"));
        console.ask(&format!("send DepositMoney id={account} amount=50"));
    }
    let line = |number: u64| {
        let (from, to) = (["a", "b", "c"][(number % 3) as usize], ["b", "c", "a"][(number / 3 % 3) as usize]);
        let amount = 1 + number * 7 % 40;
        format!(
            "send TransferMoney id=t{number} from={from} to={to} amount={amount} --consistency {consistency}\n"
        )
    };
    console.write(&(0..100).map(line).collect::<String>());
    for _ in 0..answers {
        console.next_line().unwrap();
    }
    console.child.kill().unwrap();
    console.wait();
    until_all_have_ended(&engine, &[]);
    let balances: u64 = ["a", "b", "c"].into_iter().map(|account| engine.balance(account)).sum();
    assert_eq!(balances, 150, "killed after {answers} answers, {consistency}");
    let (_, all) = engine.json(&["processes"]);
    let asked_for = |line: &Value| line["stage"] == "Completed" || line["stage"] == "Failed";
    assert!(all.iter().all(asked_for), "{all:?}");
    assert_eq!(engine.call(&["verify"]).code, Some(0));
}
