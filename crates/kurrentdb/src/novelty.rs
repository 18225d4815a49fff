//! Whether an answered append was written by this call, or before it.
//!
//! The protocol does not tell. But what is written anew stands behind everything that was seen before it was sent, and
//! of several calls that are answered with the same place only the first can have written it. Unknown stays one
//! case: the same events from another process, after this store last saw anything. They count as written here.

use std::collections::{HashSet, VecDeque};

use engine_types::Position;
use parking_lot::Mutex;

/// How many answers are remembered: many more than appends are under way at once.
const REMEMBERED: usize = 16_384;

/// What was seen of the store's end.
#[derive(Debug, Default)]
pub(crate) struct Novelty(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    newest: Option<Position>,
    answered: HashSet<Position>,
    order: VecDeque<Position>,
}

impl Novelty {
    /// The newest position that was seen so far: to be asked before an append is sent.
    pub(crate) fn newest(&self) -> Option<Position> {
        self.0.lock().newest
    }

    /// An event at this position was seen.
    pub(crate) fn saw(&self, position: Option<Position>) {
        let mut seen = self.0.lock();
        seen.newest = seen.newest.max(position);
    }

    /// An append that was sent when `before` was the newest was answered with this position. Says whether that call
    /// wrote it.
    pub(crate) fn is_new(&self, before: Option<Position>, answer: Position) -> bool {
        let mut seen = self.0.lock();
        seen.newest = seen.newest.max(Some(answer));
        let first = seen.answered.insert(answer);
        if first {
            seen.order.push_back(answer);
            if seen.order.len() > REMEMBERED
                && let Some(oldest) = seen.order.pop_front()
            {
                seen.answered.remove(&oldest);
            }
        }
        first && before < Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_end_that_was_seen_was_there_before() {
        let novelty = Novelty::default();
        novelty.saw(Some(Position(10)));
        assert!(!novelty.is_new(novelty.newest(), Position(10)));
        assert!(novelty.is_new(novelty.newest(), Position(0).next().max(Position(11))));
    }

    #[test]
    fn of_several_calls_with_the_same_answer_one_wrote_it() {
        let novelty = Novelty::default();
        let before = novelty.newest();
        assert!(novelty.is_new(before, Position(0)));
        assert!(!novelty.is_new(before, Position(0)));
    }
}
