//! Tests of read models as sentences: given these events, these rows, and these answers.
//!
//! Nothing is stored. Every event and every row goes through JSON once, as it would on its way to a database.

use std::{collections::BTreeMap, fmt::Debug};

use engine_store::{
    Timestamp,
    rows::{Listing, RowError, RowKey},
};
use engine_types::{Event, Metadata, Position, Query, Revision, StreamName, event::Decoder};
use uuid::Uuid;

use super::{
    Answer, AnswerError, Projection, Rows,
    fold::project_each,
    generation::{Batch, Generation},
    memory::{Kept, MemoryRows},
};
use crate::listen::Delivered;

/// Begins a test: these events have happened, each in the stream that stands before it.
///
/// # Panics
/// When a stream cannot be named like that, or an event does not survive the way to disk and back.
#[track_caller]
pub fn given_events<E: Event>(events: impl IntoIterator<Item = (&'static str, E)>) -> GivenEvents<E> {
    let mut revisions: BTreeMap<&str, u64> = BTreeMap::new();
    let deliver = |(position, (stream, event)): (u64, (&'static str, E))| {
        let revision = revisions.entry(stream).or_default();
        *revision += 1;
        Delivered {
            event: stored(&event),
            stream: StreamName::new(stream).expect("a stream can have this name"),
            revision: Revision(*revision - 1),
            position: Position(position),
            id: Uuid::from_u128(u128::from(position) + 1),
            metadata: Metadata::default(),
            created: Timestamp::from_micros(0),
            failures: 0,
        }
    };
    GivenEvents { events: (0..).zip(events).map(deliver).collect() }
}

/// An event, as it comes back from disk.
#[track_caller]
fn stored<E: Event>(event: &E) -> E {
    let event_type = event.event_type();
    let data = event.to_json().expect("an event can be written as JSON");
    let read = Decoder::<E>::default().decode(event_type.name, event_type.version, &data);
    let mut read = read.expect("an event that was written can be read");
    assert!(read.len() == 1, "an event became {} events on its way to disk and back", read.len());
    read.remove(0)
}

/// Events that have happened.
#[derive(Debug)]
pub struct GivenEvents<E> {
    events: Vec<Delivered<E>>,
}

impl<E: Event> GivenEvents<E> {
    /// Projects the events.
    ///
    /// # Panics
    /// When a row does not survive the way through JSON, or the projection does not lead to the same rows twice.
    #[track_caller]
    #[must_use = "say which rows there should be"]
    pub fn project<P: Projection<Event = E>>(self) -> Projected<P> {
        let generation = MemoryRows::new(1, P::rank, Kept::default());
        for event in &self.events {
            let before: Vec<_> = P::keys(event).into_iter().map(|key| (generation.get(&key), key)).collect();
            let before: Vec<_> = before.into_iter().map(|(row, key)| (key, row)).collect();
            let (first, again) = (project_each::<P>(&before, event), project_each::<P>(&before, event));
            assert!(written::<P>(&first) == written::<P>(&again), "the projection is not pure");
            let read: Vec<(RowKey, Option<P::Row>)> =
                serde_json::from_str(&written::<P>(&first)).expect("a row can be read back from JSON");
            assert!(written::<P>(&first) == written::<P>(&read), "a row changed on its way through JSON");
            let rows = read.into_iter().collect();
            generation.commit(Batch { rows, position: Some(event.position), ..Batch::default() });
        }
        Projected { rows: Generation::Memory(generation) }
    }
}

fn written<P: Projection>(rows: &[(RowKey, Option<P::Row>)]) -> String {
    serde_json::to_string(rows).expect("a row can be written as JSON")
}

/// The rows that the events led to.
pub struct Projected<P: Projection> {
    rows: Generation<P::Row>,
}

impl<P: Projection> Debug for Projected<P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Projected").field("projection", &P::NAME).finish_non_exhaustive()
    }
}

impl<P: Projection> Projected<P> {
    /// Expects this row under this key.
    ///
    /// # Panics
    /// When there is another, or none.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn row(self, key: impl Into<RowKey>, expected: P::Row) -> Self
    where
        P::Row: Debug + PartialEq,
    {
        let key = key.into();
        let actual = self.look(|rows| rows.get(&key));
        assert!(
            actual.as_ref() == Some(&expected),
            "row `{key}`\n  expected: {expected:#?}\n  actual:   {actual:#?}"
        );
        self
    }

    /// Expects no row under this key.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn no_row(self, key: impl Into<RowKey>) -> Self {
        let key = key.into();
        assert!(self.look(|rows| rows.get(&key)).is_none(), "there is a row `{key}`");
        self
    }

    /// Expects exactly these keys, in order.
    ///
    /// # Panics
    /// When there are others.
    #[track_caller]
    pub fn keys(self, expected: impl IntoIterator<Item = impl Into<RowKey>>) -> Self {
        let expected: Vec<RowKey> = expected.into_iter().map(Into::into).collect();
        let rows = self.look(|rows| rows.list(&Listing::all().limit(usize::MAX)));
        let actual: Vec<_> = rows.into_iter().map(|(key, _)| key).collect();
        assert!(actual == expected, "keys\n  expected: {expected:#?}\n  actual:   {actual:#?}");
        self
    }

    /// Expects this answer to a query.
    ///
    /// # Panics
    /// When there is another, or none.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn answers<Q>(self, query: Q, expected: P::Output) -> Self
    where
        Q: Query<Projection = P>,
        P: Answer<Q>,
        P::Output: Debug + PartialEq,
    {
        match self.ask(&query) {
            Ok(actual) => {
                assert!(actual == expected, "answer\n  expected: {expected:#?}\n  actual:   {actual:#?}");
            }
            Err(error) => panic!("the query was not answered ({error}); expected: {expected:#?}"),
        }
        self
    }

    /// Answers a query.
    ///
    /// # Errors
    /// What the projection says.
    ///
    /// # Panics
    /// Never: these rows can always be read.
    pub fn ask<Q>(&self, query: &Q) -> Result<P::Output, AnswerError>
    where
        Q: Query<Projection = P>,
        P: Answer<Q>,
    {
        let mut answer = None;
        let looked = self.rows.view(&mut |rows| answer = Some(P::answer(query, rows)));
        looked.ok().and(answer).expect("rows in memory can be read")
    }

    #[track_caller]
    fn look<T>(&self, look: impl Fn(&dyn Rows<P::Row>) -> Result<T, RowError>) -> T {
        let mut seen = None;
        let looked = self.rows.view(&mut |rows| seen = look(rows).ok());
        looked.ok().and(seen).expect("rows in memory can be read")
    }
}
