//! What has to be true of the events at the end, whatever has happened.

use std::collections::BTreeMap;

use engine_store::{EventStore, ReadAll, RecordedEvent, memory::MemoryStore};
use engine_types::CommandId;
use serde_json::Value;

use super::{
    bank::{GIFT, SIGNATURE},
    witness,
};
use crate::support::events_of;

/// Checks the events; answers what they tell.
pub async fn check(memory: &MemoryStore, orders: u64, paid_in: u64) -> Vec<String> {
    let page = memory.read_all(ReadAll::forwards().limit(100_000)).await.unwrap();
    sum(&page.events, paid_in);
    once(&page.events);
    let mut told = witness::check(&page.events);
    for number in 0..orders {
        told.extend(order(memory, &format!("o{number}")).await);
    }
    told
}

/// Whether an event is one of the bank's own.
pub fn is_of_the_bank(event: &RecordedEvent) -> bool {
    ["pot-", "order-"].iter().any(|prefix| event.stream.as_str().starts_with(prefix))
}

pub fn data(event: &RecordedEvent) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

/// There is as much as was paid in and was given.
fn sum(events: &[RecordedEvent], paid_in: u64) {
    let amount = |event: &RecordedEvent| i64::try_from(data(event)["amount"].as_u64().unwrap()).unwrap();
    let is_gift = |event: &&RecordedEvent| &*event.event_type == "Given";
    let there: i64 = events
        .iter()
        .filter(|event| event.stream.as_str().starts_with("pot-"))
        .map(|event| match &*event.event_type {
            "PaidIn" => amount(event),
            "PaidOut" => -amount(event),
            "Given" => i64::try_from(GIFT).unwrap(),
            _ => 0,
        })
        .sum();
    let given = GIFT * events.iter().filter(is_gift).count() as u64;
    assert_eq!(there, i64::try_from(paid_in + given).unwrap());
}

/// No command has taken effect twice.
fn once(events: &[RecordedEvent]) {
    let mut seen: BTreeMap<CommandId, &RecordedEvent> = BTreeMap::new();
    for event in events.iter().filter(|event| is_of_the_bank(event)) {
        let command = event.parsed_metadata().command_id().unwrap();
        if let Some(before) = seen.insert(command, event) {
            panic!("{command} took effect twice: {}, {}", before.stream, event.stream);
        }
    }
}

/// An order ends once, by what has happened to it; its timer was due once at most, and never early.
async fn order(memory: &MemoryStore, id: &str) -> Vec<String> {
    let mut told = Vec::new();
    let events = events_of(memory, &format!("order-{id}")).await;
    let Some(asked) = events.first() else { return told };
    let ends: Vec<_> = events
        .iter()
        .filter(|event| ["OrderExpired", "OrderCompleted", "OrderFailed"].contains(&&*event.event_type))
        .collect();
    assert_eq!(ends.len(), 1, "{id}: {events:?}");
    told.push(match &*ends[0].event_type {
        "OrderExpired" => "expired".to_owned(),
        "OrderCompleted" => "completed".to_owned(),
        _ => "failed".to_owned(),
    });
    if &*ends[0].event_type == "OrderExpired" {
        assert!(ends[0].created.since(asked.created) >= SIGNATURE, "{id} expired early");
    }
    let entries = events_of(memory, &format!("mover-{id}")).await;
    let due = entries.iter().filter(|entry| &*entry.event_type == "$ProcessTimer").count();
    assert!(due <= 1, "{id}: the timer was due {due} times");
    if entries.iter().any(|entry| &*entry.event_type == "$ProcessRefused") {
        told.push("refunded".to_owned());
    }
    told
}
