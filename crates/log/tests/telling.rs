//! Reads that have to wait for the disk tell the system where the next ones will be.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};

use engine_log::{Compression, LogOptions, LogStore};
use engine_store::{
    AppendRequest, Direction, EventStore, Filter, NewEvent, ReadAll, ReadStream, filter::Choice,
};
use engine_types::ExpectedRevision;
use kit::{
    Random, stream, wait,
    watched::{Call, Watched},
};

const STREAMS: u64 = 40;
const EACH: u64 = 10;

/// Segments of few streams, so that the events of each stream are strewn over several.
fn options(tell_after: Duration) -> LogOptions {
    let mut options = kit::options();
    options.segment_names = 25;
    options.tell_after = tell_after;
    options
}

/// Streams of as many events, in turn; those of one of them have a type of their own.
fn strewn(options: &LogOptions) -> Watched {
    let disk = Watched::default();
    let mut random = Random::seeded(3);
    wait(async {
        let store = LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        for number in 0..STREAMS * EACH {
            let event_type = if number % STREAMS == 7 { "Audited" } else { "Deposited" }.into();
            let data = vec![b'x'; 600].into();
            let event = NewEvent { event_type, data, ..kit::event(&mut random) };
            let name = stream(&format!("account-{}", number % STREAMS));
            store.append(AppendRequest::to(name, ExpectedRevision::Any, vec![event])).await.unwrap();
        }
        // With nothing to remove it only compresses, where that is wanted.
        store.scavenge(&|_| {}).await.unwrap();
        store.close().await.unwrap();
    });
    disk
}

/// What a read asks of the segments.
fn calls(disk: &Watched, options: &LogOptions, read: &impl AsyncFn(&LogStore)) -> Vec<(String, Call)> {
    wait(async {
        let store = LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        disk.forget();
        read(&store).await;
        let calls = disk.calls();
        store.close().await.unwrap();
        calls.into_iter().filter(|(file, _)| kit::is(file, "log")).collect()
    })
}

async fn read_stream(store: &LogStore, direction: Direction) {
    let name = stream("account-7");
    let request = match direction {
        Direction::Forwards => ReadStream::forwards(name),
        Direction::Backwards => ReadStream::backwards(name),
    };
    assert_eq!(store.read_stream(request).await.unwrap().events.len() as u64, EACH);
}

async fn read_all(store: &LogStore) {
    let audited = Choice { event_type_prefixes: vec!["Audited".to_owned()], ..Choice::default() };
    let page = store.read_all(ReadAll::forwards().filter(Filter::new(audited))).await.unwrap();
    assert_eq!(page.events.len() as u64, EACH);
}

/// How many reads had not been told before, and how many there were.
fn untold(calls: &[(String, Call)]) -> (usize, usize) {
    let mut told: Vec<(&str, &Range<u64>)> = Vec::new();
    let (mut untold, mut reads) = (0, 0);
    for (file, call) in calls {
        match call {
            Call::WillRead(range) => told.push((file, range)),
            Call::Read(range) => {
                reads += 1;
                let covers = |(known, told): &(&str, &Range<u64>)| {
                    known == file && told.start <= range.start && range.end <= told.end
                };
                untold += usize::from(!told.iter().any(covers));
            }
            Call::Write(_) | Call::Sync => unreachable!("only reads are made"),
        }
    }
    (untold, reads)
}

#[test]
fn behind_a_read_that_waited_all_others_of_a_stream_are_told_before_they_are_read() {
    let options = options(Duration::ZERO);
    let disk = strewn(&options);
    for direction in [Direction::Forwards, Direction::Backwards] {
        let calls = calls(&disk, &options, &async |store: &LogStore| read_stream(store, direction).await);
        let (untold, reads) = untold(&calls);
        assert_eq!(
            (untold, reads as u64),
            (2, EACH),
            "the first that waits, and the next: {direction:?}: {calls:?}"
        );
        let told = calls.iter().skip(1).take_while(|(_, call)| matches!(call, Call::WillRead(_)));
        assert_eq!(told.count() as u64, EACH - 2, "at once: {calls:?}");
    }
}

#[test]
fn no_more_is_told_than_fits_on_the_page() {
    let mut options = options(Duration::ZERO);
    let disk = strewn(&options);
    options.page_bytes = 3_000;
    let calls = calls(&disk, &options, &async |store: &LogStore| {
        let page = store.read_stream(ReadStream::forwards(stream("account-7"))).await.unwrap();
        assert!(page.next.is_some() && page.events.len() < 5, "{page:?}");
    });
    let told = calls.iter().filter(|(_, call)| matches!(call, Call::WillRead(_))).count();
    assert!((1..4).contains(&told), "{told}: {calls:?}");
}

#[test]
fn events_that_a_filter_finds_are_told_too() {
    let mut options = options(Duration::ZERO);
    options.segment_names = 1_000;
    let disk = strewn(&options);
    let calls = calls(&disk, &options, &async |store: &LogStore| read_all(store).await);
    let (untold, reads) = untold(&calls);
    let segments = calls.iter().map(|(file, _)| file).collect::<BTreeSet<_>>().len();
    assert!(reads as u64 == EACH && segments < 6, "{reads} in {segments}: {calls:?}");
    assert_eq!(untold, segments + 1, "the first of each segment, and the second of all: {calls:?}");
}

#[test]
fn of_compressed_segments_it_is_told_where_the_blocks_stand() {
    let compression = Compression { block_bytes: 4 << 10, ..Compression::default() };
    let options = options(Duration::ZERO).compression(compression);
    let disk = strewn(&options);
    let calls =
        calls(&disk, &options, &async |store: &LogStore| read_stream(store, Direction::Forwards).await);
    let waited = calls.iter().filter(|(file, _)| *file == calls[0].0).count();
    let (untold, reads) = untold(&calls[waited..]);
    assert!(reads as u64 >= EACH - 1 && untold <= 2, "the second, which may be two blocks: {calls:?}");
}

#[test]
fn while_no_read_waits_nothing_is_told() {
    let options = options(Duration::MAX);
    let disk = strewn(&options);
    let calls =
        calls(&disk, &options, &async |store: &LogStore| read_stream(store, Direction::Forwards).await);
    assert_eq!(untold(&calls), (10, 10), "{calls:?}");
}
