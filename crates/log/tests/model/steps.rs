//! The calls of a sequence, each chosen by what was called before.

use bytes::Bytes;
use engine_store::{AppendRequest, ContentType, DocumentKey, NewEvent, StreamAppend};
use engine_types::{ExpectedRevision, Revision, StreamName};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use uuid::Uuid;

use crate::kit::stream;

/// One call.
#[derive(Debug, Clone)]
pub(crate) enum Step {
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
pub(crate) struct Called {
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

pub(crate) fn name(number: u8) -> StreamName {
    match number {
        0 => stream("account-0"),
        1 => stream("account-1"),
        2 => stream("transfer-2"),
        other => name(other - 3).metadata_stream(),
    }
}

pub(crate) fn key(number: u8) -> DocumentKey {
    DocumentKey::new(format!("document-{number}")).unwrap()
}

/// What a store has been asked so far, as far as later steps depend on it.
#[derive(Default)]
pub(crate) struct Asked {
    appends: Vec<Vec<StreamAppend>>,
    ids: u128,
}

impl Asked {
    /// The append of a step; absent where there is none.
    pub(crate) fn append(&mut self, step: &Step) -> Option<AppendRequest> {
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
