//! A power cut at any moment loses nothing that was acknowledged, and leaves nothing half.
//!
//! One random workload runs on a simulated disk. Then the disk is rebuilt as a power cut at each of its
//! operations may have left it, and opened. `ENGINE_LOG_CRASH_IMAGES=100000 cargo test --release -p engine-log
//! --test crash` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use engine_log::{
    LogOptions, LogStore, backup_on,
    disk::sim::{Loss, Op, Replay, SimDisk},
};
use engine_store::MaintenanceError;
use kit::{Call, Random, Seen, how_many, open, open_with, wait};

const LOSSES: [Loss; 6] = [
    Loss::Everything,
    Loss::Nothing,
    Loss::Torn(512),
    Loss::Torn(4_096),
    Loss::Scattered(512),
    Loss::Scattered(4_096),
];

/// What a workload did, and what was to be seen after each of its calls.
struct History {
    journal: Vec<Op>,
    calls: Vec<Call>,
    /// How many events there were after each call, and which documents; first, before all of them.
    after: Vec<(usize, Documents)>,
    end: Seen,
}

type Documents = std::collections::BTreeMap<String, (u64, bytes::Bytes)>;

/// The note that a call begins, and that it was answered.
const fn begins(call: usize) -> u64 {
    2 * call as u64
}

const fn answered(call: usize) -> u64 {
    2 * call as u64 + 1
}

fn run(seed: u64, calls: usize, options: &LogOptions) -> History {
    let mut random = Random::seeded(seed);
    let disk = SimDisk::new();
    let options = &kit::led_by_seed(options, seed);
    let mut store = open_with(&disk, options).unwrap();
    let mut history =
        History { journal: Vec::new(), calls: Vec::new(), after: Vec::new(), end: Seen::default() };
    history.after.push((0, Documents::new()));
    for number in 0..calls {
        let call = Call::random(&mut random);
        disk.note(begins(number));
        // Conflicts and deleted streams are answers too.
        let _answer = wait(call.make(&store));
        disk.note(answered(number));
        if matches!(call, Call::Reopen) {
            drop(store);
            store = open_with(&disk, options).unwrap();
        }
        history.calls.push(call);
        history
            .after
            .push(wait(async { (kit::all_events(&store).await.len(), kit::documents(&store).await) }));
    }
    history.end = wait(kit::seen(&store));
    history.journal = disk.journal();
    drop(store);
    history
}

/// Opens what is left of a disk and checks that it is what was there after one of the calls from `first` to
/// `last`; answers what is seen.
fn check(image: &SimDisk, history: &History, first: usize, last: usize, place: &str) -> Seen {
    let store: LogStore = open(image).unwrap_or_else(|error| panic!("{place}: {error}"));
    let seen = wait(kit::seen(&store));
    assert!(history.end.events.starts_with(&seen.events), "{place}: other events than were written");
    let is_after = |(events, documents): &(usize, Documents)| {
        *events == seen.events.len() && *documents == seen.documents
    };
    let possible = history.after[first..=last].iter().any(is_after);
    assert!(possible, "{place}: {} events are none of the states {first} to {last}", seen.events.len());
    wait(kit::check_streams(&store, &seen.events));
    seen
}

/// What is seen in a copy that is made before the store is recovered; none where there is no store yet.
fn copy(image: &SimDisk, place: &str) -> Option<Seen> {
    let copy = SimDisk::new();
    image.set_read_only(true);
    let copied = backup_on(image, &copy, &|_| {});
    image.set_read_only(false);
    match copied {
        Ok(_) => {
            let copied = open(&copy).unwrap_or_else(|error| panic!("{place}, copied: {error}"));
            Some(wait(kit::seen(&copied)))
        }
        Err(MaintenanceError::Place(_)) => None,
        Err(error) => panic!("{place}: {error}"),
    }
}

/// Cuts the power during the recovery too, once somewhere.
fn check_recovery_again(
    before: &SimDisk,
    recovered: &SimDisk,
    seen: &Seen,
    random: &mut Random,
    place: &str,
) {
    let journal = recovered.journal();
    let mut replay = Replay::starting(before.files());
    let cut = usize::try_from(random.below(journal.len() as u64 + 1)).unwrap();
    journal[..cut].iter().for_each(|op| replay.step(op));
    let loss = LOSSES[usize::try_from(random.below(LOSSES.len() as u64)).unwrap()];
    let image = replay.image(loss, |limit| random.below(limit));
    let store =
        open(&image).unwrap_or_else(|error| panic!("{place}, recovery cut at {cut} {loss:?}: {error}"));
    assert_eq!(wait(kit::seen(&store)), *seen, "{place}, recovery cut at {cut} {loss:?}");
}

fn cut_power_everywhere(seed: u64, calls: usize, images: u64, options: &LogOptions) {
    let history = run(seed, calls, options);
    let points = history.journal.len() as u64;
    let mut random = Random::seeded(seed + 1);
    let mut replay = Replay::default();
    let (mut durable, mut begun) = (0, 0);
    let mut made = 0;
    for (number, op) in history.journal.iter().enumerate() {
        replay.step(op);
        if let Op::Note(note) = op {
            let call = usize::try_from(note / 2).unwrap();
            if note % 2 == 0 {
                begun = call + 1;
            } else if history.calls[call].is_durable() {
                durable = call + 1;
            }
        }
        // As many images at each point as were asked for, spread evenly.
        while made * points < images * (number as u64 + 1) {
            let loss = LOSSES[usize::try_from(made % LOSSES.len() as u64).unwrap()];
            made += 1;
            let place = format!("seed {seed}, operation {number} of {points}, {loss:?}");
            let image = replay.image(loss, |limit| random.below(limit));
            let before = SimDisk::holding(image.files());
            let copied = copy(&before, &place);
            let left = check(&image, &history, durable, begun, &place);
            assert_eq!(copied.unwrap_or_default(), left, "{place}: the copy is not what recovery keeps");
            check_recovery_again(&before, &image, &left, &mut random, &place);
            let report = kit::verify(&image).unwrap();
            assert_eq!(report.faults, [], "{place}");
            assert_eq!(report.events, left.events.len() as u64, "{place}");
        }
    }
    assert_eq!(made, images);
}

fn cut_power(images: u64, options: &LogOptions) {
    let runs = images.div_ceil(5_000).max(3);
    for seed in 0..runs {
        cut_power_everywhere(how_many("ENGINE_LOG_SEED", 1) + seed, 120, images / runs, options);
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    cut_power(how_many("ENGINE_LOG_CRASH_IMAGES", 900), &kit::options());
}

#[test]
fn a_power_cut_while_segments_are_compressed_and_chained_loses_nothing_that_was_acknowledged() {
    cut_power(how_many("ENGINE_LOG_CRASH_IMAGES", 900), &kit::compressed_and_chained());
}
