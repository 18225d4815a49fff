//! How metadata looks in JSON, and ids that are derived.

#![allow(missing_docs)]

use std::collections::BTreeSet;

use engine_types::{CommandId, Metadata};
use serde_json::{Map, Value, json};
use uuid::Uuid;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(entries) => entries,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn empty_metadata_is_an_empty_object() {
    assert_eq!(serde_json::to_string(&Metadata::default()).unwrap(), "{}");
    assert_eq!(serde_json::from_str::<Metadata>("{}").unwrap(), Metadata::default());
}

#[test]
fn the_engines_entries_begin_with_a_dollar_beside_the_users() {
    let metadata = Metadata {
        correlation_id: Some("chain".into()),
        causation_id: Some(Uuid::nil().into()),
        command: Some("DepositMoney".into()),
        command_causation_id: Some("event".into()),
        process: Some("transfers-t1".into()),
        schema_version: Some(2),
        user: object(json!({ "user": "ann", "nested": { "a": [1] } })),
    };
    let written = serde_json::to_value(&metadata).unwrap();
    assert_eq!(
        written,
        json!({
            "$correlationId": "chain",
            "$causationId": "00000000-0000-0000-0000-000000000000",
            "$command": "DepositMoney",
            "$commandCausationId": "event",
            "$process": "transfers-t1",
            "$schemaVersion": 2,
            "user": "ann",
            "nested": { "a": [1] },
        })
    );
    assert_eq!(serde_json::from_value::<Metadata>(written).unwrap(), metadata);
}

#[test]
fn a_strange_correlation_id_of_another_system_leaves_the_rest_readable() {
    let foreign = json!({ "$correlationId": 42, "$causationId": { "a": 1 }, "by": "ann" });
    let metadata: Metadata = serde_json::from_value(foreign).unwrap();
    assert_eq!(metadata.correlation_id, Some("42".into()));
    assert_eq!(metadata.causation_id, None);
    assert_eq!(metadata.user["by"], "ann");
}

#[test]
fn entries_of_other_systems_are_kept() {
    let foreign = json!({ "$correlationId": "x", "$traceId": 7, "by": "ann" });
    let metadata: Metadata = serde_json::from_value(foreign.clone()).unwrap();
    assert_eq!(metadata.user["$traceId"], 7);
    assert_eq!(serde_json::to_value(metadata).unwrap(), foreign);
}

#[test]
fn users_cannot_set_the_engines_entries() {
    assert_eq!(Metadata::check_user_entries(&object(json!({ "by": "ann", "a$b": 1 }))), Ok(()));
    let fault =
        Metadata::check_user_entries(&object(json!({ "by": "ann", "$causationId": "x" }))).unwrap_err();
    assert_eq!(fault.key, "$causationId");
    assert!(fault.to_string().contains("`$causationId`"));
}

#[test]
fn the_command_is_the_causation_id_if_it_is_one_of_ours() {
    let caused_by = |id: &str| Metadata { causation_id: Some(id.into()), ..Metadata::default() };
    let id = Uuid::from_u128(7);
    assert_eq!(caused_by(&id.to_string()).command_id(), Some(CommandId(id)));
    assert_eq!(caused_by("order 17").command_id(), None);
    assert_eq!(Metadata::default().command_id(), None);
}

#[test]
fn event_ids_follow_from_command_stream_and_index() {
    let command = CommandId(Uuid::from_u128(7));
    assert_eq!(command.event_id("account-a", 0), command.event_id("account-a", 0));
    let others = [
        command.event_id("account-a", 1),
        command.event_id("account-b", 0),
        CommandId(Uuid::from_u128(8)).event_id("account-a", 0),
    ];
    assert!(!others.contains(&command.event_id("account-a", 0)));
}

#[test]
fn event_ids_never_change() {
    // On disk for ever: a change here would make every retry of an old command write its events again. Computed
    // with another implementation, which passes the test vectors of SipHash's authors.
    for (command, stream, index, expected) in [
        ("00000000-0000-0000-0000-000000000007", "account-a", 0, "ac2bc3d0-f412-82c5-a24c-7429c61b4e95"),
        ("0190a5f0-7b1c-7cc3-98c4-dc0c0c07398f", "account-jsdf", 1, "1f9e45e0-cc0e-883e-b76f-271cdce0baaf"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "zähler-ü", 70_003, "4999c184-45ba-8157-a90e-d605f486b47f"),
    ] {
        let command = CommandId(Uuid::try_parse(command).unwrap());
        assert_eq!(command.event_id(stream, index).to_string(), expected);
    }
}

#[test]
fn event_ids_of_commands_that_are_nearly_the_same_have_nothing_in_common() {
    let mut seen = BTreeSet::new();
    for number in 0..1_000 {
        for stream in ["account-1", "account-2", "account-12"] {
            for index in 0..4 {
                seen.insert(CommandId(Uuid::from_u128(number)).event_id(stream, index));
            }
        }
    }
    assert_eq!(seen.len(), 12_000);
    // As of random ones: each of the 122 bits is set in about half of them, within six standard deviations.
    let ones = |bit: u32| seen.iter().filter(|id| id.as_u128() >> bit & 1 == 1).count();
    let (version, variant) = (76..80, 62..64);
    for bit in (0..128).filter(|bit| !version.contains(bit) && !variant.contains(bit)) {
        assert!(ones(bit).abs_diff(6_000) < 330, "bit {bit} is set in {} of 12,000", ones(bit));
    }
}
