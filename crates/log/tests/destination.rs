//! What a backup does with what is at its destination: it goes on with an older copy, and with nothing else.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::path::Path;

use bytes::Bytes;
use engine_log::{backup, restore, verify};
use engine_store::{EventStore, ExpectedVersion, MaintenanceError, SegmentReport};
use kit::{
    key,
    place::{Place, compressing, files, options, shorten_and_scavenge, with_store, write},
};

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
    for (file, at) in [("store", 20), ("segment-", 200)] {
        let place = Place::with_copy();
        let damaged =
            files(&place.copy()).into_keys().rfind(|name| name.starts_with(file) && !kit::is(name, "idx"));
        flip(&place.copy().join(damaged.unwrap()), at);
        for refused in place.refusals() {
            let text = refused.to_string();
            assert!(matches!(refused, MaintenanceError::Place(_)), "{text}");
            let wanted = format!("the copy in `{}` is damaged, and not the store: `", place.copy().display());
            assert!(text.starts_with(&wanted) && text.contains(file), "{text}");
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
