//! Documents: versioned values beside the events, written on condition, listed in order.

use bytes::Bytes;

use super::{Fixture, Opened, kit::*};
use crate::{
    AppendError, Document, DocumentKey,
    ExpectedVersion::{self, Absent, Any, Exact},
};

fn key(text: &str) -> DocumentKey {
    DocumentKey::new(text).expect("the suite writes valid keys")
}

async fn save(
    store: &Opened,
    name: &str,
    expected: ExpectedVersion,
    content: &str,
) -> Result<u64, AppendError> {
    store.save_document(&key(name), expected, Bytes::copy_from_slice(content.as_bytes())).await
}

#[track_caller]
fn assert_document_conflict(
    result: Result<u64, AppendError>,
    name: &str,
    wanted: ExpectedVersion,
    there: u64,
) {
    match result {
        Err(AppendError::DocumentConflict { key: of, expected, actual }) => {
            assert_eq!((of, expected, actual), (key(name), wanted, there));
        }
        other => panic!("expected a conflict on document {name}, got {other:?}"),
    }
}

async fn keys(store: &Opened, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(key);
    let keys = store.documents(prefix, after.as_ref(), limit).await.unwrap();
    keys.iter().map(|key| key.as_str().to_owned()).collect()
}

pub async fn a_document_counts_its_versions_from_one(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    assert_eq!(store.load_document(&key("checkpoint/a")).await.unwrap(), None);
    for (version, content) in [(1, "one"), (2, ""), (3, "three")] {
        assert_eq!(save(&store, "checkpoint/a", Any, content).await.unwrap(), version);
        let document = Document { version, content: Bytes::copy_from_slice(content.as_bytes()) };
        assert_eq!(store.load_document(&key("checkpoint/a")).await.unwrap(), Some(document));
    }
    assert_eq!(store.load_document(&key("checkpoint/b")).await.unwrap(), None);
}

pub async fn a_document_holds_any_bytes_under_any_text(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let content: Bytes = (0..=255).cycle().take(100_000).collect::<Vec<u8>>().into();
    let long = "k".repeat(crate::document::MAX_KEY_BYTES);
    for name in ["snapshot/口座-🙂", "a b'%_\\\"", "$system", "/", &long] {
        store.save_document(&key(name), Absent, content.clone()).await.unwrap();
        let document = store.load_document(&key(name)).await.unwrap().unwrap();
        assert_eq!((document.version, &document.content), (1, &content), "{name}");
    }
}

pub async fn a_document_is_written_only_on_the_version_it_is_expected_to_have(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let name = "lease/a";
    for expected in [Exact(1), Exact(0)] {
        assert_document_conflict(save(&store, name, expected, "x").await, name, expected, 0);
    }
    assert_eq!(store.load_document(&key(name)).await.unwrap(), None);
    assert_eq!(save(&store, name, Absent, "first").await.unwrap(), 1);
    for expected in [Absent, Exact(0), Exact(2), Exact(u64::MAX)] {
        assert_document_conflict(save(&store, name, expected, "x").await, name, expected, 1);
    }
    assert_eq!(save(&store, name, Exact(1), "second").await.unwrap(), 2);
    assert_document_conflict(save(&store, name, Exact(1), "x").await, name, Exact(1), 2);
    assert_eq!(&store.load_document(&key(name)).await.unwrap().unwrap().content[..], b"second");
}

pub async fn a_deleted_document_is_absent_and_begins_anew(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let name = "snapshot/a";
    store.delete_document(&key(name)).await.unwrap();
    save(&store, name, Any, "one").await.unwrap();
    save(&store, name, Any, "two").await.unwrap();
    store.delete_document(&key(name)).await.unwrap();
    store.delete_document(&key(name)).await.unwrap();
    assert_eq!(store.load_document(&key(name)).await.unwrap(), None);
    assert_eq!(keys(&store, "", None, 10).await, [""; 0]);
    assert_document_conflict(save(&store, name, Exact(2), "x").await, name, Exact(2), 0);
    assert_eq!(save(&store, name, Absent, "new").await.unwrap(), 1);
}

pub async fn documents_are_listed_by_prefix_in_order_of_their_bytes(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for name in ["b/2", "a/1", "b/10", "b/1", "b", "c/1", "B/1", "b/é", "b%"] {
        save(&store, name, Absent, "x").await.unwrap();
    }
    assert_eq!(keys(&store, "b/", None, 100).await, ["b/1", "b/10", "b/2", "b/é"]);
    assert_eq!(keys(&store, "b/1", None, 100).await, ["b/1", "b/10"]);
    assert_eq!(keys(&store, "b%", None, 100).await, ["b%"]);
    assert_eq!(keys(&store, "d", None, 100).await, [""; 0]);
    let all = ["B/1", "a/1", "b", "b%", "b/1", "b/10", "b/2", "b/é", "c/1"];
    assert_eq!(keys(&store, "", None, usize::MAX).await, all);
}

pub async fn documents_are_listed_page_by_page(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let all: Vec<_> = (0..10).map(|number| format!("b/{number}")).collect();
    for name in &all {
        save(&store, name, Absent, "x").await.unwrap();
    }
    save(&store, "c/1", Absent, "x").await.unwrap();
    for limit in [1, 3, 10, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = keys(&store, "b/", after.as_deref(), limit).await;
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            seen.extend(page);
        }
        assert_eq!(seen, all, "{limit}");
    }
    assert_eq!(keys(&store, "b/", Some("b/55"), 2).await, ["b/6", "b/7"]);
    assert_eq!(keys(&store, "b/", Some("a"), 1).await, ["b/0"]);
    assert_eq!(keys(&store, "b/", Some("c"), 1).await, [""; 0]);
}

pub async fn documents_are_no_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 1).await;
    let before = domain(&store).await;
    save(&store, "checkpoint/a", Any, "x").await.unwrap();
    store.delete_document(&key("checkpoint/a")).await.unwrap();
    save(&store, "account-1", Any, "x").await.unwrap();
    assert_eq!(domain(&store).await, before);
    assert_eq!(store.streams(crate::StreamQuery::default()).await.unwrap().streams.len(), 1);
    assert_eq!(read(&store, &stream("account-1")).await.unwrap(), before);
}

pub async fn of_many_writers_of_one_version_exactly_one_wins(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for version in 0..5 {
        let expected = if version == 0 { Absent } else { Exact(version) };
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let store = store.clone();
            writers.spawn(async move { save(&store, "lease/a", expected, "mine").await });
        }
        let mut winners = 0;
        for result in finished("the writers", writers.join_all()).await {
            match result {
                Ok(won) => {
                    assert_eq!(won, version + 1);
                    winners += 1;
                }
                result => assert_document_conflict(result, "lease/a", expected, version + 1),
            }
        }
        assert_eq!(winners, 1);
    }
}
