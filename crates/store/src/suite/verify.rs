//! Verifying: a whole store is found to be whole, and counted.

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Fixture, kit::*};
use crate::{DeleteMode, DocumentKey, ExpectedVersion, Filter, StreamMetadata, VerifyProgress};

pub async fn a_healthy_store_is_found_whole_with_all_that_it_holds(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for round in 0..30 {
        put(&store, &stream(&format!("account-{}", round % 4)), 50).await;
    }
    store.set_stream_metadata(&stream("account-1"), Any, StreamMetadata::default()).await.unwrap();
    store.delete_stream(&stream("account-2"), Any, DeleteMode::Soft).await.unwrap();
    store.delete_stream(&stream("account-3"), Any, DeleteMode::Tombstone).await.unwrap();
    for name in ["a", "b", "b"] {
        let key = DocumentKey::new(name).unwrap();
        store.save_document(&key, ExpectedVersion::Any, Bytes::from_static(b"x")).await.unwrap();
    }
    let told = Mutex::new(Vec::new());
    let report = store.verify(&|progress| told.lock().push(progress)).await.unwrap();
    assert_eq!(report.faults, []);
    assert_eq!(report.events, read_all(&store, Filter::everything()).await.len() as u64);
    assert_eq!(report.documents, 2);
    let told = told.into_inner();
    assert!(told.is_sorted_by_key(|progress| progress.done), "{told:?}");
    assert!(told.last().is_some_and(|progress| progress.done >= progress.total), "{told:?}");
}

pub async fn an_empty_store_is_found_whole(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let report = store.verify(&|_: VerifyProgress| {}).await.unwrap();
    assert_eq!((report.faults, report.documents), (vec![], 0));
    assert_eq!(report.events, read_all(&store, Filter::everything()).await.len() as u64);
}
