//! What a user writes: which rows an event touches, and what becomes of them. Pure.

use engine_store::rows::{Listing, RowError, RowKey};
use engine_types::{Event, Position};
use serde::{Serialize, de::DeserializeOwned};

use crate::listen::Delivered;

/// What can be a row.
pub trait Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<R: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Row for R {}

/// A read model: rows by key, folded from events.
///
/// Its functions see nothing but their arguments, so that the rows are the same wherever they are kept and however
/// often they are built. Register it with `App::projection`.
pub trait Projection: Send + Sync + 'static {
    /// Its name, under which its rows are kept. Shares its names with event handlers.
    const NAME: &'static str;

    /// The version of its functions. Raise it whenever they would lead to other rows: they are built anew.
    const VERSION: u32 = 1;

    /// The events that it hears; `#[event(flatten)]` gathers those of several aggregates.
    type Event: Event;

    /// One row.
    type Row: Row;

    /// Which rows the event touches, in the order in which they are to be projected. None is fine.
    fn keys(event: &Delivered<Self::Event>) -> Vec<RowKey>;

    /// Returns the row of this key as it is after the event; none removes it.
    ///
    /// `row` is the row as it is now. `beside` holds every row that the event touches as it was before the event:
    /// there a movement finds the balance that it follows.
    fn project(
        row: Option<Self::Row>,
        key: &RowKey,
        event: &Delivered<Self::Event>,
        beside: &Beside<'_, Self::Row>,
    ) -> Option<Self::Row>;

    /// What rows are ordered by in listings by rank. By default they all have the same.
    fn rank(_row: &Self::Row) -> i64 {
        0
    }
}

/// The rows that an event touches, as they were before it.
#[derive(Debug)]
pub struct Beside<'a, R>(pub(super) &'a [(RowKey, Option<R>)]);

impl<R> Beside<'_, R> {
    /// The row of this key, which must be one of those that the event touches.
    pub fn get(&self, key: &RowKey) -> Option<&R> {
        self.0.iter().find(|(other, _)| other == key).and_then(|(_, row)| row.as_ref())
    }
}

/// The rows of a read model at one moment.
pub trait Rows<R> {
    /// Everything up to here has been counted.
    ///
    /// # Errors
    /// The rows cannot be read.
    fn position(&self) -> Result<Option<Position>, RowError>;

    /// The row of this key.
    ///
    /// # Errors
    /// The rows cannot be read.
    fn get(&self, key: &RowKey) -> Result<Option<R>, RowError>;

    /// Rows in order.
    ///
    /// # Errors
    /// The rows cannot be read.
    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, R)>, RowError>;
}
