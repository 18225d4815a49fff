//! Looking after a store: what can no longer be read is removed for good.

use serde_json::json;

use crate::kit::Engine;

/// A store in which the first three events of `account-jsdf` can no longer be read.
fn truncated() -> Engine {
    let engine = Engine::with_account();
    let ended = engine.piped(&[], &"send DepositMoney id=jsdf amount=1\n".repeat(3));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let truncation = r#"{"stream":"$$account-jsdf","revision":0,"position":9,
        "id":"0193a0a0-0000-7000-8000-000000000000","type":"$metadata","data":{"$tb":3},"metadata":{},
        "created":"2026-11-24T06:38:36.075755Z"}"#;
    let ended = engine.piped(&["import", "-"], &(truncation.replace('\n', "") + "\n"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    engine
}

#[test]
fn what_can_no_longer_be_read_is_removed_for_good_and_the_rest_reads_as_before() {
    let engine = truncated();
    let before = engine.json(&["read", "account-jsdf"]);
    assert_eq!((before.0, before.1.len()), (Some(0), 2), "{before:?}");
    let (code, report) = engine.answer(&["scavenge"]);
    assert_eq!((code, &report["ok"], &report["events"]), (Some(0), &json!(true), &json!(3)), "{report}");
    assert!(report["bytes"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(engine.json(&["read", "account-jsdf"]), before);
    let (_, all) = engine.json(&["read", "$all"]);
    assert_eq!(all.iter().filter(|event| event["stream"] == "account-jsdf").count(), 2);
    let (code, again) = engine.answer(&["scavenge"]);
    assert_eq!((code, &again["events"], &again["rewritten"]), (Some(0), &json!(0), &json!(0)), "{again}");
    assert_eq!(engine.answer(&["verify"]).1["faults"], json!([]));
    let ended = engine.piped(&[], "scavenge\nsend CreateAccount id=other\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // The checkpoints of what listens may have moved since.
    let no_event =
        ended.stdout.starts_with("nothing to remove") || ended.stdout.starts_with("removed 0 events");
    assert!(no_event && ended.stdout.contains("account-other @0"), "{ended:?}");
}

#[test]
fn a_store_in_memory_is_scavenged_too() {
    let ended = Engine::new().piped(&["--store", "memory:"], "send CreateAccount id=a\nscavenge\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("nothing to remove\n"), "{ended:?}");
}

#[test]
fn a_backup_is_made_twice_verified_and_restored() {
    let engine = Engine::with_account();
    let (code, first) = engine.answer(&["backup", "copy"]);
    assert_eq!((code, &first["ok"], &first["copied"]), (Some(0), &json!(true), &json!(1)), "{first}");
    let (_, second) = engine.answer(&["backup", "copy"]);
    assert_eq!((&second["copied"], &second["bytes"]), (&json!(0), &json!(0)), "{second}");
    assert_eq!(engine.answer(&["verify", "--store", "file:copy"]).1["events"], 2);
    let (code, refused) = engine.answer(&["restore", "copy"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("cannot_open")), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("nothing is overwritten"), "{refused}");
    let (code, restored) = engine.answer(&["restore", "copy", "--store", "file:again"]);
    assert_eq!((code, &restored["segments"]), (Some(0), &json!(1)), "{restored}");
    assert_eq!(engine.json(&["read", "$all", "--store", "file:again"]), engine.json(&["read", "$all"]));
    let ended = engine.call(&["backup", "copy"]);
    assert!(ended.stdout.starts_with("copied ") && ended.stdout.contains("to copy"), "{ended:?}");
    let (code, none) = engine.answer(&["restore", "copy", "--store", "memory:"]);
    assert_eq!((code, &none["error"]["kind"]), (Some(2), &json!("usage")), "{none}");
}

#[test]
fn the_size_of_a_store_is_told_to_people_and_to_programs() {
    let engine = truncated();
    let (code, stats) = engine.answer(&["stats"]);
    assert_eq!((code, &stats["events"], &stats["streams"]), (Some(0), &json!(6), &json!(1)), "{stats}");
    assert_eq!(stats["reclaimable"]["events"], 3, "{stats}");
    let told = engine.call(&["stats"]).stdout;
    assert!(told.contains("events       6") && told.contains("reclaimable  3 events"), "{told}");
}
