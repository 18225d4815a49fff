//! Rows in the memory of this process: as they are, without writing them down.

use std::collections::{BTreeMap, BTreeSet};

use engine_store::rows::{Listing, Order, RowError, RowKey};
use engine_types::Position;
use parking_lot::RwLock;

use super::{
    Row, Rows,
    generation::{Basis, Batch, Late},
};

/// The rows of one generation.
pub(super) struct MemoryRows<R> {
    number: u64,
    rank: fn(&R) -> i64,
    kept: RwLock<Kept<R>>,
}

/// All that is known of a generation: what a snapshot holds.
#[derive(Debug, Clone)]
pub(super) struct Kept<R> {
    pub(super) rows: BTreeMap<RowKey, R>,
    pub(super) position: Option<Position>,
    pub(super) ready: bool,
    pub(super) late: BTreeMap<String, Position>,
    /// The rows by rank, made from the rows.
    ranks: BTreeSet<(i64, RowKey)>,
}

impl<R> Default for Kept<R> {
    fn default() -> Self {
        Kept {
            rows: BTreeMap::new(),
            position: None,
            ready: false,
            late: BTreeMap::new(),
            ranks: BTreeSet::new(),
        }
    }
}

impl<R: Row> MemoryRows<R> {
    pub(super) fn new(number: u64, rank: fn(&R) -> i64, mut kept: Kept<R>) -> Self {
        kept.ranks = kept.rows.iter().map(|(key, row)| (rank(row), key.clone())).collect();
        MemoryRows { number, rank, kept: RwLock::new(kept) }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.kept.read().position
    }

    pub(super) fn is_ready(&self) -> bool {
        self.kept.read().ready
    }

    pub(super) fn counted(&self) -> (Basis, Late) {
        let kept = self.kept.read();
        (Basis { position: kept.position, changes: 0 }, kept.late.clone())
    }

    pub(super) fn get(&self, key: &RowKey) -> Option<R> {
        self.kept.read().rows.get(key).cloned()
    }

    pub(super) fn commit(&self, batch: Batch<R>) {
        let mut kept = self.kept.write();
        for (key, row) in batch.rows {
            kept.put(key, row, self.rank);
        }
        kept.position = kept.position.max(batch.position);
        kept.late.extend(batch.late);
        for sequence in batch.forget {
            kept.late.remove(&sequence);
        }
        kept.ready |= batch.ready;
    }

    pub(super) fn view(&self, look: &mut dyn FnMut(&dyn Rows<R>)) {
        look(&*self.kept.read());
    }

    /// Everything, as it is at one moment.
    pub(super) fn copy(&self) -> Kept<R> {
        self.kept.read().clone()
    }
}

impl<R> Kept<R> {
    /// What was saved.
    pub(super) fn saved(
        rows: BTreeMap<RowKey, R>,
        position: Option<Position>,
        ready: bool,
        late: BTreeMap<String, Position>,
    ) -> Self {
        Kept { rows, position, ready, late, ranks: BTreeSet::new() }
    }

    fn put(&mut self, key: RowKey, row: Option<R>, rank: fn(&R) -> i64) {
        let new_rank = row.as_ref().map(rank);
        let old = match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        let old_rank = old.as_ref().map(rank);
        if old_rank == new_rank {
            return;
        }
        if let Some(old_rank) = old_rank {
            self.ranks.remove(&(old_rank, key.clone()));
        }
        if let Some(new_rank) = new_rank {
            self.ranks.insert((new_rank, key));
        }
    }
}

impl<R: Row> Rows<R> for Kept<R> {
    fn position(&self) -> Result<Option<Position>, RowError> {
        Ok(self.position)
    }

    fn get(&self, key: &RowKey) -> Result<Option<R>, RowError> {
        Ok(self.rows.get(key).cloned())
    }

    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, R)>, RowError> {
        let row = |key: &RowKey| self.rows.get(key).map(|row| (key.clone(), row.clone()));
        let after = listing.after.as_ref();
        let keys: Box<dyn Iterator<Item = &RowKey>> = match (listing.order, listing.descending) {
            (Order::Key, false) => {
                let first =
                    after.map_or(listing.first_key(), |after| after.key.clone().max(listing.first_key()));
                let behind = move |key: &&RowKey| after.is_none_or(|after| **key > after.key);
                let chosen = self.rows.range(first..).map(|(key, _)| key).filter(behind);
                // The keys that are chosen stand together.
                Box::new(chosen.take_while(|key| listing.chooses(key)))
            }
            (Order::Key, true) => {
                let before = move |key: &&RowKey| after.is_none_or(|after| **key < after.key);
                let down = self.rows.range(listing.first_key()..).rev().map(|(key, _)| key);
                let chosen =
                    down.skip_while(|key| !listing.chooses(key)).take_while(|key| listing.chooses(key));
                Box::new(chosen.filter(before))
            }
            (Order::Rank, false) => {
                let behind = move |(rank, key): &&(i64, RowKey)| {
                    after.is_none_or(|after| (*rank, key) > (after.rank, &after.key))
                };
                Box::new(
                    self.ranks.iter().filter(behind).map(|(_, key)| key).filter(|key| listing.chooses(key)),
                )
            }
            (Order::Rank, true) => {
                let before = move |(rank, key): &&(i64, RowKey)| {
                    after.is_none_or(|after| (*rank, key) < (after.rank, &after.key))
                };
                let down = self.ranks.iter().rev().filter(before);
                Box::new(down.map(|(_, key)| key).filter(|key| listing.chooses(key)))
            }
        };
        Ok(keys.take(listing.limit).filter_map(row).collect())
    }
}
