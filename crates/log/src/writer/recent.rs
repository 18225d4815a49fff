//! The ids of the newest events, to recognise an append that is repeated without an exact expectation.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
};

/// Shortened ids are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed")
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// Where the newest event ids stand. Ids are shortened: whoever asks checks the event itself.
#[derive(Debug)]
pub(crate) struct RecentIds {
    limit: usize,
    positions: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
    /// The ids in the order of their positions, which follow one another.
    order: VecDeque<u64>,
    next_position: u64,
}

impl RecentIds {
    /// Remembers up to `limit` ids of the events before `next_position`; `newest` are the last of them.
    pub(crate) fn new(limit: usize, next_position: u64, newest: &[u64]) -> Self {
        let first = next_position - newest.len() as u64;
        let mut recent =
            RecentIds { limit, positions: HashMap::default(), order: VecDeque::new(), next_position: first };
        for id in newest {
            recent.add(*id, |_| true);
        }
        recent
    }

    /// Adds the id of the next event, zero where there is none. One that is known already stays where it came
    /// first, if `is_there` knows an event there: it may have been removed since.
    pub(crate) fn add(&mut self, id: u64, is_there: impl FnOnce(u64) -> bool) {
        let next = self.next_position;
        match self.positions.entry(id) {
            _ if id == 0 => {}
            Entry::Occupied(known) if is_there(*known.get()) => {}
            Entry::Occupied(mut known) => drop(known.insert(next)),
            Entry::Vacant(fresh) => drop(fresh.insert(next)),
        }
        self.order.push_back(id);
        self.next_position += 1;
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            let position = self.next_position - 1 - self.order.len() as u64;
            if self.positions.get(&oldest) == Some(&position) {
                self.positions.remove(&oldest);
            }
        }
    }

    /// Where an event of this id may stand.
    pub(crate) fn position(&self, id: u64) -> Option<u64> {
        self.positions.get(&id).copied()
    }
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
}
