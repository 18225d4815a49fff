//! The first session of a new user, and what one call does at a time.

use crate::kit::Engine;

const SESSION: &str = "\
# The session of the manual.
send CreateAccount id=jsdf
send DepositMoney id=jsdf amount=23

show account jsdf
read account-jsdf
exit
";

#[test]
fn the_session_works_and_a_restart_still_says_23() {
    let engine = Engine::new();
    let ended = engine.piped(&[], SESSION);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        ["account-jsdf @0  AccountCreated {}", "account-jsdf @1  MoneyDeposited {\"amount\":23}"]
    );
    assert!(lines[2].contains("\"balance\":23"), "{}", lines[2]);
    assert!(lines[4].starts_with("account-jsdf @1  MoneyDeposited {\"amount\":23}  20"), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
    assert_eq!(ended.stderr, "");
    assert!(engine.folder().join("engine-data").is_dir());

    let shown = engine.call(&["show", "account", "jsdf"]);
    assert_eq!(shown.code, Some(0));
    let state: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(state["balance"], 23);
}

#[test]
fn a_piped_console_goes_on_after_a_failed_line_and_exits_with_one() {
    let engine = Engine::new();
    let input =
        "send CreateAccount id=a\nsend CreateAccount id=a\nnonsense\nsend DepositMoney id=a amount=5\n";
    let ended = engine.piped(&["console"], input);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("refused: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("error: there is no `nonsense`"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("account-a @1  MoneyDeposited {\"amount\":5}\n"), "{}", ended.stdout);
    assert_eq!(engine.balance("a"), 5);
}

#[test]
fn lines_may_end_as_on_windows() {
    let engine = Engine::new();
    let lines =
        ["send CreateAccount id=x", "", "send DepositMoney id=x amount=2", "show account x", "exit", "x"];
    let ended = engine.piped(&["--json"], &lines.join("\r\n"));
    assert_eq!((ended.code, ended.lines().len()), (Some(0), 3), "{ended:?}");
    assert_eq!(ended.lines()[2]["stream"], "account-x");
    let ended = engine.piped(&[], "show account x\r");
    assert_eq!(ended.stdout.trim_end(), r#"{"status":"open","balance":2}"#, "{ended:?}");
}

#[test]
fn a_quote_that_is_left_open_is_a_fault_of_its_own_line() {
    let ended = Engine::new()
        .piped(&["--store", "memory:"], "send CreateAccount '{\n\"id\": \"a\"}'\nsend CreateAccount id=b\n");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!((ended.code, lines.len()), (Some(1), 3), "{ended:?}");
    assert!(lines[0].contains("a quote is not closed at the end of the line"), "{}", lines[0]);
    assert!(lines[2].contains("account-b @0"), "{}", lines[2]);
}

#[test]
fn nothing_behind_exit_is_read() {
    let ended = Engine::new().piped(&["--store", "memory:"], "exit\nsend CreateAccount id=a\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
}

#[test]
fn an_answer_is_visible_before_the_next_line_is_written() {
    let engine = Engine::new();
    let mut console = engine.console(&[]);
    assert_eq!(console.ask("send CreateAccount id=a"), "account-a @0  AccountCreated {}");
    assert_eq!(
        console.ask("send DepositMoney '{\"id\":\"a\",\"amount\":9007199254740993}'"),
        "account-a @1  MoneyDeposited {\"amount\":9007199254740993}"
    );
    drop(console.stdin.take());
    assert_eq!(console.next_line(), None);
    assert_eq!(console.wait(), Some(0));
}

#[test]
fn the_same_command_id_gives_the_first_answer_again_also_after_a_restart() {
    let engine = Engine::with_account();
    let deposit =
        ["send", "DepositMoney", "id=jsdf", "amount=7", "--id", "0190d7a3-0000-7000-8000-000000000001"];
    let (code, first) = engine.answer(&deposit);
    assert_eq!((code, &first["revision"], &first["duplicate"]), (Some(0), &2.into(), &false.into()));
    let (code, again) = engine.answer(&deposit);
    assert_eq!((code, &again["duplicate"]), (Some(0), &true.into()));
    for key in ["ok", "stream", "revision", "position", "events", "command_id"] {
        assert_eq!(first[key], again[key], "{key}");
    }
    assert_eq!(engine.balance("jsdf"), 30);
}

#[test]
fn a_wrong_expectation_is_a_conflict_and_writes_nothing() {
    let engine = Engine::with_account();
    let deposit =
        |expect| engine.answer(&["send", "DepositMoney", "id=jsdf", "amount=1", "--expect", expect]);
    for wrong in ["0", "7", "none"] {
        let (code, answer) = deposit(wrong);
        assert_eq!((code, &answer["error"]["kind"]), (Some(1), &"conflict".into()), "{answer}");
    }
    assert_eq!(engine.events(), 2);
    for right in ["1", "exists", "any"] {
        assert_eq!(deposit(right).0, Some(0), "{right}");
    }
    assert_eq!(engine.balance("jsdf"), 26);
}

#[test]
fn a_dry_run_decides_and_appends_nothing() {
    let engine = Engine::with_account();
    let (code, answer) = engine.answer(&["send", "--dry-run", "WithdrawMoney", "id=jsdf", "amount=40"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        answer,
        serde_json::json!({"ok": true, "dry_run": true, "events":
            [{"type": "PaymentDeclined", "data": {"amount": 40, "balance": 23}}]})
    );
    let (code, refused) = engine.answer(&["send", "--dry-run", "CreateAccount", "id=jsdf"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(1), &"rejected".into()));
    assert_eq!(engine.events(), 2);
}

#[test]
fn metadata_and_correlation_travel_with_the_events() {
    let engine = Engine::with_account();
    let options =
        ["--correlation-id", "order-7", "--metadata", r#"{"user":"ann"}"#, "--consistency", "strong"];
    let deposit = [&["send", "DepositMoney", "id=jsdf", "amount=1"], &options[..]].concat();
    assert_eq!(engine.answer(&deposit).0, Some(0));
    let (_, event) = engine.answer(&["read", "account-jsdf", "--backwards", "--limit", "1"]);
    assert_eq!(event["metadata"]["$correlationId"], "order-7");
    assert_eq!(event["metadata"]["user"], "ann");
    let reserved = ["send", "DepositMoney", "id=jsdf", "amount=1", "--metadata", r#"{"$correlationId":"x"}"#];
    let (code, refused) = engine.answer(&reserved);
    assert_eq!((code, &refused["error"]["field"]), (Some(2), &"metadata".into()), "{refused}");
}

#[test]
fn every_app_has_its_own_commands() {
    let engine = Engine::new();
    let (code, bank) = engine.answer(&["map"]);
    assert_eq!((code, &bank["app"]), (Some(0), &"bank".into()));
    let (code, conference) = engine.answer(&["map", "--app", "conference"]);
    assert_eq!((code, &conference["app"]), (Some(0), &"conference".into()));
    assert!(!engine.folder().join("engine-data").exists(), "the map needs no store");
}
