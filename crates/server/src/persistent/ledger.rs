//! Which places are done, when they are done in any order: up to where everything is.

use std::collections::VecDeque;

/// The places that were handed out, in order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: VecDeque<(u64, bool)>,
    reached: Option<u64>,
}

impl Ledger {
    /// Begins after this place.
    pub(crate) fn after(reached: Option<u64>) -> Self {
        Ledger { open: VecDeque::new(), reached }
    }

    /// A place is to be done. Places come in order.
    pub(crate) fn open(&mut self, place: u64) {
        self.open.push_back((place, false));
    }

    /// A place needs nothing.
    pub(crate) fn pass(&mut self, place: u64) {
        match self.open.back_mut() {
            // Places that need nothing and follow one another are one.
            Some((last, true)) => *last = place,
            _ => self.open.push_back((place, true)),
        }
        self.settle();
    }

    /// A place is done.
    pub(crate) fn done(&mut self, place: u64) {
        if let Ok(index) = self.open.binary_search_by_key(&place, |(open, _)| *open)
            && let Some((_, done)) = self.open.get_mut(index)
        {
            *done = true;
        }
        self.settle();
    }

    /// Everything up to here is done.
    pub(crate) fn reached(&self) -> Option<u64> {
        self.reached
    }

    fn settle(&mut self) {
        while let Some((place, true)) = self.open.front() {
            self.reached = Some(*place);
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_never_passes_a_place_that_is_open() {
        let mut ledger = Ledger::after(Some(4));
        for place in [5, 8, 9] {
            ledger.open(place);
        }
        ledger.done(8);
        assert_eq!(ledger.reached(), Some(4));
        ledger.done(5);
        assert_eq!(ledger.reached(), Some(8));
        ledger.pass(12);
        assert_eq!(ledger.reached(), Some(8));
        ledger.done(9);
        assert_eq!(ledger.reached(), Some(12));
        ledger.done(77);
        assert_eq!(ledger.reached(), Some(12));
    }
}
