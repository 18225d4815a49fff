//! Any sequence of calls is answered as the in-memory store answers it, over restarts and scavenges, to the last
//! position. Calls are chosen by what was called before; a sequence that is answered otherwise is shrunk to the shortest.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p engine-log --test model` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use engine_log::{LogStore, disk::sim::SimDisk};
use engine_store::{
    AppendRequest, Clock, ContentType, DeleteMode, DocumentKey, EventStore, ExpectedVersion, Filter,
    NewEvent, ReadAll, ReadStream, RecordedEvent, StreamAppend, StreamMetadata, clock::ManualClock,
    memory::MemoryStore,
};
use engine_types::{ExpectedRevision, Position, Revision, StreamName};
use kit::{stream, wait};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use uuid::Uuid;

/// One call.
#[derive(Debug, Clone)]
enum Step {
    /// So many fresh events to a stream, or to two.
    Append {
        streams: Vec<u8>,
        expected: ExpectedRevision,
        events: u8,
        large: bool,
    },
    /// The append of that number once more.
    Again(usize),
    Delete(u8, bool),
    Describe(u8, Option<u64>, Option<u64>, Option<u64>),
    ReadStream {
        stream: u8,
        from: u64,
        backwards: bool,
        limit: usize,
    },
    ReadAll {
        from: u64,
        backwards: bool,
        limit: usize,
        category: Option<u8>,
    },
    Save(u8, u8),
    Discard(u8),
    Advance(u8),
    Scavenge,
    Reopen,
}

/// What was called so far, as far as the next call depends on it.
#[derive(Debug, Clone, Default)]
struct Called {
    appends: usize,
    /// How many events were appended to each stream, if all of them were accepted.
    events: [u64; 3],
}

impl ReferenceStateMachine for Called {
    type State = Called;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Called> {
        Just(Called::default()).boxed()
    }

    fn transitions(called: &Called) -> BoxedStrategy<Step> {
        if called.appends == 0 {
            return step(called).boxed();
        }
        prop_oneof![25 => step(called), 1 => (0..called.appends).prop_map(Step::Again)].boxed()
    }

    fn preconditions(called: &Called, step: &Step) -> bool {
        !matches!(step, Step::Again(which) if *which >= called.appends)
    }

    fn apply(mut called: Called, step: &Step) -> Called {
        if let Step::Append { streams, events, .. } = step {
            called.appends += 1;
            for number in streams {
                called.events[usize::from(*number)] += u64::from(*events);
            }
        }
        called
    }
}

/// What is expected of the first of these streams: sometimes that it is where it probably is.
fn expectation(called: &Called, streams: &[u8]) -> impl Strategy<Value = ExpectedRevision> + use<> {
    let probable = called.events[usize::from(streams[0])].saturating_sub(1);
    prop_oneof![
        4 => Just(ExpectedRevision::Any),
        1 => Just(ExpectedRevision::NoStream),
        1 => Just(ExpectedRevision::StreamExists),
        2 => Just(ExpectedRevision::Exact(Revision(probable))),
        2 => (0..6_u64).prop_map(|revision| ExpectedRevision::Exact(Revision(revision))),
    ]
}

fn append(called: &Called) -> impl Strategy<Value = Step> + use<> {
    let called = called.clone();
    prop::sample::subsequence(vec![0_u8, 1, 2], 1..=2).prop_flat_map(move |streams| {
        (expectation(&called, &streams), Just(streams), 0..4_u8, prop::bool::weighted(0.2))
            .prop_map(|(expected, streams, events, large)| Step::Append { streams, expected, events, large })
    })
}

fn step(called: &Called) -> impl Strategy<Value = Step> + use<> {
    let small = || prop::option::weighted(0.5, 0..8_u64);
    let positions = 30.max(called.events.iter().sum());
    prop_oneof![
        8 => append(called),
        2 => (0..3_u8, prop::bool::weighted(0.2)).prop_map(|(stream, for_ever)| Step::Delete(stream, for_ever)),
        3 => (0..3_u8, small(), small(), small())
            .prop_map(|(stream, count, before, age)| Step::Describe(stream, count, before, age)),
        3 => (0..6_u8, 0..10_u64, any::<bool>(), 1..5_usize)
            .prop_map(|(stream, from, backwards, limit)| Step::ReadStream { stream, from, backwards, limit }),
        2 => (0..positions, any::<bool>(), 1..9_usize, prop::option::of(0..2_u8))
            .prop_map(|(from, backwards, limit, category)| Step::ReadAll { from, backwards, limit, category }),
        1 => (0..2_u8, 0..20_u8).prop_map(|(key, bytes)| Step::Save(key, bytes)),
        1 => (0..2_u8).prop_map(Step::Discard),
        1 => (0..9_u8).prop_map(Step::Advance),
        2 => Just(Step::Scavenge),
        1 => Just(Step::Reopen),
    ]
}

fn name(number: u8) -> StreamName {
    match number {
        0 => stream("account-0"),
        1 => stream("account-1"),
        2 => stream("transfer-2"),
        other => name(other - 3).metadata_stream(),
    }
}

fn key(number: u8) -> DocumentKey {
    DocumentKey::new(format!("document-{number}")).unwrap()
}

/// What a store has been asked so far, as far as later steps depend on it.
#[derive(Default)]
struct Asked {
    appends: Vec<Vec<StreamAppend>>,
    ids: u128,
}

impl Asked {
    /// The append of a step; absent where there is none.
    fn append(&mut self, step: &Step) -> Option<AppendRequest> {
        let parts = match step {
            Step::Append { streams, expected, events, large } => {
                let size = if *large { 9_000 } else { 30 };
                let parts: Vec<_> = streams
                    .iter()
                    .map(|number| StreamAppend {
                        stream: name(*number),
                        expected: *expected,
                        events: (0..*events).map(|_| self.event(size)).collect(),
                    })
                    .collect();
                self.appends.push(parts.clone());
                parts
            }
            Step::Again(which) => {
                // With an exact expectation, for which of two equal ids is remembered is left open.
                let mut parts = self.appends[*which].clone();
                parts.retain(|part| {
                    matches!(part.expected, ExpectedRevision::Exact(_) | ExpectedRevision::NoStream)
                });
                parts
            }
            _ => Vec::new(),
        };
        (!parts.is_empty()).then(|| AppendRequest::to_many(parts))
    }

    fn event(&mut self, size: usize) -> NewEvent {
        self.ids += 1;
        NewEvent {
            id: Uuid::from_u128(self.ids),
            event_type: if self.ids.is_multiple_of(2) { "Even" } else { "Odd" }.into(),
            content_type: ContentType::Json,
            data: Bytes::from(format!("\"{}\"", "x".repeat(size))),
            metadata: Bytes::new(),
        }
    }
}

/// The store makes the ids of its own events by chance.
fn without_own_ids(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    for event in events.iter_mut().filter(|event| event.event_type.starts_with('$')) {
        event.id = Uuid::nil();
    }
    events
}

/// Asks a store, and gives the answer as text.
async fn ask(store: &dyn EventStore, step: &Step, append: Option<AppendRequest>) -> String {
    let told = |result: Result<String, String>| result.unwrap_or_else(|error| error);
    match step.clone() {
        Step::Append { .. } | Step::Again(_) => match append {
            Some(request) => {
                let many = request.streams.len() > 1;
                let answer = store.append(request).await;
                // An append to several streams may name any of those that refuse it.
                let refused = if many {
                    Err("refused".to_owned())
                } else {
                    answer.as_ref().map(drop).map_err(ToString::to_string)
                };
                answer.map_or_else(
                    |_| told(refused.map(|()| String::new())),
                    |appended| format!("{appended:?}"),
                )
            }
            None => String::new(),
        },
        Step::Delete(number, for_ever) => {
            let mode = if for_ever { DeleteMode::Tombstone } else { DeleteMode::Soft };
            let answer = store.delete_stream(&name(number), ExpectedRevision::Any, mode).await;
            format!("{:?}", answer.map_err(|error| error.to_string()))
        }
        Step::Describe(number, max_count, truncate_before, max_age_seconds) => {
            let max_count = max_count.map(|count| count + 1);
            let metadata =
                StreamMetadata { max_count, truncate_before, max_age_seconds, ..StreamMetadata::default() };
            let answer = store.set_stream_metadata(&name(number), ExpectedRevision::Any, metadata).await;
            format!("{:?}", answer.map_err(|error| error.to_string()))
        }
        Step::ReadStream { stream, from, backwards, limit } => {
            let name = name(stream);
            let request = if backwards { ReadStream::backwards(name) } else { ReadStream::forwards(name) };
            let answer = store.read_stream(request.from(Revision(from)).limit(limit)).await;
            // Where nothing is left before, one store knows at once, another with the next page.
            told(
                answer
                    .map(|page| format!("{:?} {}", without_own_ids(page.events), page.last))
                    .map_err(|it| it.to_string()),
            )
        }
        Step::ReadAll { from, backwards, limit, category } => {
            let request = if backwards { ReadAll::backwards() } else { ReadAll::forwards() };
            let categories = ["account", "transfer"];
            let filter =
                category.map_or_else(Filter::everything, |it| Filter::category(categories[usize::from(it)]));
            let mut request = request.from(Position(from)).limit(limit).filter(filter);
            let mut events = Vec::new();
            loop {
                let page = store.read_all(request.clone()).await.unwrap();
                events.extend(page.events);
                match page.next {
                    Some(next) if !page.end => request = request.from(next),
                    _ => return format!("{:?}", without_own_ids(events)),
                }
            }
        }
        Step::Save(number, bytes) => {
            let content = Bytes::from(vec![7; usize::from(bytes)]);
            format!("{:?}", store.save_document(&key(number), ExpectedVersion::Any, content).await.unwrap())
        }
        Step::Discard(number) => format!("{:?}", store.delete_document(&key(number)).await.unwrap()),
        Step::Scavenge => format!("{:?}", store.scavenge(&|_| {}).await.unwrap().events),
        Step::Advance(_) | Step::Reopen => String::new(),
    }
}

/// All that can be seen of a store.
async fn survey(store: &dyn EventStore) -> String {
    let all = Step::ReadAll { from: 0, backwards: false, limit: 7, category: None };
    let mut seen = ask(store, &all, None).await;
    for number in 0..6 {
        let whole = Step::ReadStream { stream: number, from: 0, backwards: false, limit: 1_000 };
        let current = store.current_revision(&name(number)).await.map_err(|error| error.to_string());
        seen = format!("{seen}\n{} {current:?}", ask(store, &whole, None).await);
    }
    for number in 0..2 {
        seen = format!("{seen}\n{:?}", store.load_document(&key(number)).await.unwrap());
    }
    format!("{seen}\n{:?} {:?}", store.head().await.unwrap(), store.event_types().await.unwrap())
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> LogStore {
    let clock: Arc<dyn Clock> = clock.clone();
    LogStore::open_on(Arc::new(disk.clone()), kit::options().clock(clock)).unwrap()
}

/// The two stores, and what they were asked.
struct Both {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    model: MemoryStore,
    store: LogStore,
    asked: Asked,
}

impl Both {
    /// Asks both the same, and then, where the files of the log were changed, what they hold.
    async fn ask(mut self, step: &Step) -> Self {
        let append = self.asked.append(step);
        let wanted = ask(&self.model, step, append.clone()).await;
        assert_eq!(ask(&self.store, step, append).await, wanted, "{step:?}");
        match step {
            Step::Advance(seconds) => self.clock.advance(Duration::from_secs(u64::from(*seconds))),
            Step::Reopen => {
                self.store.close().await.unwrap();
                // The directory is free when the last handle is gone.
                let Both { disk, clock, model, store, asked } = self;
                drop(store);
                self = Both { store: open(&disk, &clock), disk, clock, model, asked };
                self.compare().await;
            }
            Step::Scavenge => self.compare().await,
            _ => {}
        }
        self
    }

    async fn compare(&self) {
        assert_eq!(survey(&self.store).await, survey(&self.model).await);
    }
}

impl StateMachineTest for Both {
    type SystemUnderTest = Both;
    type Reference = Called;

    fn init_test(_: &Called) -> Both {
        let (disk, clock) = (SimDisk::new(), Arc::new(ManualClock::default()));
        let (model, store) = (MemoryStore::with_clock(clock.clone()), open(&disk, &clock));
        Both { disk, clock, model, store, asked: Asked::default() }
    }

    fn apply(both: Both, _: &Called, step: Step) -> Both {
        wait(both.ask(&step))
    }

    fn teardown(both: Both, _: Called) {
        wait(async {
            both.compare().await;
            assert_eq!(both.store.verify(&|_| {}).await.unwrap().faults, []);
            both.store.close().await.unwrap();
        });
    }
}

fn config() -> ProptestConfig {
    let cases = u32::try_from(kit::how_many("PROPTEST_CASES", 60)).unwrap();
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn any_sequence_of_calls_is_answered_as_the_store_in_memory_answers_it(sequential 1..80 => Both);
}

/// Found by the sequences above: the store in memory let a tombstone become too old.
#[test]
fn a_tombstone_never_becomes_too_old() {
    let steps =
        [Step::Describe(0, None, None, Some(0)), Step::Delete(0, true), Step::Advance(1), Step::Scavenge];
    Both::test_sequential(config(), Called::default(), steps.to_vec(), None);
}
