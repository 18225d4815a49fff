//! Where the rows of read models are kept: keys, listings, and what a database implements to hold them.
//!
//! A read model is derived: whatever is lost of it is built anew from the events. So this contract asks for
//! little, but for one thing always: the rows of a batch and the position of its last event are stored together.
//! The traits wait (they do not return futures): the runtime calls them off its own threads.

mod key;
mod listing;

use std::{collections::BTreeMap, fmt, sync::Arc};

use engine_types::Position;

use crate::BoxError;

pub use key::RowKey;
pub use listing::{After, Listing, Order};

/// Why rows could not be read or written, sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The rows cannot be reached now, and nothing was written: try again later.
    #[error("the read model cannot be reached: {0}")]
    Unavailable(#[source] BoxError),
    /// Another process has moved the rows on, and nothing was stored: look at them again, and store what is missing.
    #[error("another process has moved the read model on")]
    Overtaken,
    /// What this process believes of the read model holds no more, and nothing was stored: another process shows other
    /// rows, or has put sequences aside or taken them back. Find what is shown, and begin from there.
    #[error("another process has built the read model anew, or changed what is put aside")]
    Outdated,
    /// The rows are damaged: build them anew.
    #[error("the read model is damaged: {0}")]
    Damaged(#[source] BoxError),
}

impl RowError {
    /// Rows that cannot be reached now.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        RowError::Unavailable(cause.into())
    }

    /// Rows that do not make sense.
    pub fn damaged(cause: impl Into<BoxError>) -> Self {
        RowError::Damaged(cause.into())
    }
}

/// One building of a read model. Another version of the projection, or a rebuild, is another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GenerationId {
    /// The version of the projection.
    pub version: u32,
    /// Counts all generations of the projection, from 1.
    pub number: u64,
}

impl fmt::Display for GenerationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}.g{}", self.version, self.number)
    }
}

/// Keeps generations of read models side by side.
pub trait RowStores: fmt::Debug + Send + Sync + 'static {
    /// The generations of a projection that there are, finished or not.
    ///
    /// # Errors
    /// See [`RowError`].
    fn generations(&self, projection: &str) -> Result<Vec<GenerationId>, RowError>;

    /// Opens a generation, empty where there is none.
    ///
    /// # Errors
    /// See [`RowError`].
    fn open(&self, projection: &str, generation: GenerationId) -> Result<Arc<dyn RowStore>, RowError>;

    /// Begins a generation, with a number that is greater than all others of the projection. Where several processes
    /// begin one at the same time, each has its own.
    ///
    /// # Errors
    /// See [`RowError`].
    fn begin(&self, projection: &str, version: u32) -> Result<(GenerationId, Arc<dyn RowStore>), RowError> {
        let newest = self.generations(projection)?.iter().map(|id| id.number).max().unwrap_or(0);
        let generation = GenerationId { version, number: newest + 1 };
        Ok((generation, self.open(projection, generation)?))
    }

    /// Removes a generation; removing what is not there is no error.
    ///
    /// # Errors
    /// See [`RowError`].
    fn remove(&self, projection: &str, generation: GenerationId) -> Result<(), RowError>;

    /// Whether several processes share the rows: each folds the events, and whoever is first stores what follows from
    /// them.
    fn is_shared(&self) -> bool {
        false
    }
}

/// The rows of one generation, as bytes. One writer at a time; readers see whole batches only.
pub trait RowStore: fmt::Debug + Send + Sync + 'static {
    /// What is known beside the rows.
    ///
    /// # Errors
    /// See [`RowError`].
    fn state(&self) -> Result<RowsState, RowError>;

    /// A row, as the writer sees it.
    ///
    /// # Errors
    /// See [`RowError`].
    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError>;

    /// Stores all of a batch or nothing.
    ///
    /// # Errors
    /// See [`RowError`]. Nothing was stored, or all: the state tells.
    fn commit(&self, batch: &RowBatch) -> Result<(), RowError>;

    /// Shows the rows as they are at one moment, whatever is stored meanwhile.
    ///
    /// # Errors
    /// See [`RowError`].
    fn view(&self, look: &mut dyn FnMut(&dyn RowView)) -> Result<(), RowError>;

    /// Makes what was stored last through a power cut, and lets go of what can be let go of.
    ///
    /// # Errors
    /// See [`RowError`].
    fn close(&self) -> Result<(), RowError>;
}

/// What is known of a generation beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsState {
    /// Every event up to here has been counted, or is put aside.
    pub position: Option<Position>,
    /// Whether it has been built to its end once, so that it may be shown.
    pub ready: bool,
    /// For sequences that were put aside: the last event that was counted after all.
    pub late: BTreeMap<String, Position>,
    /// The sequences that are put aside, where several processes share the rows, and the first event of each that waits:
    /// only these may be passed over.
    pub aside: BTreeMap<String, Position>,
    /// Counts the changes of `late` and `aside`, where several processes share the rows.
    pub changes: u64,
}

/// What is stored together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowBatch {
    /// Rows as they are from now on; none removes.
    pub rows: Vec<(RowKey, Option<StoredRow>)>,
    /// The position that the rows are believed to have. Where they have another, somebody else writes them too, and
    /// nothing is stored: [`RowError::Overtaken`] where several processes may, else [`RowError::Unavailable`].
    pub before: Option<Position>,
    /// The [`RowsState::changes`] that the rows are believed to have; otherwise as with `before`.
    pub changes: u64,
    /// The new position, if it moves. It never moves back.
    pub position: Option<Position>,
    /// Entries of [`RowsState::late`] that are new.
    pub late: Vec<(String, Position)>,
    /// Entries of [`RowsState::aside`] that are new.
    pub aside: Vec<(String, Position)>,
    /// Entries of [`RowsState::late`] and [`RowsState::aside`] that are needed no more.
    pub forget: Vec<String>,
    /// Whether the generation may be shown from now on. Where several processes share the rows, it then takes the place
    /// of all others, which are counted on no more; but not of one of its version that has come further:
    /// [`RowError::Overtaken`].
    pub ready: bool,
    /// Whether this, and all that came before, must last through a power cut. Otherwise the newest batches may
    /// be lost, which is no harm: their events come again.
    pub durable: bool,
}

/// A row, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Its content.
    pub content: Vec<u8>,
    /// What listings by rank are ordered by.
    pub rank: i64,
}

/// The rows at one moment.
pub trait RowView {
    /// The position at that moment.
    ///
    /// # Errors
    /// See [`RowError`].
    fn position(&self) -> Result<Option<Position>, RowError>;

    /// A row.
    ///
    /// # Errors
    /// See [`RowError`].
    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError>;

    /// Rows in order.
    ///
    /// # Errors
    /// See [`RowError`].
    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, Vec<u8>)>, RowError>;
}
