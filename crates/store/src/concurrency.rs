//! The decision of every append: write, answer again, or refuse. Pure, and the same in every store.
//!
//! The rules are those of KurrentDB (`CheckCommit` in its source): an expectation that is behind the stream is
//! not at once a conflict, because the same events may have been written there by an earlier try whose answer
//! was lost.

use engine_types::{CurrentRevision, ExpectedRevision, Revision};
use uuid::Uuid;

use crate::{DeleteMode, StreamAppend};

/// What a store knows of a stream when it decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamState {
    /// Where it ends.
    pub current: CurrentRevision,
    /// Whether it was closed for ever.
    pub tombstoned: bool,
    /// Whether it was deleted softly.
    pub deleted: bool,
}

/// What is to be done with the part of an append that concerns one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The expectation holds and there is nothing to write.
    Nothing,
    /// Write, after the current end.
    Write {
        /// The stream was deleted softly: set its metadata to
        /// [`StreamMetadata::revived`](crate::StreamMetadata::revived) too.
        revive: bool,
    },
    /// These events are there already; the last of them has this revision.
    Written(Revision),
    /// The expectation is wrong.
    Conflict,
    /// The stream is closed for ever.
    Deleted,
}

/// Decides about an append of events with these `ids`.
///
/// `id_at` tells the id of the event at a revision; `find` tells the first revision of an event id in this
/// stream (whatever other streams have the same id), as far as the store remembers (it may forget old ids).
pub fn decide(
    state: StreamState,
    expected: ExpectedRevision,
    ids: &[Uuid],
    id_at: impl Fn(Revision) -> Option<Uuid>,
    find: impl Fn(Uuid) -> Option<Revision>,
) -> Verdict {
    if state.tombstoned {
        return Verdict::Deleted;
    }
    let deleted = state.deleted;
    let written_from = |first: Revision| {
        let written = (first.0..).zip(ids).all(|(revision, id)| id_at(Revision(revision)) == Some(*id));
        (written && !ids.is_empty()).then(|| Verdict::Written(Revision(first.0 + ids.len() as u64 - 1)))
    };
    let write = if ids.is_empty() { Verdict::Nothing } else { Verdict::Write { revive: deleted } };
    match expected {
        ExpectedRevision::Any | ExpectedRevision::StreamExists => {
            if let Some(first) = ids.first().and_then(|id| find(*id)) {
                return written_from(first).unwrap_or(Verdict::Conflict);
            }
            let exists = state.current != CurrentRevision::NoStream && !deleted;
            if expected == ExpectedRevision::StreamExists && !exists { Verdict::Conflict } else { write }
        }
        ExpectedRevision::NoStream => match state.current {
            CurrentRevision::NoStream => write,
            CurrentRevision::At(_) => {
                let begins_alike = ids.first().is_some_and(|id| id_at(Revision::FIRST) == Some(*id));
                let otherwise = if deleted && !begins_alike { write } else { Verdict::Conflict };
                written_from(Revision::FIRST).unwrap_or(otherwise)
            }
        },
        ExpectedRevision::Exact(revision) => match state.current {
            CurrentRevision::At(last) if revision == last => write,
            CurrentRevision::At(last) if revision < last => {
                written_from(revision.next()).unwrap_or(Verdict::Conflict)
            }
            _ => Verdict::Conflict,
        },
    }
}

/// Which part refuses the whole append, and whether as `Conflict` or as `Deleted`.
///
/// Nothing is refused where all events are there already: the append was carried out, and what the parts
/// without events demand held at that time. Where only some of the events are there, something else wrote
/// them, which is a conflict.
pub fn refused<'a>(parts: &'a [StreamAppend], verdicts: &[Verdict]) -> Option<(&'a StreamAppend, Verdict)> {
    let judged = || parts.iter().zip(verdicts.iter().copied());
    let mut with_events = judged().filter(|(part, _)| !part.events.is_empty()).peekable();
    if with_events.peek().is_some() && with_events.all(|(_, verdict)| matches!(verdict, Verdict::Written(_)))
    {
        return None;
    }
    let writes = judged().any(|(_, verdict)| matches!(verdict, Verdict::Write { .. }));
    judged().find_map(|(part, verdict)| match verdict {
        Verdict::Conflict | Verdict::Deleted => Some((part, verdict)),
        Verdict::Written(_) if writes => Some((part, Verdict::Conflict)),
        _ => None,
    })
}

/// Decides about a deletion. `Write` means that the deletion is to be recorded.
pub fn decide_delete(state: StreamState, expected: ExpectedRevision, mode: DeleteMode) -> Verdict {
    if state.tombstoned {
        return Verdict::Deleted;
    }
    let exists = state.current != CurrentRevision::NoStream;
    let as_expected = match expected {
        ExpectedRevision::Any => exists || mode == DeleteMode::Tombstone,
        ExpectedRevision::NoStream => (!exists || state.deleted) && mode == DeleteMode::Tombstone,
        ExpectedRevision::StreamExists => exists && !state.deleted,
        ExpectedRevision::Exact(revision) => state.current == CurrentRevision::At(revision),
    };
    match (as_expected, mode) {
        (false, _) => Verdict::Conflict,
        (true, DeleteMode::Soft) if state.deleted => Verdict::Nothing,
        (true, _) => Verdict::Write { revive: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

    fn verdict(state: StreamState, expected: ExpectedRevision, ids: &[u128]) -> Verdict {
        let ids: Vec<_> = ids.iter().copied().map(Uuid::from_u128).collect();
        let written = state.current.next().0;
        let stream = &STREAM[..usize::try_from(written).unwrap()];
        decide(
            state,
            expected,
            &ids,
            |revision| stream.get(usize::try_from(revision.0).unwrap()).copied(),
            |id| stream.iter().position(|known| *known == id).map(|index| Revision(index as u64)),
        )
    }

    fn of_three_events() -> StreamState {
        StreamState { current: CurrentRevision::At(Revision(2)), ..StreamState::default() }
    }

    #[test]
    fn a_fresh_stream_takes_events_that_expect_none_or_any() {
        let fresh = StreamState::default();
        assert_eq!(verdict(fresh, ExpectedRevision::NoStream, &[9]), Verdict::Write { revive: false });
        assert_eq!(verdict(fresh, ExpectedRevision::Any, &[9]), Verdict::Write { revive: false });
        assert_eq!(verdict(fresh, ExpectedRevision::StreamExists, &[9]), Verdict::Conflict);
        assert_eq!(verdict(fresh, ExpectedRevision::Exact(Revision(0)), &[9]), Verdict::Conflict);
    }

    #[test]
    fn the_same_events_at_the_same_place_were_written_before() {
        let state = of_three_events();
        let exact = |revision| ExpectedRevision::Exact(Revision(revision));
        assert_eq!(verdict(state, exact(0), &[2, 3]), Verdict::Written(Revision(2)));
        assert_eq!(verdict(state, ExpectedRevision::NoStream, &[1]), Verdict::Written(Revision(0)));
        assert_eq!(verdict(state, ExpectedRevision::Any, &[2, 3]), Verdict::Written(Revision(2)));
    }

    #[test]
    fn a_known_beginning_with_another_end_is_a_conflict() {
        let state = of_three_events();
        assert_eq!(verdict(state, ExpectedRevision::Exact(Revision(0)), &[2, 9]), Verdict::Conflict);
        assert_eq!(verdict(state, ExpectedRevision::Any, &[3, 9]), Verdict::Conflict);
        assert_eq!(verdict(state, ExpectedRevision::Exact(Revision(1)), &[3, 4]), Verdict::Conflict);
    }

    #[test]
    fn an_expectation_ahead_of_the_stream_is_a_conflict() {
        assert_eq!(verdict(of_three_events(), ExpectedRevision::Exact(Revision(3)), &[9]), Verdict::Conflict);
    }

    #[test]
    fn a_softly_deleted_stream_is_revived_by_an_append() {
        let state = StreamState { deleted: true, ..of_three_events() };
        assert_eq!(verdict(state, ExpectedRevision::NoStream, &[9]), Verdict::Write { revive: true });
        assert_eq!(verdict(state, ExpectedRevision::Any, &[9]), Verdict::Write { revive: true });
        assert_eq!(
            verdict(state, ExpectedRevision::Exact(Revision(2)), &[9]),
            Verdict::Write { revive: true }
        );
        assert_eq!(verdict(state, ExpectedRevision::StreamExists, &[9]), Verdict::Conflict);
    }

    #[test]
    fn a_deleted_stream_that_began_alike_is_a_conflict() {
        let state = StreamState { deleted: true, ..of_three_events() };
        assert_eq!(verdict(state, ExpectedRevision::NoStream, &[1, 9]), Verdict::Conflict);
    }

    #[test]
    fn a_deleted_stream_can_be_tombstoned_as_one_that_is_not_there() {
        let state = StreamState { deleted: true, ..of_three_events() };
        let verdict = decide_delete(state, ExpectedRevision::NoStream, DeleteMode::Tombstone);
        assert_eq!(verdict, Verdict::Write { revive: false });
    }

    #[test]
    fn a_tombstoned_stream_takes_nothing() {
        let state = StreamState { tombstoned: true, ..of_three_events() };
        assert_eq!(verdict(state, ExpectedRevision::Any, &[9]), Verdict::Deleted);
    }

    #[test]
    fn a_condition_without_events_writes_nothing() {
        assert_eq!(verdict(of_three_events(), ExpectedRevision::Exact(Revision(2)), &[]), Verdict::Nothing);
        assert_eq!(verdict(of_three_events(), ExpectedRevision::Exact(Revision(1)), &[]), Verdict::Conflict);
    }
}
