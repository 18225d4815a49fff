//! What a backup does with what is at its destination: it goes on with an older copy, and with nothing else.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use engine_log::{Compression, LogOptions, LogStore, backup, restore, verify};
use engine_store::{
    AppendRequest, EventStore, ExpectedVersion, MaintenanceError, SegmentReport, StreamMetadata,
};
use engine_types::ExpectedRevision;
use kit::{Random, key, stream, wait};

fn options() -> LogOptions {
    LogOptions::default().segment_bytes(64 << 10)
}

fn compressing() -> LogOptions {
    options().compression(Compression::default())
}

async fn write(store: &LogStore, seed: u64, appends: u64) {
    let mut random = Random::seeded(seed);
    for number in 0..appends {
        let events = (0..10).map(|_| kit::event(&mut random)).collect();
        let name = stream(&format!("account-{}", number % 3));
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
}

/// Opens a store, does something with it, and closes it.
fn with_store(path: &Path, options: LogOptions, work: impl AsyncFnOnce(&LogStore)) {
    let store = LogStore::open(path, options).unwrap();
    wait(async {
        work(&store).await;
        store.close().await.unwrap();
    });
}

async fn shorten_and_scavenge(store: &LogStore) {
    let limit = StreamMetadata { max_count: Some(3), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
    assert!(store.scavenge(&|_| {}).await.unwrap().events > 0);
}

/// A directory with a store in it, and a copy of it.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn with_copy() -> Self {
        let place = Place { root: tempfile::tempdir().unwrap() };
        with_store(&place.store(), options(), async |store| write(store, 1, 12).await);
        backup(place.store(), place.copy(), &|_| {}).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.at("store")
    }

    fn copy(&self) -> PathBuf {
        self.at("copy")
    }

    /// Makes a backup, by the process that has the store open and by another one, and answers how both are refused.
    fn refusals(&self) -> [MaintenanceError; 2] {
        let before = files(&self.copy());
        let store = LogStore::open(self.store(), options()).unwrap();
        let within = wait(store.backup(&self.copy(), &|_| {})).unwrap_err();
        let outside = backup(self.store(), self.copy(), &|_| {}).unwrap_err();
        wait(store.close()).unwrap();
        assert_eq!(files(&self.copy()), before, "something was changed in the copy");
        [within, outside]
    }

    fn check_is_refused_as_foreign(&self) {
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
    fn check_is_gone_on_with(&self) {
        backup(self.store(), self.copy(), &|_| {}).unwrap();
        assert_eq!(verify(self.copy(), &|_| {}).unwrap().faults, []);
        let mut seen = Vec::new();
        for path in [self.store(), self.copy()] {
            with_store(&path, options(), async |store| seen.push(kit::seen(store).await));
        }
        assert_eq!(seen[0], seen[1]);
    }
}

/// What is in a directory, but for the lock.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| name != "lock")
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_destination_in_use_is_told_as_the_destination_and_by_whom() {
    let place = Place::with_copy();
    let copied = LogStore::open(place.copy(), options()).unwrap();
    for refused in place.refusals() {
        let text = refused.to_string();
        assert!(matches!(refused, MaintenanceError::Locked(_)), "{text}");
        let wanted = format!("`{}`, where the backup is to go, is in use by process", place.copy().display());
        assert!(text.contains(&wanted) && text.contains(&std::process::id().to_string()), "{text}");
        assert!(text.contains("is not locked") && text.contains("name another directory"), "{text}");
    }
    drop(copied);
    let checking = File::open(place.copy().join("lock")).unwrap();
    checking.lock_shared().unwrap();
    for refused in place.refusals() {
        // Whoever only reads leaves no name, and the one that is there is of somebody who is gone.
        assert!(refused.to_string().contains("is in use by another process"), "{refused}");
    }
}

#[test]
fn a_restore_names_the_one_of_the_two_that_is_in_use() {
    let place = Place::with_copy();
    let source = LogStore::open(place.copy(), options()).unwrap();
    let refused = restore(place.copy(), place.at("new"), &|_| {}).unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, MaintenanceError::Locked(_)), "{text}");
    assert!(
        text.contains("from which the store is to be restored") && text.contains("close it there"),
        "{text}"
    );
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    drop(source);
    std::fs::create_dir(place.at("new")).unwrap();
    std::fs::write(place.at("new/lock"), "4711").unwrap();
    let other = File::open(place.at("new/lock")).unwrap();
    other.lock().unwrap();
    let refused = restore(place.copy(), place.at("new"), &|_| {}).unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, MaintenanceError::Locked(_)), "{text}");
    assert!(text.contains("where the store is to be restored") && text.contains("process 4711"), "{text}");
}

#[test]
fn a_store_and_its_backup_lie_apart_whatever_they_are_called() {
    let place = Place::with_copy();
    let link = place.at("link");
    std::os::unix::fs::symlink(place.store(), &link).unwrap();
    std::os::unix::fs::symlink(place.root.path(), place.at("around")).unwrap();
    let store = LogStore::open(place.store(), options()).unwrap();
    let before = files(&place.store());
    let refused = [
        (place.store(), "is the store itself"),
        (link.clone(), "is the store itself"),
        (place.at("copy/../store"), "is the store itself"),
        (place.at("store/copy"), "lies inside the folder of the store"),
        (place.at("link/not/there/yet"), "lies inside the folder of the store"),
        (place.at("copy/../link/../store/copy"), "lies inside the folder of the store"),
        (place.root.path().to_owned(), "lies inside of"),
        (place.at("around"), "lies inside of"),
    ];
    for (destination, words) in refused {
        let within = wait(store.backup(&destination, &|_| {}));
        for refused in
            [within, backup(place.store(), &destination, &|_| {}), backup(&link, &destination, &|_| {})]
        {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(words), "{}: {text}", destination.display());
            assert!(
                text.contains("name another directory") || text.contains("name a directory outside"),
                "{text}"
            );
        }
    }
    assert_eq!(files(&place.store()), before);
    // What only looks alike is another.
    backup(place.store(), place.at("store-copy"), &|_| {}).unwrap();
    wait(store.close()).unwrap();
}

#[test]
fn a_backup_and_the_store_that_is_made_of_it_lie_apart() {
    let place = Place::with_copy();
    let before = files(&place.copy());
    std::os::unix::fs::symlink(place.copy(), place.at("link")).unwrap();
    let refused = [
        (place.copy(), "is the backup itself"),
        (place.at("link"), "is the backup itself"),
        (place.at("link/store"), "lies inside the folder of the backup"),
        (place.root.path().to_owned(), "lies inside of"),
    ];
    for (destination, words) in refused {
        let text = restore(place.copy(), &destination, &|_| {}).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("directory"), "{}: {text}", destination.display());
    }
    assert_eq!(files(&place.copy()), before);
}

#[test]
fn a_copy_that_was_written_to_by_itself_is_noticed_and_not_overwritten() {
    let place = Place::with_copy();
    with_store(&place.copy(), options(), async |store| write(store, 2, 1).await);
    place.check_is_refused_as_foreign();
    // The store has more by now, at the same places.
    with_store(&place.store(), options(), async |store| write(store, 3, 2).await);
    place.check_is_refused_as_foreign();
    // And what the copy was made of is compressed by now.
    with_store(&place.store(), compressing(), async |store| {
        write(store, 4, 30).await;
        store.scavenge(&|_| {}).await.unwrap();
    });
    place.check_is_refused_as_foreign();
}

#[test]
fn a_copy_in_which_only_a_document_was_written_is_noticed() {
    let place = Place::with_copy();
    with_store(&place.copy(), options(), async |store| {
        store.save_document(&key("of-copy"), ExpectedVersion::Any, Bytes::from("own")).await.unwrap();
    });
    with_store(&place.store(), options(), async |store| write(store, 2, 2).await);
    place.check_is_refused_as_foreign();
}

#[test]
fn a_copy_that_filled_segments_of_its_own_is_noticed() {
    let place = Place::with_copy();
    with_store(&place.copy(), options(), async |store| write(store, 2, 60).await);
    place.check_is_refused_as_foreign();
    with_store(&place.store(), options(), async |store| write(store, 3, 80).await);
    place.check_is_refused_as_foreign();
}

#[test]
fn a_copy_that_was_scavenged_by_itself_is_noticed() {
    let place = Place::with_copy();
    with_store(&place.copy(), options(), async |store| shorten_and_scavenge(store).await);
    place.check_is_refused_as_foreign();
    with_store(&place.store(), options(), async |store| write(store, 3, 30).await);
    place.check_is_refused_as_foreign();
}

#[test]
fn the_backup_of_what_a_store_was_before_it_was_restored_is_noticed() {
    let place = Place::with_copy();
    restore(place.copy(), place.at("restored"), &|_| {}).unwrap();
    with_store(&place.store(), options(), async |store| write(store, 2, 3).await);
    backup(place.store(), place.copy(), &|_| {}).unwrap();
    std::fs::rename(place.store(), place.at("lost")).unwrap();
    std::fs::rename(place.at("restored"), place.store()).unwrap();
    place.check_is_refused_as_foreign();
    with_store(&place.store(), options(), async |store| write(store, 3, 5).await);
    place.check_is_refused_as_foreign();
}

#[test]
fn a_copy_that_was_only_read_is_gone_on_with_whatever_the_store_did_since() {
    let place = Place::with_copy();
    let read = |options| with_store(&place.copy(), options, async |store| drop(kit::seen(store).await));
    read(options());
    place.check_is_gone_on_with();
    with_store(&place.store(), options(), async |store| write(store, 2, 20).await);
    place.check_is_gone_on_with();
    with_store(&place.store(), compressing(), async |store| {
        write(store, 3, 20).await;
        shorten_and_scavenge(store).await;
    });
    read(options());
    place.check_is_gone_on_with();
    with_store(&place.store(), options(), async |store| shorten_and_scavenge(store).await);
    place.check_is_gone_on_with();
}

#[test]
fn a_copy_whose_segments_were_compressed_by_itself_is_gone_on_with() {
    let place = Place::with_copy();
    with_store(&place.store(), options(), async |store| write(store, 2, 40).await);
    backup(place.store(), place.copy(), &|_| {}).unwrap();
    with_store(&place.copy(), compressing(), async |store| {
        let is_plain = |segment: &SegmentReport| segment.finished && segment.rewritten == 0;
        while store.segments().await.unwrap().iter().any(is_plain) {
            std::thread::yield_now();
        }
        let segments = store.segments().await.unwrap();
        assert!(segments.iter().filter(|segment| segment.rewritten == 1).count() > 1, "{segments:?}");
    });
    place.check_is_gone_on_with();
    with_store(&place.store(), options(), async |store| write(store, 3, 1).await);
    place.check_is_gone_on_with();
}

#[test]
fn damage_to_the_copy_is_told_as_that_and_not_as_damage_to_the_store() {
    let flips: [(&str, fn(&Path)); 2] = [
        ("store", |path| flip(&path.join("store"), 20)),
        ("segment-", |path| {
            let last = files(path).into_keys().filter(|name| name.ends_with(".log")).max().unwrap();
            flip(&path.join(last), 200);
        }),
    ];
    for (name, damage) in flips {
        let place = Place::with_copy();
        damage(&place.copy());
        for refused in place.refusals() {
            let text = refused.to_string();
            assert!(matches!(refused, MaintenanceError::Place(_)), "{text}");
            let wanted = format!("the copy in `{}` is damaged, and not the store: `", place.copy().display());
            assert!(text.starts_with(&wanted) && text.contains(name), "{text}");
            assert!(text.contains("name another directory"), "{text}");
        }
        assert_eq!(verify(place.store(), &|_| {}).unwrap().faults, []);
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
