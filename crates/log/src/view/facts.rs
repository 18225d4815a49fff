//! Where the newest events of streams are in the parts that are not written any more, as far as that was found out:
//! bounded in memory.

use foldhash::fast::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::Newest;

/// That so many parts do not know a stream is found out faster than it is remembered.
const FEW: usize = 64;

/// What was found out about the parts of a view. Parts may be added, but neither exchanged nor merged.
#[derive(Debug)]
pub(crate) struct Facts(Cache<Box<str>, Fact, UnitWeighter, RandomState>);

/// What was found in the first `parts` parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub parts: usize,
    pub newest: Newest,
}

impl Facts {
    pub(crate) fn new(streams: usize) -> Self {
        let count = streams.max(16);
        let random = RandomState::default();
        Facts(Cache::with(count, count as u64, UnitWeighter, random, DefaultLifecycle::default()))
    }

    /// What is known of a stream in the first `parts` parts, or fewer. A later view may have found out more, which is
    /// not to be seen in this one.
    pub(super) fn get(&self, name: &str, parts: usize) -> Option<Fact> {
        self.0.get(name).filter(|known| known.parts <= parts)
    }

    /// Remembers what was found out with some effort.
    pub(super) fn found(&self, name: &str, fact: Fact) {
        if fact.newest.is_some() || fact.parts > FEW {
            self.0.insert(name.into(), fact);
        }
    }
}
