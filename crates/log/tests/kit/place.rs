//! A directory with a store in it, and a copy of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine_log::{Compression, LogOptions, LogStore, backup, verify};
use engine_store::{AppendRequest, EventStore, MaintenanceError, StreamMetadata};
use engine_types::ExpectedRevision;

use super::{Random, stream, wait};

pub fn options() -> LogOptions {
    LogOptions::default().segment_bytes(64 << 10)
}

pub fn compressing() -> LogOptions {
    options().compression(Compression::default())
}

pub async fn write(store: &LogStore, seed: u64, appends: u64) {
    let mut random = Random::seeded(seed);
    for number in 0..appends {
        let events = (0..10).map(|_| super::event(&mut random)).collect();
        let name = stream(&format!("account-{}", number % 3));
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
}

/// Opens a store, does something with it, and closes it.
pub fn with_store(path: &Path, options: LogOptions, work: impl AsyncFnOnce(&LogStore)) {
    let store = LogStore::open(path, options).unwrap();
    wait(async {
        work(&store).await;
        store.close().await.unwrap();
    });
}

pub async fn shorten_and_scavenge(store: &LogStore) {
    let limit = StreamMetadata { max_count: Some(3), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
    assert!(store.scavenge(&|_| {}).await.unwrap().events > 0);
}

/// A directory with a store in it, and a copy of it.
pub struct Place {
    pub root: tempfile::TempDir,
}

impl Place {
    pub fn with_copy() -> Self {
        let place = Place { root: tempfile::tempdir().unwrap() };
        with_store(&place.store(), options(), async |store| write(store, 1, 12).await);
        backup(place.store(), place.copy(), &|_| {}).unwrap();
        place
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.at("store")
    }

    pub fn copy(&self) -> PathBuf {
        self.at("copy")
    }

    /// Makes a backup, by the process that has the store open and by another one, and answers how both are refused.
    pub fn refusals(&self) -> [MaintenanceError; 2] {
        let before = files(&self.copy());
        let store = LogStore::open(self.store(), options()).unwrap();
        let within = wait(store.backup(&self.copy(), &|_| {})).unwrap_err();
        let outside = backup(self.store(), self.copy(), &|_| {}).unwrap_err();
        wait(store.close()).unwrap();
        assert_eq!(files(&self.copy()), before, "something was changed in the copy");
        [within, outside]
    }

    pub fn check_is_refused_as_foreign(&self) {
        for refused in self.refusals() {
            let text = refused.to_string();
            assert!(matches!(refused, MaintenanceError::Place(_)), "{text}");
            assert!(text.contains(&format!("`{}` holds", self.copy().display())), "{text}");
            assert!(
                text.contains("what this store has not") && text.contains("name another directory"),
                "{text}"
            );
        }
    }

    /// The copy is an older backup, and becomes what the store is.
    pub fn check_is_gone_on_with(&self) {
        backup(self.store(), self.copy(), &|_| {}).unwrap();
        assert_eq!(verify(self.copy(), &|_| {}).unwrap().faults, []);
        let mut seen = Vec::new();
        for path in [self.store(), self.copy()] {
            with_store(&path, options(), async |store| seen.push(super::seen(store).await));
        }
        assert_eq!(seen[0], seen[1]);
    }
}

/// What is in a directory, but for the lock.
pub fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| name != "lock")
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}
