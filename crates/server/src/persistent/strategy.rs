//! Which consumer gets an event. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use engine_store::RecordedEvent;

use super::Strategy;

/// How many groups of streams are pinned together.
const BUCKETS: u64 = 1_024;

/// A consumer, as far as the choice depends on it.
#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) id: u64,
    /// How many events it holds at most.
    pub(super) room: usize,
    pub(super) held: usize,
}

impl Consumer {
    fn is_free(&self) -> bool {
        self.held < self.room
    }
}

/// The index of the consumer that gets the event, if that one has room. `turn` is the one whose turn it is.
pub(super) fn choose(
    strategy: Strategy,
    consumers: &[Consumer],
    turn: usize,
    event: &RecordedEvent,
) -> Option<usize> {
    match strategy {
        Strategy::DispatchToSingle => consumers.iter().position(Consumer::is_free),
        Strategy::RoundRobin => {
            let count = consumers.len();
            (0..count).map(|step| (turn + step) % count).find(|index| consumers[*index].is_free())
        }
        Strategy::Pinned => pinned(consumers, event.stream.as_str()),
        Strategy::PinnedByCorrelation => match event.parsed_metadata().correlation_id {
            Some(correlation) => pinned(consumers, &correlation.to_string()),
            None => pinned(consumers, event.stream.as_str()),
        },
    }
}

/// Each bucket belongs to the consumer that bids most for it, so that few buckets move when consumers come and go.
fn pinned(consumers: &[Consumer], text: &str) -> Option<usize> {
    let bucket = hash(text) % BUCKETS;
    let (index, owner) =
        consumers.iter().enumerate().max_by_key(|(_, consumer)| hash((bucket, consumer.id)))?;
    owner.is_free().then_some(index)
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
