//! Filters: a reader gets the events it chose, and no other, and always comes on.

use super::{Fixture, Opened, kit::*};
use crate::{DeleteMode, Filter, ReadAll, filter::Choice};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// One event of each, in this order, among events of the system.
const WRITTEN: [(&str, &str); 9] = [
    ("account-1", "AccountOpened"),
    ("account-2", "AccountOpened"),
    ("account", "AccountOpened"),
    ("accounting-1", "LedgerOpened"),
    ("account-1", "MoneyDeposited"),
    ("transfer-1", "TransferStarted"),
    ("account-2", "$link"),
    ("$ours-1", "Noted"),
    ("transfer-1-a", "MoneyDeposited"),
];

async fn prepare(fixture: &dyn Fixture) -> Opened {
    let store = open(fixture).await;
    for (name, event_type) in WRITTEN {
        put_one(&store, &stream(name), event_type).await;
    }
    store.set_stream_metadata(&stream("account-1"), Any, crate::StreamMetadata::default()).await.unwrap();
    put(&store, &stream("gone-1"), 1).await;
    store.delete_stream(&stream("gone-1"), Any, DeleteMode::Tombstone).await.unwrap();
    store
}

/// Filters, and which of the events above (by index) pass them.
fn table() -> Vec<(Choice, Vec<usize>)> {
    let choice = Choice::default;
    vec![
        (Choice { streams: texts(&["account-1"]), ..choice() }, vec![0, 4]),
        (Choice { streams: texts(&["account-1", "account"]), ..choice() }, vec![0, 2, 4]),
        (Choice { streams: texts(&["nothing-1"]), ..choice() }, vec![]),
        (Choice { categories: texts(&["account"]), ..choice() }, vec![0, 1, 4]),
        (Choice { categories: texts(&["account", "transfer"]), ..choice() }, vec![0, 1, 4, 5, 8]),
        (Choice { categories: texts(&["account"]), system: true, ..choice() }, vec![0, 1, 4, 6]),
        (Choice { stream_prefixes: texts(&["account"]), ..choice() }, vec![0, 1, 2, 3, 4]),
        (Choice { stream_prefixes: texts(&["transfer-1-", "acc%"]), ..choice() }, vec![8]),
        (Choice { stream_prefixes: texts(&["$ours"]), ..choice() }, vec![]),
        (Choice { stream_prefixes: texts(&["$ours"]), system: true, ..choice() }, vec![7]),
        (Choice { event_types: texts(&["MoneyDeposited"]), ..choice() }, vec![4, 8]),
        (Choice { event_types: texts(&["Money"]), ..choice() }, vec![]),
        (Choice { event_types: texts(&["$link"]), ..choice() }, vec![]),
        (Choice { event_types: texts(&["$link", "Noted"]), system: true, ..choice() }, vec![6, 7]),
        (Choice { event_type_prefixes: texts(&["Money", "Transfer"]), ..choice() }, vec![4, 5, 8]),
        (
            Choice {
                categories: texts(&["transfer"]),
                streams: texts(&["account"]),
                event_types: texts(&["AccountOpened"]),
                event_type_prefixes: texts(&["Mon"]),
                ..choice()
            },
            vec![2, 8],
        ),
    ]
}

pub async fn every_filter_lets_pass_what_it_names_as_in_the_table(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    for (choice, wanted) in table() {
        let wanted: Vec<_> = wanted.into_iter().map(|index| WRITTEN[index]).collect();
        let filter = Filter::new(choice.clone());
        for limit in [1, 2, 7, 1_000, usize::MAX] {
            let events = read_all_by(&store, ReadAll::forwards().limit(limit).filter(filter.clone())).await;
            let names =
                |event: &crate::RecordedEvent| (event.stream.to_string(), event.event_type.to_string());
            let forwards: Vec<_> = events.iter().map(names).collect();
            let forwards: Vec<_> = forwards.iter().map(|(name, kind)| (&**name, &**kind)).collect();
            assert_eq!(forwards, wanted, "{choice:?} in pages of {limit}");
            let mut back =
                read_all_by(&store, ReadAll::backwards().limit(limit).filter(filter.clone())).await;
            back.reverse();
            assert_eq!(back, events, "{choice:?} in pages of {limit}, backwards");
        }
    }
}

pub async fn events_of_the_system_are_told_only_to_those_who_ask(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    let is_system =
        |event: &crate::RecordedEvent| event.stream.is_system() || event.event_type.starts_with('$');
    let domain = read_all(&store, Filter::domain()).await;
    assert_eq!(domain.len(), 8);
    assert!(!domain.iter().any(is_system));

    let everything = read_all(&store, Filter::everything()).await;
    let has = |name: &str, kind: &str| {
        everything.iter().any(|event| event.stream.as_str() == name && &*event.event_type == kind)
    };
    assert!(has("$$account-1", "$metadata") && has("gone-1", "$streamDeleted"));
    assert!(has("account-2", "$link") && has("$ours-1", "Noted"));
    let without: Vec<_> = everything.into_iter().filter(|event| !is_system(event)).collect();
    assert_eq!(without, domain);
}

pub async fn a_filtered_read_comes_to_the_end_past_many_events_that_do_not_pass(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put_one(&store, &stream("wanted-1"), "First").await;
    for _ in 0..13 {
        put(&store, &stream("noise-1"), 1_000).await;
    }
    put_one(&store, &stream("wanted-1"), "Last").await;
    let filter = Filter::category("wanted");
    let forwards = read_all_by(&store, ReadAll::forwards().limit(5).filter(filter.clone())).await;
    assert_eq!(revisions(&forwards), [0, 1]);
    let backwards = read_all_by(&store, ReadAll::backwards().limit(5).filter(filter)).await;
    assert_eq!(revisions(&backwards), [1, 0]);
    let nothing = read_all_by(&store, ReadAll::forwards().filter(Filter::category("nothing"))).await;
    assert_eq!(nothing, []);
}
