//! Moving events between stores: nothing is lost, and a second try does nothing twice.

#![allow(missing_docs, clippy::unwrap_used)]

use engine_store::{
    AppendRequest, ContentType, DeleteMode, EventStore, NewEvent, ReadAll, RecordedEvent, StreamMetadata,
    memory::MemoryStore,
    transfer::{ImportError, Imported, Importer, Revisions, export, parse},
};
use engine_types::{ExpectedRevision, Position, StreamName};
use proptest::prelude::*;
use uuid::Uuid;

fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

fn event(data: &[u8], metadata: &[u8], content_type: ContentType) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        event_type: "Noted".into(),
        content_type,
        data: data.to_vec().into(),
        metadata: metadata.to_vec().into(),
    }
}

async fn all(store: &dyn EventStore) -> Vec<RecordedEvent> {
    store.read_all(ReadAll::forwards().limit(100_000)).await.unwrap().events
}

fn lines(file: &[u8]) -> usize {
    file.split(|byte| *byte == b'\n').count() - 1
}

async fn exported(store: &dyn EventStore, after: Option<Position>) -> Vec<u8> {
    let mut file = Vec::new();
    export(store, after, &mut file, |_| ()).await.unwrap();
    file
}

async fn imported(
    store: &dyn EventStore,
    file: &[u8],
    revisions: Revisions,
) -> Result<Imported, ImportError> {
    let mut importer = Importer::new(store, revisions);
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        importer.take(parse(line).unwrap()).await?;
    }
    importer.finish().await
}

/// A store with all that a store can hold: several streams, strange bytes, metadata, deletions, a tombstone.
async fn eventful() -> MemoryStore {
    let store = MemoryStore::new();
    let append = async |name: &str, events| {
        store.append(AppendRequest::to(stream(name), ExpectedRevision::Any, events)).await.unwrap();
    };
    let json = |data: &[u8]| event(data, b"{\"$correlationId\":\"c\"}", ContentType::Json);
    append("account-1", vec![json(b"{\"big\":123456789012345678901234567890, \"spaced\" : 0.10}")]).await;
    append("account-2", vec![json(b"{\n}"), event(b"", b"", ContentType::Binary), json(b"no json")]).await;
    append(
        "account-1",
        vec![event(b"\xff\x00\n", b"\xfe", ContentType::Binary), json(b"\"\\u2028 \xe2\x80\xa8\"")],
    )
    .await;
    let limits = StreamMetadata { max_count: Some(7), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limits).await.unwrap();
    store.delete_stream(&stream("account-2"), ExpectedRevision::Any, DeleteMode::Soft).await.unwrap();
    append("account-2", vec![json(b"[]")]).await;
    append("gone-1", vec![json(b"{}")]).await;
    store.delete_stream(&stream("gone-1"), ExpectedRevision::Any, DeleteMode::Tombstone).await.unwrap();
    append("account-3", (0..3_000).map(|_| json(b"{}")).collect()).await;
    store
}

#[tokio::test]
async fn a_store_that_was_moved_is_the_same_store() {
    let old = eventful().await;
    let new = MemoryStore::new();
    let file = exported(&old, None).await;
    let count = imported(&new, &file, Revisions::Kept).await.unwrap();
    let (before, after) = (all(&old).await, all(&new).await);
    assert_eq!(count, Imported { events: before.len() as u64, ..Imported::default() });
    let tombstone = before.iter().position(|event| &*event.event_type == "$streamDeleted").unwrap();
    for (index, (before, after)) in before.iter().zip(&after).enumerate() {
        if index == tombstone {
            assert_eq!((&before.stream, before.revision), (&after.stream, after.revision));
        } else {
            assert_eq!(before, after);
        }
    }
    assert_eq!(before.len(), after.len());
    let (limits, _) = new.stream_metadata(&stream("account-1")).await.unwrap();
    assert_eq!(limits.max_count, Some(7));
}

#[tokio::test]
async fn an_import_that_is_begun_again_writes_only_what_is_missing() {
    let old = eventful().await;
    let new = MemoryStore::new();
    let file = exported(&old, None).await;
    let half = file.len() / 2 - file[..file.len() / 2].iter().rev().position(|byte| *byte == b'\n').unwrap();
    let first = imported(&new, &file[..half], Revisions::Kept).await.unwrap();
    let second = imported(&new, &file, Revisions::Kept).await.unwrap();
    assert!(first.events > 0 && second.events > 0);
    assert_eq!(all(&new).await.len(), all(&old).await.len());
    let third = imported(&new, &file, Revisions::Kept).await.unwrap();
    assert_eq!(third.events, 0);
    assert_eq!(third.already_there + third.in_closed_streams, all(&old).await.len() as u64);
}

#[tokio::test]
async fn an_export_goes_on_behind_its_last_event() {
    let store = eventful().await;
    let whole = exported(&store, None).await;
    let rest = exported(&store, Some(Position(2))).await;
    assert!(whole.ends_with(&rest));
    assert_eq!(lines(&whole) - 3, lines(&rest));
    let head = store.head().await.unwrap();
    assert!(exported(&store, head).await.is_empty());
}

#[tokio::test]
async fn events_that_do_not_fit_are_refused_with_their_place_or_renumbered() {
    let (old, new) = (MemoryStore::new(), MemoryStore::new());
    let notes = |count: usize| (0..count).map(|_| event(b"{}", b"", ContentType::Json)).collect();
    old.append(AppendRequest::to(stream("note-1"), ExpectedRevision::NoStream, notes(3))).await.unwrap();
    new.append(AppendRequest::to(stream("note-1"), ExpectedRevision::NoStream, notes(1))).await.unwrap();
    let file = exported(&old, None).await;
    let refused = imported(&new, &file, Revisions::Kept).await.unwrap_err();
    assert!(refused.to_string().starts_with("stream `note-1` cannot go on with revision 0"), "{refused}");
    assert_eq!(imported(&new, &file, Revisions::Renumbered).await.unwrap().events, 3);
    assert_eq!(all(&new).await.len(), 4);
}

#[test]
fn a_line_that_is_no_event_says_what_is_wrong() {
    let good = r#""stream":"a","revision":0,"position":0,"id":"00000000-0000-0000-0000-000000000000","type":"T","created":"1970-01-01T00:00:00Z""#;
    for (line, fault) in [
        ("{".to_owned(), "EOF"),
        (format!("{{{good}}}"), "neither `data` nor `data_base64`"),
        (format!(r#"{{{good},"data":1,"data_base64":"AA=="}}"#), "both `data` and `data_base64`"),
        (format!(r#"{{{good},"data_base64":"%"}}"#), "`data_base64`"),
        (format!(r#"{{{good},"data":1,"content_type":"text/plain"}}"#), "content type"),
        (format!(r#"{{{good},"data":1}}"#).replace("\"a\"", "\"\""), "`stream`: must not be empty"),
        (format!(r#"{{{good},"data":1}}"#).replace("1970-01-01", "1970-13-01"), "`created`"),
    ] {
        let error = parse(line.as_bytes()).unwrap_err().at_line(7).to_string();
        assert!(error.starts_with("line 7: ") && error.contains(fault), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_survive_the_way_through_a_line(data: Vec<u8>, metadata: Vec<u8>, binary: bool, micros in -1_000_000_000_000_i64..4_000_000_000_000_000) {
        let recorded = RecordedEvent {
            stream: stream("any-1"),
            revision: engine_types::Revision(3),
            position: Position(u64::MAX),
            id: Uuid::from_u128(9),
            event_type: "Any \"thing\" \u{1F980}".into(),
            content_type: if binary { ContentType::Binary } else { ContentType::Json },
            data: data.into(),
            metadata: metadata.into(),
            created: engine_store::Timestamp::from_micros(micros),
        };
        let mut line = Vec::new();
        engine_store::transfer::write_line(&recorded, &mut line).unwrap();
        prop_assert_eq!(lines(&line), 1);
        let read = parse(&line).unwrap();
        prop_assert_eq!(read.event.data, recorded.data);
        prop_assert_eq!(read.event.metadata, recorded.metadata);
        prop_assert_eq!(read.event.content_type, recorded.content_type);
        prop_assert_eq!(&*read.event.event_type, &*recorded.event_type);
        prop_assert_eq!((read.stream, read.revision, read.position, read.created, read.event.id),
            (recorded.stream, recorded.revision, recorded.position, recorded.created, recorded.id));
    }

    #[test]
    fn no_line_makes_the_reader_panic(line: Vec<u8>) {
        let _ = parse(&line);
    }
}
