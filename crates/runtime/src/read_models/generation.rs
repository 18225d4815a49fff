//! The rows of one generation, in the types of their projection, wherever they are kept.

use engine_store::rows::{RowError, RowKey};
use engine_types::Position;

use super::{Row, Rows, fold::Changes, memory::MemoryRows, stored::StoredRows};

/// One generation of a read model.
pub(super) enum Generation<R> {
    Memory(MemoryRows<R>),
    Stored(StoredRows<R>),
}

/// What is stored together.
pub(super) struct Batch<R> {
    pub(super) rows: Changes<R>,
    /// Everything up to here has been counted, or is put aside.
    pub(super) position: Option<Position>,
    /// An event of a sequence that was put aside has been counted after all.
    pub(super) late: Option<(String, Position)>,
    /// Sequences that are put aside no more.
    pub(super) forget: Vec<String>,
    /// Whether the generation may be shown from now on.
    pub(super) ready: bool,
    /// Whether it must last through a power cut.
    pub(super) durable: bool,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Batch {
            rows: Changes::new(),
            position: None,
            late: None,
            forget: Vec::new(),
            ready: false,
            durable: false,
        }
    }
}

impl<R: Row> Generation<R> {
    /// Counts the generations of the projection.
    pub(super) fn number(&self) -> u64 {
        match self {
            Generation::Memory(rows) => rows.number(),
            Generation::Stored(rows) => rows.number(),
        }
    }

    /// Whether its functions may wait, so that they belong on another thread.
    pub(super) fn may_wait(&self) -> bool {
        matches!(self, Generation::Stored(_))
    }

    /// Everything up to here has been counted, or is put aside.
    pub(super) fn position(&self) -> Result<Option<Position>, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.position()),
            Generation::Stored(rows) => rows.position(),
        }
    }

    /// Whether it has been built to its end once.
    pub(super) fn is_ready(&self) -> Result<bool, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.is_ready()),
            Generation::Stored(rows) => rows.is_ready(),
        }
    }

    /// The last event of a sequence that was counted late.
    pub(super) fn late(&self, sequence: &str) -> Result<Option<Position>, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.late(sequence)),
            Generation::Stored(rows) => rows.late(sequence),
        }
    }

    /// The sequences of which events were counted late, and up to where.
    pub(super) fn all_late(&self) -> Result<Vec<(String, Position)>, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.all_late()),
            Generation::Stored(rows) => rows.all_late(),
        }
    }

    /// A row as the writer sees it.
    pub(super) fn get(&self, key: &RowKey) -> Result<Option<R>, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.get(key)),
            Generation::Stored(rows) => rows.get(key),
        }
    }

    /// Stores a batch: all of it, or nothing.
    pub(super) fn commit(&self, batch: Batch<R>) -> Result<(), RowError> {
        match self {
            Generation::Memory(rows) => {
                rows.commit(batch);
                Ok(())
            }
            Generation::Stored(rows) => rows.commit(batch),
        }
    }

    /// Forgets what is known where another process may have moved the rows on.
    pub(super) fn refresh(&self) {
        if let Generation::Stored(rows) = self {
            rows.refresh();
        }
    }

    /// Shows the rows as they are at one moment.
    pub(super) fn view(&self, look: &mut dyn FnMut(&dyn Rows<R>)) -> Result<(), RowError> {
        match self {
            Generation::Memory(rows) => {
                rows.view(look);
                Ok(())
            }
            Generation::Stored(rows) => rows.view(look),
        }
    }

    /// Makes what was stored last through a power cut, where it can.
    pub(super) fn close(&self) -> Result<(), RowError> {
        match self {
            Generation::Memory(_) => Ok(()),
            Generation::Stored(rows) => rows.close(),
        }
    }
}
