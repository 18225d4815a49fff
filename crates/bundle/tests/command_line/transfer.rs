//! Moving events from one store to another by files and pipes.

use serde_json::json;

use crate::kit::Engine;

fn engine() -> Engine {
    let engine = Engine::new();
    let deposits = "send DepositMoney id=jsdf amount=1\n".repeat(30);
    let ended = engine.piped(&[], &format!("send CreateAccount id=jsdf\n{deposits}"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    engine
}

fn path(engine: &Engine, name: &str) -> String {
    engine.folder().join(name).display().to_string()
}

#[test]
fn what_was_exported_is_imported_once_and_the_same() {
    let (old, new) = (engine(), Engine::new());
    let file = path(&old, "events.ndjson");
    let (code, answer) = old.answer(&["export", &file]);
    assert_eq!((code, &answer["events"]), (Some(0), &json!(31)), "{answer}");
    let (code, answer) = new.answer(&["import", &file]);
    assert_eq!(
        (code, &answer["events"], &answer["already_there"]),
        (Some(0), &json!(31), &json!(0)),
        "{answer}"
    );
    assert_eq!(old.json(&["read", "$all"]), new.json(&["read", "$all"]));
    let (_, again) = new.answer(&["import", &file]);
    assert_eq!((&again["events"], &again["already_there"]), (&json!(0), &json!(31)));
    assert_eq!(new.answer(&["show", "account", "jsdf"]).1["state"]["balance"], 30);
}

#[test]
fn an_export_that_is_there_is_gone_on_with_behind_its_last_whole_line() {
    let engine = engine();
    let file = path(&engine, "events.ndjson");
    engine.answer(&["export", &file]);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 7]).unwrap();
    let (code, answer) = engine.answer(&["export", &file]);
    assert_eq!((code, &answer["events"], &answer["after"]), (Some(0), &json!(1), &json!(29)), "{answer}");
    assert_eq!(std::fs::read(&file).unwrap(), whole);
}

#[test]
fn events_go_through_a_pipe() {
    let (old, new) = (engine(), Engine::new());
    let exported = old.piped(&["export", "-"], "");
    assert_eq!((exported.code, exported.stdout.lines().count()), (Some(0), 31));
    let imported = new.piped(&["import", "-"], &exported.stdout);
    assert_eq!((imported.code, imported.stdout.trim()), (Some(0), "imported 31 events"));
}

#[test]
fn a_file_that_is_no_export_is_left_as_it_is_and_named() {
    let engine = engine();
    let file = path(&engine, "notes.txt");
    std::fs::write(&file, "dear diary\n").unwrap();
    for command in ["export", "import"] {
        let (code, answer) = engine.answer(&[command, &file]);
        assert_eq!((code, &answer["error"]["kind"]), (Some(2), &json!("invalid")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("notes.txt"), "{answer}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "dear diary\n");
}
