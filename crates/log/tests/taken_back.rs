//! Where a write fails, the writer takes the end of the log back, and may write something else there. Whoever looks at
//! the store meanwhile, without its lock, takes that neither for damage nor for a part of the store.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use engine_log::{
    Expected, OpenError, backup_on,
    disk::{Disk, Mode, sim::SimDisk},
    verify_on,
};
use engine_store::{AppendRequest, Durability, EventStore, MaintenanceError, ReadError};
use engine_types::ExpectedRevision;
use kit::{Random, Seen, last_segment, meddled::Meddled, stream, tamper::Files, wait};

/// What a store was at a moment.
struct Moment {
    files: Files,
    seen: Seen,
}

/// Goes on with a store: with appends that are on disk, or, as in a write that is half done, are not yet.
fn gone_on(from: &Files, seed: u64, appends: u64, durability: Durability) -> Moment {
    let disk = SimDisk::holding(from.clone());
    let store = kit::open_with(&disk, &kit::options().segment_bytes(1 << 20).chained()).unwrap();
    let mut random = Random::seeded(seed);
    wait(async {
        for number in 0..appends {
            let events = (0..6).map(|_| kit::event(&mut random)).collect();
            let name = stream(&format!("account-{}", number % 4));
            let request = AppendRequest::to(name, ExpectedRevision::Any, events);
            store.append(AppendRequest { durability, ..request }).await.unwrap();
        }
        Moment { files: disk.files(), seen: kit::seen(&store).await }
    })
}

/// A store with a write that is half done; the same behind that write was taken back; and when something else was
/// written in its place.
fn moments() -> [Moment; 3] {
    let before = gone_on(&Files::new(), 1, 9, Durability::Synced);
    let half = gone_on(&before.files, 2, 3, Durability::Buffered);
    let other = gone_on(&before.files, 3, 5, Durability::Synced);
    let names = [&half, &before, &other].map(|moment| last_segment(&moment.files));
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    [half, before, other]
}

/// Puts what a segment was at another moment in its place.
fn put(disk: &SimDisk, files: &Files) {
    let name = last_segment(files);
    let file = disk.open(name, Mode::Write).unwrap();
    file.set_len(100).unwrap();
    assert_eq!(file.write_at(&files[name], 0).unwrap(), files[name].len());
}

/// Makes one moment of the other before each call that `look` makes, once each.
fn meddle_everywhere(one: &Moment, other: &Moment, mut look: impl FnMut(&Meddled, &str)) {
    for before in 0.. {
        let disk = SimDisk::holding(one.files.clone());
        let (changed, other) = (disk.clone(), other.files.clone());
        let meddled = Meddled::before(&disk, before, move || put(&changed, &other));
        look(&meddled, &format!("before call {before}"));
        if meddled.calls() <= before {
            assert!(before > 10, "only {before} calls were made");
            return;
        }
    }
}

#[test]
fn an_end_that_is_taken_back_while_it_is_copied_is_copied_as_it_was_or_as_it_is() {
    let [half, taken_back, other] = moments();
    for later in [taken_back, other] {
        let mut seen_states = [0, 0];
        meddle_everywhere(&half, &later, |meddled, place| {
            let copy = SimDisk::new();
            backup_on(meddled, &copy, &|_| {}).unwrap_or_else(|error| panic!("{place}: {error}"));
            let seen = wait(kit::seen(&kit::open(&copy).unwrap()));
            let state = [&half.seen, &later.seen].into_iter().position(|known| *known == seen);
            seen_states[state.unwrap_or_else(|| panic!("{place}: a mixture was copied"))] += 1;
        });
        assert!(seen_states.iter().all(|count| *count > 0), "{seen_states:?}");
    }
}

#[test]
fn an_end_that_is_taken_back_while_it_is_verified_is_no_damage() {
    let [half, taken_back, other] = moments();
    for later in [taken_back, other] {
        meddle_everywhere(&half, &later, |meddled, place| {
            let report = verify_on(
                std::sync::Arc::new(meddled.clone()),
                &Expected { required: true, noted: None },
                &|_| {},
            );
            let report = report.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(report.faults, [], "{place}");
        });
    }
}

#[test]
fn an_end_that_is_taken_back_again_and_again_is_told_as_that_and_not_as_damage() {
    let before = gone_on(&Files::new(), 1, 9, Durability::Synced);
    let halves: Vec<_> = (2..7).map(|seed| gone_on(&before.files, seed, 3, Durability::Buffered)).collect();
    let (mut verified, mut copied) = ([0, 0], [0, 0]);
    for period in 1..12 {
        let disk = SimDisk::holding(before.files.clone());
        let (changed, files) =
            (disk.clone(), halves.iter().map(|half| half.files.clone()).collect::<Vec<_>>());
        let meddled = Meddled::always(&disk, move |number| {
            if number % period == 0 {
                put(&changed, &files[usize::try_from(number / period).unwrap() % files.len()]);
            }
        });
        match verify_on(std::sync::Arc::new(meddled.clone()), &Expected::default(), &|_| {}) {
            Ok(report) => {
                assert_eq!(report.faults, [], "every {period} calls");
                verified[0] += 1;
            }
            Err(error) => {
                assert!(matches!(error, OpenError::TakenBack { .. }), "every {period} calls: {error}");
                verified[1] += 1;
            }
        }
        let copy = SimDisk::new();
        match backup_on(&meddled, &copy, &|_| {}) {
            Ok(_) => {
                let seen = wait(kit::seen(&kit::open(&copy).unwrap()));
                let is_of = |half: &Moment| half.seen.events.starts_with(&seen.events);
                assert!(halves.iter().any(is_of), "every {period} calls: a mixture was copied");
                assert!(
                    seen.events.starts_with(&before.seen.events),
                    "every {period} calls: too little was copied"
                );
                copied[0] += 1;
            }
            Err(error) => {
                let text = error.to_string();
                let is_typed = matches!(error, MaintenanceError::Read(ReadError::Unavailable(_)));
                assert!(is_typed && text.contains("see what it says"), "every {period} calls: {text}");
                copied[1] += 1;
            }
        }
    }
    // Sometimes it is seen as it stays, and sometimes never.
    assert!([verified, copied].as_flattened().iter().all(|count| *count > 0), "{verified:?}, {copied:?}");
}
