//! The instances that are kept in memory: the most recently used, up to a bound.

use std::{
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use foldhash::fast::FixedState;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

/// More shards than cores that will fight for them.
const MAX_SHARDS: usize = 32;

/// How many instances at work are passed over in the search for one that can be dropped.
const MAX_PASSED_OVER: usize = 8;

/// Values by text, shared by all that use them at the same time.
///
/// A value is dropped only when nobody uses it, so that two users of one key always share one value.
pub(crate) struct Cache<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    /// Without chance, so that a simulation drops the same values each time.
    hasher: FixedState,
    capacity_of_shard: usize,
    started: Instant,
}

/// The values whose keys have the same hash, the most recently used first.
type Shard<V> = LruCache<Box<str>, Arc<Kept<V>>>;

/// A kept value.
pub(crate) struct Kept<V> {
    pub(crate) value: V,
    last_used_ms: AtomicU64,
}

impl<V> Cache<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = capacity.clamp(1, MAX_SHARDS);
        Cache {
            shards: (0..shards).map(|_| Mutex::new(LruCache::unbounded())).collect(),
            hasher: FixedState::default(),
            capacity_of_shard: capacity / shards,
            started: Instant::now(),
        }
    }

    /// The value of this key, made if there is none. The caller tells the time, which it knows already.
    pub(crate) fn get<E>(
        &self,
        key: &str,
        now: Instant,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<Kept<V>>, E> {
        let now_ms = self.millis(now);
        let mut shard = self.shard(key).lock();
        if let Some(kept) = shard.get(key) {
            kept.last_used_ms.store(now_ms, Ordering::Relaxed);
            return Ok(kept.clone());
        }
        let kept = Arc::new(Kept { value: make()?, last_used_ms: AtomicU64::new(now_ms) });
        shard.put(key.into(), kept.clone());
        drop_surplus(&mut shard, self.capacity_of_shard);
        Ok(kept)
    }

    /// The value of this key, where there is one; that it was asked for is no use of it.
    pub(crate) fn peek(&self, key: &str) -> Option<Arc<Kept<V>>> {
        self.shard(key).lock().peek(key).cloned()
    }

    /// Drops what was not used for this long.
    pub(crate) fn drop_idle(&self, idle_after: Duration) {
        let idle_ms = u64::try_from(idle_after.as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.millis(Instant::now());
        for shard in &self.shards {
            let mut shard = shard.lock();
            while shard.peek_lru().is_some_and(|(_, kept)| {
                let unused_ms = now_ms.saturating_sub(kept.last_used_ms.load(Ordering::Relaxed));
                unused_ms >= idle_ms && Arc::strong_count(kept) == 1
            }) {
                shard.pop_lru();
            }
        }
    }

    /// How many values are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, key: &str) -> &Mutex<Shard<V>> {
        let hash = self.hasher.hash_one(key);
        &self.shards[(hash >> 32) as usize % self.shards.len()]
    }

    /// The time since the cache was made.
    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

fn drop_surplus<V>(shard: &mut Shard<V>, capacity: usize) {
    let mut passed_over = 0;
    while shard.len() > capacity && passed_over < MAX_PASSED_OVER {
        let Some((key, kept)) = shard.pop_lru() else { return };
        if Arc::strong_count(&kept) > 1 {
            shard.put(key, kept);
            passed_over += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(cache: &Cache<u32>, key: &str, value: u32) -> Arc<Kept<u32>> {
        cache.get(key, Instant::now(), || Ok::<_, ()>(value)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_kept_values_is_bounded() {
        for capacity in [1, 3, 70] {
            let cache = Cache::new(capacity);
            for number in 0..1_000 {
                make(&cache, &number.to_string(), number);
            }
            assert!((1..=capacity).contains(&cache.len()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_in_use_is_never_replaced_by_another() {
        let cache = Cache::new(1);
        let in_use = make(&cache, "in use", 7);
        for number in 0..1_000 {
            make(&cache, &number.to_string(), number);
        }
        assert!(Arc::ptr_eq(&in_use, &make(&cache, "in use", 8)));
    }

    #[tokio::test(start_paused = true)]
    async fn values_that_nobody_uses_are_dropped_after_a_while() {
        let cache = Cache::new(100);
        make(&cache, "old", 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        make(&cache, "young", 2);
        cache.drop_idle(Duration::from_secs(60));
        assert_eq!(cache.len(), 1);
        assert_eq!(make(&cache, "old", 3).value, 3);
    }
}
