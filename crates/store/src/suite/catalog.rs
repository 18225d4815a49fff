//! The catalogue: which streams there are, and which types of events.

use engine_types::Revision;

use super::{Fixture, Opened, kit::*};
use crate::{StreamMetadata, StreamQuery};

async fn names(store: &Opened, query: StreamQuery) -> Vec<String> {
    store.streams(query).await.unwrap().streams.iter().map(|info| info.stream.to_string()).collect()
}

async fn prepare(fixture: &dyn Fixture) -> Opened {
    let store = open(fixture).await;
    for name in [
        "account-2",
        "account-10",
        "transfer-1",
        "account-1",
        "accounting-1",
        "Account-1",
        "account",
        "a_%",
        "$ours-1",
    ] {
        put(&store, &stream(name), 1).await;
    }
    put(&store, &stream("account-1"), 2).await;
    store.set_stream_metadata(&stream("account-1"), Any, StreamMetadata::default()).await.unwrap();
    store.set_stream_metadata(&stream("nothing-1"), Any, StreamMetadata::default()).await.unwrap();
    store
}

pub async fn streams_are_listed_in_order_of_their_bytes_without_those_of_the_system(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    let page = store.streams(StreamQuery::default()).await.unwrap();
    let listed: Vec<_> = page.streams.iter().map(|info| (info.stream.as_str(), info.last.0)).collect();
    let wanted = [
        ("Account-1", 0),
        ("a_%", 0),
        ("account", 0),
        ("account-1", 2),
        ("account-10", 0),
        ("account-2", 0),
        ("accounting-1", 0),
        ("transfer-1", 0),
    ];
    assert_eq!(listed, wanted);
    assert!(!page.more);
}

pub async fn streams_are_listed_by_prefix(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    let by =
        |prefix: &str| names(&store, StreamQuery { prefix: prefix.to_owned(), ..StreamQuery::default() });
    assert_eq!(by("account-1").await, ["account-1", "account-10"]);
    assert_eq!(by("a_").await, ["a_%"], "the prefix is text, not a pattern");
    assert_eq!(by("nothing").await, [""; 0]);
    assert_eq!(by("$ours").await, ["$ours-1"]);
    assert_eq!(by("$$account-").await, ["$$account-1"]);
}

pub async fn streams_are_listed_by_category(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    let of = |category: &str| StreamQuery { category: Some(category.to_owned()), ..StreamQuery::default() };
    assert_eq!(names(&store, of("account")).await, ["account-1", "account-10", "account-2"]);
    assert_eq!(names(&store, of("acc")).await, [""; 0]);
    let both = StreamQuery { prefix: "account-1".to_owned(), ..of("account") };
    assert_eq!(names(&store, both).await, ["account-1", "account-10"]);
    let neither = StreamQuery { prefix: "account-1".to_owned(), ..of("transfer") };
    assert_eq!(names(&store, neither).await, [""; 0]);
}

pub async fn streams_are_listed_page_by_page(fixture: &dyn Fixture) {
    let store = prepare(fixture).await;
    let all = names(&store, StreamQuery::default()).await;
    for limit in 1..=9 {
        let mut query = StreamQuery { limit, ..StreamQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.streams(query.clone()).await.unwrap();
            assert!(page.streams.len() <= limit);
            seen.extend(page.streams.iter().map(|info| info.stream.to_string()));
            assert_eq!(page.more, seen.len() < all.len(), "pages of {limit}");
            if !page.more {
                break;
            }
            query.after = page.streams.last().map(|info| info.stream.clone());
        }
        assert_eq!(seen, all, "pages of {limit}");
    }
    let between = StreamQuery { after: Some(stream("account-15")), limit: 2, ..StreamQuery::default() };
    assert_eq!(names(&store, between).await, ["account-2", "accounting-1"]);
    let behind = StreamQuery { after: Some(stream("zzz")), ..StreamQuery::default() };
    assert_eq!(names(&store, behind).await, [""; 0]);
}

pub async fn a_limit_of_zero_lists_a_thousand_streams(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for number in 0..1_001 {
        put(&store, &stream(&format!("account-{number:04}")), 1).await;
    }
    let page = store.streams(StreamQuery::default()).await.unwrap();
    assert_eq!((page.streams.len(), page.more), (1_000, true));
    let after = page.streams.last().map(|info| info.stream.clone());
    let page = store.streams(StreamQuery { after, ..StreamQuery::default() }).await.unwrap();
    assert_eq!((page.streams.len(), page.more), (1, false));
    assert_eq!((page.streams[0].stream.as_str(), page.streams[0].last), ("account-1000", Revision(0)));
}

pub async fn event_types_are_listed_by_category_with_their_number(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for (name, event_type, count) in [
        ("transfer-1", "Started", 1),
        ("account-1", "Opened", 1),
        ("account-2", "Opened", 1),
        ("account-2", "Deposited", 3),
        ("nocategory", "Opened", 2),
    ] {
        for _ in 0..count {
            put_one(&store, &stream(name), event_type).await;
        }
    }
    store.set_stream_metadata(&stream("account-1"), Any, StreamMetadata::default()).await.unwrap();
    let mut listed = store.event_types().await.unwrap();
    listed.retain(|entry| !entry.event_type.starts_with('$'));
    let mut names: Vec<_> =
        listed.iter().map(|entry| (entry.category.as_deref(), entry.event_type.as_str())).collect();
    names.sort_unstable();
    let wanted = [
        (None, "Opened"),
        (Some("account"), "Deposited"),
        (Some("account"), "Opened"),
        (Some("transfer"), "Started"),
    ];
    assert_eq!(names, wanted);
    for entry in listed {
        let wanted = match (entry.category.as_deref(), entry.event_type.as_str()) {
            (Some("account"), "Deposited") => 3,
            (Some("transfer"), _) => 1,
            _ => 2,
        };
        assert!(entry.count.is_none_or(|count| count == wanted), "{entry:?}");
    }
}
