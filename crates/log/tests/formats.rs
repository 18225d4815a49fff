//! Stores that earlier programs wrote stay readable: each released form of the files is kept beside this test.

#![allow(clippy::unwrap_used)] // everything here is a test

use std::path::{Path, PathBuf};

use engine_log::{LogOptions, LogStore, verify};
use engine_store::{EventStore, ReadAll, ReadStream};
use engine_types::StreamName;
use tempfile::TempDir;

fn copy_of(version: &str) -> (TempDir, PathBuf) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(version);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    std::fs::create_dir(&path).unwrap();
    for file in std::fs::read_dir(kept).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), path.join(file.file_name())).unwrap();
    }
    (directory, path)
}

#[tokio::test]
async fn a_store_of_version_1_is_read_verified_and_scavenged() {
    let (_directory, path) = copy_of("version-1");
    let report = verify(&path, &|_| {}).unwrap();
    assert_eq!((report.events, report.faults), (5, vec![]));
    let store = LogStore::open(&path, LogOptions::default()).unwrap();
    let types: Vec<_> = store.read_all(ReadAll::forwards()).await.unwrap().events;
    let types: Vec<_> = types.iter().map(|event| event.event_type.as_ref()).collect();
    let wanted = ["AccountCreated", "MoneyDeposited", "MoneyDeposited", "AccountCreated", "$metadata"];
    assert_eq!(types, wanted);
    assert_eq!(store.scavenge(&|_| {}).await.unwrap().events, 1);
    let page = store.read_stream(ReadStream::forwards(StreamName::new("account-jsdf").unwrap()));
    let page = page.await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.revision.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(page.events[0].data.as_ref(), br#"{"amount":23}"#);
    store.close().await.unwrap();
    assert_eq!(verify(&path, &|_| {}).unwrap().faults, []);
}
