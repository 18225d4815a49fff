//! Commands and states that are known only by name: what the prompt and HTTP use.

use engine_runtime::{Body, SendError, SendOptions};
use engine_store::EventStore;
use engine_types::{CurrentRevision, Revision};
use serde_json::{Value, json};

use crate::support::{account, bus_on, command_id, faulty::FaultyStore, types_of};

fn texts(fields: &[(&str, &str)]) -> Body {
    Body::Texts(fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

fn none() -> SendOptions {
    SendOptions::default()
}

#[tokio::test]
async fn a_command_is_sent_by_its_name_as_json_and_as_texts() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_by_name("CreateAccount", Body::Json(json!({ "id": "a" })), none()).await.unwrap();
    let options = SendOptions { command_id: Some(command_id(1)), return_state: true, ..none() };
    let body = texts(&[("id", "a"), ("amount", "23")]);
    let receipt = bus.send_by_name("DepositMoney", body, options).await.unwrap();
    assert_eq!(
        serde_json::to_value(receipt).unwrap(),
        json!({
            "stream": "account-a",
            "revision": 1,
            "position": 1,
            "events": [{ "type": "MoneyDeposited", "data": { "amount": 23 } }],
            "state": { "status": "Open", "balance": 23, "name": "" },
            "command_id": command_id(1),
            "correlation_id": command_id(1),
            "duplicate": false,
        })
    );
}

#[tokio::test]
async fn an_answer_without_events_has_no_position_and_perhaps_no_revision() {
    let bus = bus_on(&FaultyStore::new()).await;
    let receipt = bus.send_by_name("Count", texts(&[("id", "m"), ("by", "1"), ("events", "0")]), none());
    let receipt = serde_json::to_value(receipt.await.unwrap()).unwrap();
    assert_eq!((&receipt["revision"], &receipt["position"]), (&Value::Null, &Value::Null));
    assert_eq!(receipt.get("state"), None);
}

#[tokio::test]
async fn an_unknown_command_is_answered_with_the_nearest_name() {
    let bus = bus_on(&FaultyStore::new()).await;
    let error = bus.send_by_name("depositmony", texts(&[]), none()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no command `depositmony`; did you mean `DepositMoney`?");
    let error = bus.dry_run_by_name("Zzz", texts(&[]), none()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no command `Zzz`");
    assert_eq!(error.kind(), "unknown_command");
}

#[tokio::test]
async fn a_field_at_fault_is_named_and_nothing_is_written() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for (fields, field) in [
        (&[("id", "a")][..], "amount"),
        (&[("id", "a"), ("amount", "-1")], "amount"),
        (&[("id", "a"), ("amount", "1.5")], "amount"),
        (&[("id", "a"), ("amount", "99999999999999999999")], "amount"),
        (&[("id", "a"), ("amount", "1"), ("colour", "red")], "colour"),
        (&[("id", "a"), ("amount", "1"), ("amount", "2")], "amount"),
        (&[("id", ""), ("amount", "1")], "id"),
        (&[("id", "a b"), ("amount", "1")], "id"),
    ] {
        for answer in [
            bus.send_by_name("DepositMoney", texts(fields), none()).await.map(drop),
            bus.dry_run_by_name("DepositMoney", texts(fields), none()).await.map(drop),
        ] {
            let Err(SendError::Invalid(fault)) = answer else { panic!("{fields:?}") };
            assert_eq!(fault.field.as_deref(), Some(field), "{fault}");
        }
    }
    assert_eq!(store.head().await.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_keeps_the_words_of_the_domain() {
    let bus = bus_on(&FaultyStore::new()).await;
    let error = bus.send_by_name("CloseAccount", texts(&[("id", "a")]), none()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), ("rejected", "the account does not exist"));
}

#[tokio::test]
async fn a_dry_run_decides_on_the_newest_state_and_writes_nothing() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    let dry_run = async |amount: &str| {
        one.dry_run_by_name("WithdrawMoney", texts(&[("id", "a"), ("amount", amount)]), none()).await
    };
    assert_eq!(dry_run("5").await.unwrap_err().kind(), "rejected");
    other.send_command(account::create("a")).await.unwrap();
    other.send_command(account::deposit("a", 5)).await.unwrap();
    let events = dry_run("5").await.unwrap();
    assert_eq!(
        serde_json::to_value(events).unwrap(),
        json!([{ "type": "MoneyWithdrawn", "data": { "amount": 5 } }])
    );
    other.send_command(account::withdraw("a", 1)).await.unwrap();
    assert_eq!(dry_run("5").await.unwrap()[0].event_type, "PaymentDeclined");
    assert_eq!(types_of(&store, "account-a").await.len(), 3);
}

#[tokio::test]
async fn a_dry_run_refuses_what_sending_would_refuse() {
    let bus = bus_on(&FaultyStore::new()).await;
    let expected = SendOptions { expected: Some(engine_types::ExpectedRevision::StreamExists), ..none() };
    let error = bus.dry_run(&account::create("a"), expected).await.unwrap_err();
    assert!(matches!(error, SendError::Conflict { actual: CurrentRevision::NoStream, .. }), "{error}");
    let metadata = [("$no".to_owned(), json!(1))].into_iter().collect();
    let error = bus.dry_run(&account::create("a"), SendOptions { metadata, ..none() }).await.unwrap_err();
    assert_eq!(error.kind(), "invalid");
}

#[tokio::test]
async fn a_state_is_told_by_the_name_of_its_category() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    let state = bus.state_by_name("account", "a", None).await.unwrap().unwrap();
    assert_eq!(state.state, json!({ "status": "Open", "balance": 5, "name": "" }));
    let past = bus.state_by_name("account", "a", Some(Revision(0))).await.unwrap().unwrap();
    assert_eq!(past.state["balance"], 0);
    assert!(bus.state_by_name("account", "b", None).await.unwrap().is_none());
}

#[tokio::test]
async fn the_map_tells_what_is_registered_as_data_as_text_and_as_a_diagram() {
    let map = bus_on(&FaultyStore::new()).await.map();
    let data = serde_json::to_value(&map).unwrap();
    assert_eq!((&data["app"], &data["aggregates"][1]["category"]), (&json!("tests"), &json!("meter")));
    assert_eq!(data["aggregates"][1]["snapshot_every"], 3);
    assert_eq!(data["aggregates"][0]["commands"][4]["fields"][1]["name"], "amount");
    assert!(map.commands().any(|(category, command)| (category, command.name) == ("meter", "Count")));

    let text = map.to_string();
    assert!(text.contains("aggregate meter\n  a snapshot every 3 events\n"), "{text}");
    assert!(text.contains("\n  command  DepositMoney { id: String, amount: u64 }\n"), "{text}");
    assert!(text.contains("\n  event    AccountRenamed (version 2)\n"), "{text}");

    let diagram = map.to_mermaid();
    assert!(diagram.starts_with("flowchart LR\n"), "{diagram}");
    assert!(diagram.contains("  a1[[\"meter\"]]\n"), "{diagram}");
    assert!(diagram.contains("  a1c0(\"Count\") --> a1\n"), "{diagram}");
    assert!(diagram.contains("  a1 --> a1e0>\"Counted\"]\n"), "{diagram}");
}
