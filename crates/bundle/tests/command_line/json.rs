//! `--json`: one object per line on stdout, whatever happens, and nothing else there.

use serde_json::{Value, json};

use crate::kit::Engine;

#[test]
fn an_accepted_command_has_the_form_that_others_rely_on() {
    let engine = Engine::with_account();
    let (code, answer) = engine.answer(&["send", "DepositMoney", "id=jsdf", "amount=1"]);
    assert_eq!(code, Some(0));
    let keys: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys[..5], ["ok", "stream", "revision", "position", "events"]);
    assert_eq!((&answer["ok"], &answer["stream"]), (&json!(true), &json!("account-jsdf")));
    assert_eq!(answer["revision"], 2);
    assert!(answer["position"].is_u64());
    assert_eq!(answer["events"], json!([{"type": "MoneyDeposited", "data": {"amount": 1}}]));
}

#[test]
fn a_state_and_an_event_have_the_forms_that_others_rely_on() {
    let engine = Engine::with_account();
    let (_, shown) = engine.answer(&["show", "account", "jsdf"]);
    let keys: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["ok", "stream", "revision", "state"]);
    assert_eq!(shown["state"]["balance"], 23);
    let (_, events) = engine.json(&["read", "account-jsdf"]);
    for (revision, event) in events.iter().enumerate() {
        let keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["stream", "revision", "position", "id", "type", "data", "metadata", "created"]);
        assert_eq!(event["revision"], revision);
        assert!(event["created"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn every_line_of_a_long_and_mixed_session_is_json() {
    let engine = Engine::new();
    let input = "\
        send CreateAccount id=a\nsend CreateAccount id=a\nnonsense\n\n# remark\nsend\nsend --help\n--help\n\
        help\nhelp send\nhelp DepositMoney\nhelp Nobody\nmap\nmap --format text\nmap --format mermaid\n\
        map --format json\nshow account a\nshow account b\nread account-a\nread $all\nread b\nstreams\n\
        streams --category account\nstreams --prefix x\nverify\nsend DepositMoney id=a amount=1 --dry-run\n\
        streams --app bank\nquit\n";
    let ended = engine.piped(&["console", "--json"], input);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    let lines = ended.lines();
    assert!(lines.iter().all(Value::is_object));
    assert_eq!(lines.len(), 24, "{}", ended.stdout);
}

#[test]
fn faults_of_the_command_line_are_json_too_and_text_on_stderr() {
    let engine = Engine::new();
    for arguments in [
        &["nonsense", "--json"][..],
        &["--json", "--app", "nobody", "map"],
        &["--json", "--store", "ftp://x", "streams"],
        &["--json", "--store", "memory", "console"],
        &["--json", "read"],
        &["--json", "map", "--format", "gif"],
    ] {
        let ended = engine.call(arguments);
        let lines = ended.lines();
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!((lines.len(), &lines[0]["error"]["kind"]), (1, &json!("usage")), "{arguments:?}");
        assert!(ended.stderr.starts_with("error: "), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn help_and_version_are_json_too() {
    let engine = Engine::new();
    let (code, version) = engine.answer(&["--version"]);
    assert_eq!((code, &version["ok"]), (Some(0), &json!(true)));
    assert!(version["version"].as_str().unwrap().starts_with("engine "));
    let (code, help) = engine.answer(&["send", "--help"]);
    assert_eq!(code, Some(0));
    assert!(help["help"].as_str().unwrap().contains("--dry-run"));
}
