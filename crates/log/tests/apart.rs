//! A backup and its store lie apart, and where one of the two is in use it is told which.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::fs::File;

use engine_log::{LogStore, backup, restore};
use engine_store::{EventStore, MaintenanceError};
use kit::{
    place::{Place, files, options},
    wait,
};

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
