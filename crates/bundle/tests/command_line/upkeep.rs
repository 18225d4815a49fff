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
fn a_store_that_another_process_has_open_is_verified_and_copied_and_the_copy_is_read() {
    let engine = Engine::with_account();
    let mut console = engine.console(&[]);
    for amount in [1, 2] {
        console.ask(&format!("send DepositMoney id=jsdf amount={amount}"));
        let (code, report) = engine.answer(&["verify"]);
        assert_eq!((code, &report["events"]), (Some(0), &json!(2 + amount)), "{report}");
        let (code, copied) = engine.answer(&["backup", "copy"]);
        assert_eq!((code, &copied["copied"]), (Some(0), &json!(1)), "{copied}");
        let (code, stats) = engine.answer(&["stats", "--store", "file:copy"]);
        assert_eq!((code, &stats["events"]), (Some(0), &json!(2 + amount)), "{stats}");
    }
    let (code, refused) = engine.answer(&["backup", "engine-data"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("cannot_open")), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("the store itself"), "{refused}");
}

#[test]
fn a_backup_lies_apart_from_its_store_and_what_is_locked_is_told_as_that() {
    let engine = Engine::with_account();
    let (code, refused) = engine.answer(&["backup", "engine-data/copy"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("cannot_open")), "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("lies inside the folder of the store"), "{refused}");
    assert_eq!(engine.answer(&["backup", "copy"]).0, Some(0));
    let (code, refused) = engine.answer(&["restore", "copy", "--store", "file:copy/engine-data"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("cannot_open")), "{refused}");
    let mut console = engine.console(&["--store", "file:copy"]);
    console.ask("stats");
    let (code, refused) = engine.answer(&["backup", "copy"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("locked")), "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("where the backup is to go, is in use by process"), "{refused}");
    let (code, refused) = engine.answer(&["restore", "copy", "--store", "file:again"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("locked")), "{refused}");
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

/// Makes 99 of the 23 that was deposited, and the checksum of that event anew.
fn forge(segment: &std::path::Path) {
    let mut bytes = std::fs::read(segment).unwrap();
    let amount = b"\"amount\":23";
    let place = bytes.windows(amount.len()).position(|window| window == amount).unwrap();
    bytes[place + 9..place + 11].copy_from_slice(b"99");
    let (mut begin, mut end) = (64, 64);
    while end <= place {
        begin = end;
        let length = u32::from_le_bytes(bytes[begin..begin + 4].try_into().unwrap());
        end = begin + (length as usize).next_multiple_of(8);
    }
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[16..40]), &(begin as u64).to_le_bytes());
    let checksum = crc32c::crc32c_append(checksum, &bytes[begin..begin + 4]);
    let checksum = crc32c::crc32c_append(checksum, &bytes[begin + 8..end]);
    bytes[begin + 4..begin + 8].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(segment, bytes).unwrap();
}

#[test]
fn a_forged_event_is_named_by_verify_where_there_is_a_hash_chain() {
    let engine = Engine::new();
    for (store, faults) in [("file:plain", 0), ("file:tied?compression=zstd&chain=blake3", 1)] {
        let send = ["--store", store, "send"];
        assert_eq!(engine.call(&[&send[..], &["CreateAccount", "id=jsdf"]].concat()).code, Some(0));
        assert_eq!(
            engine.call(&[&send[..], &["DepositMoney", "id=jsdf", "amount=23"]].concat()).code,
            Some(0)
        );
        let verify = ["verify", "--store", store];
        let (code, whole) = engine.answer(&verify);
        assert_eq!((code, &whole["faults"]), (Some(0), &json!([])), "{whole}");
        let folder = store.strip_prefix("file:").unwrap().split('?').next().unwrap();
        forge(&engine.folder().join(folder).join("segment-0000000000-00000000000000000000.log"));
        let (_, forged) = engine.answer(&verify);
        assert_eq!(forged["faults"].as_array().unwrap().len(), faults, "{forged}");
        if faults > 0 {
            let told = forged["faults"][0]["fault"].as_str().unwrap();
            assert!(told.contains("revision 1 of `account-jsdf`"), "{told}");
            assert_eq!(whole["chain"]["from"], 0, "{whole}");
            let link = whole["chain"]["link"].as_str().unwrap();
            let (_, found) = engine.answer(&[&verify[..], &["--link", link]].concat());
            assert_eq!(found["faults"].as_array().unwrap().len(), 1, "{found}");
            let (_, missing) = engine.answer(&[&verify[..], &["--link", &link.replace('1', "2")]].concat());
            assert_eq!(missing["faults"].as_array().unwrap().len(), 2, "{missing}");
        }
    }
    let (code, required) = engine.answer(&["verify", "--store", "file:plain?chain=blake3"]);
    assert!(code != Some(0) && required["faults"][0]["fault"].as_str().unwrap().contains("there is none"));
    let (code, refused) = engine.answer(&["verify", "--store", "file:plain?chain=md5"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(2), &json!("usage")), "{refused}");
}
