//! Which events have been handled: pure bookkeeping behind the checkpoint.

use std::collections::VecDeque;

use engine_types::Position;

/// Keeps the promise that a checkpoint never passes an unhandled event.
///
/// Events are handed out in order and finished in any order. The checkpoint is the last position that the store
/// has told, at and below which everything is finished. Not every number is a position: in some stores there are
/// gaps between them, and one that stands in a gap cannot be gone on from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tracker {
    /// Events that were handed out, in order. The first is unfinished.
    in_flight: VecDeque<HandedOut>,
    /// Everything up to here was handed out or is of no interest.
    seen: Option<Position>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HandedOut {
    position: Position,
    /// What had been seen before it.
    before: Option<Position>,
    /// For how many sequences it is not finished.
    unfinished: u32,
}

impl Tracker {
    /// Goes on after a stored checkpoint.
    pub(crate) fn after(checkpoint: Option<Position>) -> Self {
        Tracker { in_flight: VecDeque::new(), seen: checkpoint }
    }

    /// Notes that an event is handed out, for so many sequences. Says whether it is new: one at or before what was
    /// seen is not.
    pub(crate) fn hand_out(&mut self, position: Position, sequences: u32) -> bool {
        let is_new = self.seen < Some(position);
        if is_new {
            self.in_flight.push_back(HandedOut { position, before: self.seen, unfinished: sequences });
            self.seen = Some(position);
        }
        is_new
    }

    /// Notes that nothing of interest stands up to here.
    pub(crate) fn pass_over(&mut self, position: Position) {
        self.seen = self.seen.max(Some(position));
    }

    /// Notes that an event is finished for one sequence: handled, skipped, or parked where it is not forgotten.
    pub(crate) fn finish(&mut self, position: Position) {
        if let Ok(index) = self.find(position) {
            let event = &mut self.in_flight[index];
            event.unfinished = event.unfinished.saturating_sub(1);
        }
        while self.in_flight.front().is_some_and(|first| first.unfinished == 0) {
            self.in_flight.pop_front();
        }
    }

    /// The last position that was seen, at and below which everything is finished.
    pub(crate) fn checkpoint(&self) -> Option<Position> {
        self.in_flight.front().map_or(self.seen, |first| first.before)
    }

    /// Whether everything up to here is finished, whether or not it is a position of an event.
    pub(crate) fn is_through(&self, position: Position) -> bool {
        self.seen >= Some(position) && self.first_unfinished().is_none_or(|first| first > position)
    }

    /// How many events were handed out and are not finished.
    pub(crate) fn unfinished(&self) -> u64 {
        self.in_flight.iter().filter(|event| event.unfinished > 0).count() as u64
    }

    /// The first event that was handed out and is not finished.
    pub(crate) fn first_unfinished(&self) -> Option<Position> {
        self.in_flight.front().map(|first| first.position)
    }

    /// Everything up to here was handed out or is of no interest.
    pub(crate) fn seen(&self) -> Option<Position> {
        self.seen
    }

    /// Whether this event is finished, or of no interest. Everything before it may not be.
    pub(crate) fn is_past(&self, position: Position) -> bool {
        self.seen >= Some(position)
            && self.find(position).map_or(true, |index| self.in_flight[index].unfinished == 0)
    }

    fn find(&self, position: Position) -> Result<usize, usize> {
        self.in_flight.binary_search_by_key(&position, |event| event.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpoint_waits_for_the_slowest() {
        let mut tracker = Tracker::default();
        for position in [3, 5, 9] {
            tracker.hand_out(Position(position), 1);
        }
        tracker.finish(Position(9));
        tracker.finish(Position(5));
        assert_eq!(tracker.checkpoint(), None);
        assert!(tracker.is_through(Position(2)) && !tracker.is_through(Position(3)));
        tracker.finish(Position(3));
        assert_eq!(tracker.checkpoint(), Some(Position(9)));
    }

    #[test]
    fn the_checkpoint_moves_past_what_is_of_no_interest() {
        let mut tracker = Tracker::after(Some(Position(4)));
        tracker.pass_over(Position(10));
        assert_eq!(tracker.checkpoint(), Some(Position(10)));
        tracker.hand_out(Position(12), 1);
        tracker.pass_over(Position(20));
        assert_eq!(tracker.checkpoint(), Some(Position(10)), "11 may stand in a gap of the store");
        assert!(tracker.is_through(Position(11)) && !tracker.is_through(Position(12)));
        tracker.finish(Position(12));
        assert_eq!(tracker.checkpoint(), Some(Position(20)));
    }

    #[test]
    fn before_the_first_event_is_handled_there_is_no_checkpoint() {
        let mut tracker = Tracker::default();
        tracker.hand_out(Position(0), 1);
        assert_eq!(tracker.checkpoint(), None);
    }

    #[test]
    fn a_finished_event_is_past_although_an_earlier_one_is_not() {
        let mut tracker = Tracker::default();
        tracker.hand_out(Position(1), 1);
        tracker.hand_out(Position(2), 1);
        tracker.finish(Position(2));
        assert!(tracker.is_past(Position(2)) && tracker.is_past(Position(0)));
        assert!(!tracker.is_past(Position(1)) && !tracker.is_past(Position(3)));
    }

    #[test]
    fn an_event_of_several_sequences_is_finished_when_it_is_in_all_of_them() {
        let mut tracker = Tracker::default();
        tracker.hand_out(Position(1), 2);
        tracker.finish(Position(1));
        assert!(!tracker.is_past(Position(1)));
        assert_eq!(tracker.checkpoint(), None);
        tracker.finish(Position(1));
        assert!(tracker.is_past(Position(1)));
        assert_eq!(tracker.checkpoint(), Some(Position(1)));
    }

    #[test]
    fn what_was_seen_before_is_not_handed_out_again() {
        let mut tracker = Tracker::after(Some(Position(7)));
        assert!(!tracker.hand_out(Position(7), 1));
        assert_eq!(tracker.checkpoint(), Some(Position(7)));
    }
}
