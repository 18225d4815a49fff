//! Any sequence of calls is answered as the in-memory store answers it, over restarts and scavenges, to the last
//! position. Calls are chosen by what was called before; a sequence that is answered otherwise is shrunk to the shortest.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p engine-log --test model` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

#[path = "../kit/mod.rs"]
mod kit;
mod steps;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use engine_log::{LogStore, disk::sim::SimDisk};
use engine_store::{
    AppendRequest, Clock, DeleteMode, EventStore, ExpectedVersion, Filter, ReadAll, ReadStream,
    RecordedEvent, StreamMetadata, clock::ManualClock, memory::MemoryStore,
};
use engine_types::{ExpectedRevision, Position, Revision};
use kit::wait;
use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use steps::{Asked, Called, Step, key, name};
use uuid::Uuid;

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
