//! New identities, as something that is handed in: a test repeats them.

use std::fmt;

use uuid::Uuid;

/// Makes identities that nobody else makes.
pub trait IdGenerator: fmt::Debug + Send + Sync + 'static {
    /// A new one.
    fn next(&self) -> Uuid;
}

/// UUIDs of version 7: ordered by time, then random.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// 1, 2, 3 … for tests that must give the same result each time.
#[derive(Debug, Default)]
pub struct CountedIds(std::sync::atomic::AtomicU64);

impl IdGenerator for CountedIds {
    fn next(&self) -> Uuid {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Uuid::from_u128(u128::from(before) + 1)
    }
}
