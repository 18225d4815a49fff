//! Chance that repeats itself: xorshift64*, seeded.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

/// A generator of numbers. Clones share their state, so that one seed decides everything.
#[derive(Debug, Clone)]
pub struct Random(Arc<AtomicU64>);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(Arc::new(AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)))
    }

    pub fn next(&self) -> u64 {
        let mut x = self.0.load(Ordering::Relaxed);
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.store(x, Ordering::Relaxed);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    /// An index below `length`.
    pub fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// True in so many of a hundred cases.
    pub fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
