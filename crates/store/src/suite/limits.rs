//! Limits: what is too large or malformed is refused with words that name the limit, and nothing is written.

use bytes::Bytes;
use engine_types::stream::MAX_STREAM_NAME_BYTES;

use super::{Fixture, Opened, kit::*};
use crate::{
    DeleteMode, DocumentKey, ExpectedVersion, NewEvent, StreamMetadata,
    append::{MAX_APPEND_BYTES, MAX_EVENT_BYTES},
    document::MAX_DOCUMENT_BYTES,
    event::MAX_EVENT_TYPE_BYTES,
};

/// Asserts that the store refuses these events beside a good one, and writes nothing.
async fn assert_refused(store: &Opened, bad: Vec<NewEvent>, word: &str) {
    let one = stream("account-1");
    let before = store.head().await.unwrap();
    let events = [events(1), bad].concat();
    assert_invalid(append(store, &one, Any, events).await, word);
    assert_eq!(store.head().await.unwrap(), before);
    assert_not_found(read(store, &one).await);
}

fn of_size(bytes: usize) -> Bytes {
    vec![b' '; bytes].into()
}

pub async fn an_event_over_the_limit_is_refused(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let limit = MAX_EVENT_BYTES.to_string();
    let data = of_size(MAX_EVENT_BYTES);
    let by_data = NewEvent { data: of_size(MAX_EVENT_BYTES + 1), ..event("Large") };
    assert_refused(&store, vec![by_data], &limit).await;
    let by_both = NewEvent { data, metadata: of_size(1), ..event("Large") };
    assert_refused(&store, vec![by_both], &limit).await;
}

pub async fn an_append_over_the_limit_is_refused(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let data = of_size(MAX_EVENT_BYTES);
    let too_many = MAX_APPEND_BYTES / MAX_EVENT_BYTES + 1;
    let large = (0..too_many).map(|_| NewEvent { data: data.clone(), ..event("Large") }).collect();
    assert_refused(&store, large, &MAX_APPEND_BYTES.to_string()).await;
}

pub async fn an_event_type_over_the_limit_or_empty_is_refused(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let limit = MAX_EVENT_TYPE_BYTES.to_string();
    let longest = "t".repeat(MAX_EVENT_TYPE_BYTES);
    assert_refused(&store, vec![event(&format!("{longest}t"))], &limit).await;
    assert_refused(&store, vec![event("")], &limit).await;
    put_one(&store, &stream("account-2"), &longest).await;
    assert_eq!(*read(&store, &stream("account-2")).await.unwrap()[0].event_type, *longest);
}

pub async fn an_event_type_with_control_characters_is_refused(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for bad in ["Line\nBreak", "Nul\0", "\u{7f}", "\u{85}"] {
        assert_refused(&store, vec![event(bad)], "control characters").await;
    }
}

pub async fn a_large_event_reads_back_whole(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let data: Bytes = (0_u32..250_000).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into();
    let large = NewEvent { data: data.clone(), ..event("Large") };
    append(&store, &one, NoStream, vec![large, event("Small")]).await.unwrap();
    let back = read(&store, &one).await.unwrap();
    assert!(back[0].data == data, "the data of the large event");
    assert_eq!(&*back[1].event_type, "Small");
}

pub async fn a_stream_of_the_longest_name_is_like_any_other(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let longest = stream(&format!("account-{}", "x".repeat(MAX_STREAM_NAME_BYTES - 8)));
    put(&store, &longest, 3).await;
    let metadata = StreamMetadata { max_count: Some(2), ..StreamMetadata::default() };
    store.set_stream_metadata(&longest, NoStream, metadata.clone()).await.unwrap();
    assert_eq!(store.stream_metadata(&longest).await.unwrap(), (metadata, at(0)));
    assert_eq!(revisions(&read(&store, &longest).await.unwrap()), [1, 2]);
    assert_eq!(read(&store, &longest.metadata_stream()).await.unwrap().len(), 1);
    let all = read_all(&store, crate::Filter::everything()).await;
    assert!(all.iter().any(|event| event.stream == longest.metadata_stream()));
    store.delete_stream(&longest, exact(2), DeleteMode::Soft).await.unwrap();
    assert_not_found(read(&store, &longest).await);
}

pub async fn a_document_over_the_limit_is_refused(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let key = DocumentKey::new("snapshot/large").unwrap();
    let large = of_size(MAX_DOCUMENT_BYTES + 1);
    let refused = store.save_document(&key, ExpectedVersion::Any, large).await;
    assert_invalid(refused, &MAX_DOCUMENT_BYTES.to_string());
    assert_eq!(store.load_document(&key).await.unwrap(), None);
}
