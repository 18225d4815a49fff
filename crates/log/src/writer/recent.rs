//! The ids of the newest events, to recognise an append that is repeated without an exact expectation.

use std::collections::VecDeque;

use hashbrown::{HashTable, hash_table::Entry};

use crate::units::index;

/// No more ids are remembered, so that positions are told apart by their lower 32 bits.
const MOST: usize = 1 << 31;

/// Where the newest event ids stand. Ids are shortened: whoever asks checks the event itself.
#[derive(Debug)]
pub(crate) struct RecentIds {
    limit: usize,
    /// The lower halves of the positions where the ids came first. The ids themselves, which are hashes already, stand in
    /// `order`: beside a million of them every byte counts.
    positions: HashTable<u32>,
    /// The ids in the order of their positions, which follow one another.
    order: VecDeque<u64>,
    next_position: u64,
}

impl RecentIds {
    /// Remembers up to `limit` ids of the events before `next_position`; `newest` are the last of them.
    pub(crate) fn new(limit: usize, next_position: u64, newest: &[u64]) -> Self {
        let next_position = next_position - newest.len() as u64;
        let (limit, positions, order) = (limit.min(MOST), HashTable::new(), VecDeque::new());
        let mut recent = RecentIds { limit, positions, order, next_position };
        for id in newest {
            recent.add(*id, |_| true);
        }
        recent
    }

    /// Adds the id of the next event, zero where there is none. One that is known already stays where it came
    /// first, if `is_there` knows an event there: it may have been removed since.
    pub(crate) fn add(&mut self, id: u64, is_there: impl FnOnce(u64) -> bool) {
        let (oldest, next) = (self.oldest(), self.next_position);
        let order = &self.order;
        let id_at = |half: &u32| order.get(ahead(*half, oldest)).copied().unwrap_or(0);
        match self.positions.entry(id, |half| id_at(half) == id, id_at) {
            _ if id == 0 => {}
            Entry::Occupied(known) if is_there(oldest + ahead(*known.get(), oldest) as u64) => {}
            Entry::Occupied(mut known) => *known.get_mut() = half(next),
            Entry::Vacant(fresh) => drop(fresh.insert(half(next))),
        }
        self.order.push_back(id);
        self.next_position += 1;
        if self.order.len() > self.limit {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let position = half(self.oldest());
        let Some(id) = self.order.pop_front() else { return };
        if let Ok(known) = self.positions.find_entry(id, |known| *known == position) {
            known.remove();
        }
    }

    /// The position of the oldest id that is remembered.
    fn oldest(&self) -> u64 {
        self.next_position - self.order.len() as u64
    }

    /// Where an event of this id may stand.
    pub(crate) fn position(&self, id: u64) -> Option<u64> {
        let oldest = self.oldest();
        let is_it = |half: &u32| self.order.get(ahead(*half, oldest)) == Some(&id);
        let half = self.positions.find(id, is_it).filter(|_| id != 0)?;
        Some(oldest + ahead(*half, oldest) as u64)
    }
}

/// The lower half of a position.
fn half(position: u64) -> u32 {
    let [a, b, c, d, ..] = position.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// How far a position, of which this is the lower half, is behind the oldest one.
fn ahead(of: u32, oldest: u64) -> usize {
    index(u64::from(of.wrapping_sub(half(oldest))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_ids_are_remembered() {
        let mut recent = RecentIds::new(2, 0, &[]);
        for number in 1..5 {
            recent.add(number, |_| true);
        }
        let found: Vec<_> = (1..5).map(|number| recent.position(number)).collect();
        assert_eq!(found, [None, None, Some(2), Some(3)]);
        assert_eq!(recent.positions.len(), 2);
    }

    #[test]
    fn an_id_that_came_again_is_remembered_where_it_came_first() {
        let mut recent = RecentIds::new(3, 0, &[]);
        for number in [7, 7, 8] {
            recent.add(number, |_| true);
        }
        assert_eq!(recent.position(7), Some(0));
    }

    #[test]
    fn an_id_whose_event_was_removed_is_remembered_where_it_came_again() {
        let mut recent = RecentIds::new(3, 2, &[7, 0]);
        recent.add(7, |position| position != 0);
        assert_eq!((recent.position(7), recent.position(0)), (Some(2), None));
    }

    #[test]
    fn positions_are_told_beyond_32_bits() {
        let first = u64::from(u32::MAX) - 1;
        let mut recent = RecentIds::new(3, first + 2, &[5, 6]);
        for number in 7..10 {
            recent.add(number, |_| true);
        }
        let found: Vec<_> = (5..10).map(|number| recent.position(number)).collect();
        assert_eq!(found, [None, None, Some(first + 2), Some(first + 3), Some(first + 4)]);
    }
}

#[cfg(test)]
mod properties {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few ids come again and again, and are forgotten meanwhile.
        #[test]
        fn an_id_is_known_where_it_came_first_of_all_that_are_remembered(
            ids in prop::collection::vec(0_u64..12, 0..200),
            limit in 1_usize..20,
        ) {
            let mut recent = RecentIds::new(limit, 4_294_967_200, &[]);
            let mut known = HashMap::new();
            for (ahead, id) in ids.iter().enumerate() {
                let position = 4_294_967_200 + ahead as u64;
                recent.add(*id, |_| true);
                if *id != 0 {
                    known.entry(*id).or_insert(position);
                }
                // The one that is forgotten is known no more, wherever else it came.
                if ahead >= limit {
                    known.retain(|_, first| *first != position - limit as u64);
                }
                for id in 0..12 {
                    prop_assert_eq!(recent.position(id), known.get(&id).copied());
                }
            }
        }
    }
}
