//! Bad input: each fault has its kind, names its field, and writes nothing.

use serde_json::Value;

use crate::kit::Engine;

/// A line, the exit code and kind that it leads to, and what its message names.
type Case = (&'static [&'static str], i32, &'static str, &'static str);

const NIL: &str = "00000000-0000-0000-0000-000000000000";

const CASES: &[Case] = &[
    (&["CreateAccount", "id=jsdf"], 1, "rejected", "jsdf"),
    (&["DepositMoney", "id=nobody", "amount=1"], 1, "rejected", "nobody"),
    (&["WithdrawMoney", "id=nobody", "amount=1"], 1, "rejected", "nobody"),
    (&["CloseAccount", "id=nobody"], 1, "rejected", "nobody"),
    (&["DepositMoney", "id=closed", "amount=1"], 1, "rejected", "closed"),
    (&["WithdrawMoney", "id=closed", "amount=1"], 1, "rejected", "closed"),
    (&["CreateAccount", "id=closed"], 1, "rejected", "closed"),
    (&["CloseAccount", "id=closed"], 1, "rejected", "closed"),
    (&["DepositMoney", "id=jsdf", "amount=0"], 1, "rejected", "amount"),
    (&["WithdrawMoney", "id=jsdf", "amount=0"], 1, "rejected", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=18446744073709551615"], 1, "rejected", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=-1"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=1.5"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=1.0"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=18446744073709551616"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=lots"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount="], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf", "amount=1", "amount=2"], 2, "invalid", "amount"),
    (&["DepositMoney", "id=jsdf"], 2, "invalid", "amount"),
    (&["DepositMoney", "amount=1"], 2, "invalid", "id"),
    (&["DepositMoney", "id=jsdf", "amount=1", "amuont=2"], 2, "invalid", "amuont"),
    (&["CreateAccount", "id="], 2, "invalid", "id"),
    (&["CreateAccount", "id=a/b"], 2, "invalid", "id"),
    (&["CreateAccount", "id=a b"], 2, "invalid", "id"),
    (&["CreateAccount", "id=a\tb"], 2, "invalid", "id"),
    (&["CreateAccount", "{\"id\":7}"], 2, "invalid", "id"),
    (&["CreateAccount", "{\"id\":null}"], 2, "invalid", "id"),
    (&["CreateAccount", "{\"id\":\"x\",\"id\":\"y\"}"], 2, "invalid", "id"),
    (&["DepositMoney", "{\"id\":\"jsdf\",\"amount\":\"23\"}"], 2, "invalid", "amount"),
    (&["DepositMoney", "{\"id\":\"jsdf\",\"amount\":1e400}"], 2, "invalid", "number"),
    (&["CreateAccount", "{\"id\":"], 2, "invalid", "JSON"),
    (&["CreateAccount", "[\"jsdf\"]"], 2, "invalid", "JSON object"),
    (&["CreateAccount", "jsdf"], 2, "usage", "`jsdf`"),
    (&["DespositMoney", "id=jsdf", "amount=1"], 2, "unknown_command", "did you mean `DepositMoney`?"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--id", "7"], 2, "usage", "--id"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--id", NIL], 2, "usage", "nil UUID"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--correlation-id", ""], 2, "usage", "--correlation-id"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--expect", "soon"], 2, "usage", "--expect"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--metadata", "[]"], 2, "usage", "--metadata"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--timeout", "5"], 2, "usage", "--timeout"),
    (&["DepositMoney", "id=jsdf", "amount=1", "--colour"], 2, "usage", "--colour"),
    (&[], 2, "usage", "NAME"),
];

fn engine() -> (Engine, usize) {
    let engine = Engine::with_account();
    let ended = engine.piped(&[], "send CreateAccount id=closed\nsend CloseAccount id=closed\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let events = engine.events();
    (engine, events)
}

/// Checks one answer; says which field it names apart from its message.
fn check(case: &Case, answer: &Value) {
    let (words, _, kind, named) = case;
    let error = &answer["error"];
    assert_eq!((&answer["ok"], &error["kind"]), (&false.into(), &(*kind).into()), "{words:?}: {answer}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(named), "{words:?}: {message}");
    assert!(!message.contains('\n') && !message.contains('\u{1b}'), "{words:?}: {message}");
    if *kind == "invalid" && words.iter().any(|word| word.contains(named)) && *named != "JSON" {
        let field = error["field"].as_str().unwrap_or("");
        assert!(message.contains(&format!("field `{named}`")) || field == *named, "{words:?}: {answer}");
    }
}

#[test]
fn every_fault_at_the_shell_is_told_and_nothing_is_written() {
    let (engine, events) = engine();
    for case in CASES {
        let (code, answer) = engine.answer(&[&["send"], case.0].concat());
        check(case, &answer);
        assert_eq!(code, Some(case.1), "{:?}", case.0);
    }
    assert_eq!(engine.events(), events);
}

#[test]
fn every_fault_at_the_prompt_is_told_in_order_and_nothing_is_written() {
    let (engine, events) = engine();
    let quoted = |words: &[&str]| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let lines: Vec<_> = CASES.iter().map(|case| format!("send {}\n", quoted(case.0))).collect();
    let ended = engine.piped(&["--json"], &lines.concat());
    let answers = ended.lines();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    assert_eq!(answers.len(), CASES.len());
    for (case, answer) in CASES.iter().zip(&answers) {
        check(case, answer);
    }
    assert_eq!(engine.events(), events);
}

#[test]
fn a_number_that_is_too_large_is_told_as_one() {
    let engine = Engine::with_account();
    for amount in ["18446744073709551616", "99999999999999999999999"] {
        let told = engine.call(&["send", "DepositMoney", "id=jsdf", &format!("amount={amount}")]);
        let message = "error: field `amount`: must be a whole number from 0 to 18446744073709551615 (this one is too large)";
        assert_eq!((told.code, told.stderr.trim_end()), (Some(2), message));
    }
}

#[test]
fn people_are_told_on_stderr_and_not_on_stdout() {
    let engine = Engine::with_account();
    let refused = engine.call(&["send", "CreateAccount", "id=jsdf"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.starts_with("refused: "), "{}", refused.stderr);
    let invalid = engine.call(&["send", "DepositMoney", "id=jsdf", "amount=-1"]);
    assert_eq!((invalid.code, invalid.stdout.as_str()), (Some(2), ""));
    assert!(
        invalid.stderr.starts_with("error: field `amount`: must be a whole number"),
        "{}",
        invalid.stderr
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let engine = Engine::with_account();
    for (words, code, kind) in [
        (&["show", "account", "nobody"][..], 1, "not_found"),
        (&["read", "account-nobody"], 1, "not_found"),
        (&["show", "acount", "jsdf"], 2, "unknown_category"),
        (&["show", "account", "a/b"], 2, "invalid"),
        (&["show", "account", "jsdf", "--at", "2"], 2, "invalid"),
        (&["read", ""], 2, "invalid"),
        (&["help", "Depositmoney"], 2, "unknown_command"),
    ] {
        let (exit, answer) = engine.answer(words);
        assert_eq!((exit, &answer["error"]["kind"]), (Some(code), &kind.into()), "{words:?}: {answer}");
    }
    assert_eq!(engine.events(), 2);
}

#[test]
fn a_line_that_is_no_text_is_refused_and_the_next_one_is_read() {
    use std::io::Write;
    let engine = Engine::new();
    let mut console = engine.console(&["--json", "--store", "memory:"]);
    console.stdin.as_mut().unwrap().write_all(b"send \xff\nsend 'x\nsend CreateAccount id=a\n").unwrap();
    for part in ["not text in UTF-8", "a quote is not closed", "AccountCreated"] {
        let line = console.next_line().unwrap();
        assert!(line.contains(part), "{line}");
    }
}
