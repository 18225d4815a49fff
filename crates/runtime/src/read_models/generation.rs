//! The rows of one generation, in the types of their projection, wherever they are kept.

use std::collections::BTreeMap;

use engine_store::rows::{RowError, RowKey};
use engine_types::Position;

use super::{Row, Rows, fold::Changes, memory::MemoryRows, stored::StoredRows};

/// One generation of a read model.
pub(super) enum Generation<R> {
    Memory(MemoryRows<R>),
    Stored(StoredRows<R>),
}

/// How far a generation has come, and, where several processes share it, what is put aside.
pub(super) type Begun = (Option<Position>, Option<BTreeMap<String, Position>>);

/// Sequences of which events were counted late, and up to where.
pub(super) type Late = BTreeMap<String, Position>;

/// What rows are folded on: where the generation stood, and how often what is put aside had changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Basis {
    pub(super) position: Option<Position>,
    pub(super) changes: u64,
}

/// What is stored together.
pub(super) struct Batch<R> {
    pub(super) rows: Changes<R>,
    /// What the rows were folded on. They are stored only if it is still so.
    pub(super) basis: Option<Basis>,
    /// Everything up to here has been counted, or is put aside.
    pub(super) position: Option<Position>,
    /// An event of a sequence that was put aside has been counted after all.
    pub(super) late: Option<(String, Position)>,
    /// A sequence that is put aside from now on.
    pub(super) aside: Option<(String, Position)>,
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
            basis: None,
            position: None,
            late: None,
            aside: None,
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

    /// The newest position that is known here. Does not wait.
    pub(super) fn seen(&self) -> Option<Position> {
        match self {
            Generation::Memory(rows) => rows.position(),
            Generation::Stored(rows) => rows.seen(),
        }
    }

    /// Whether it has been built to its end once.
    pub(super) fn is_ready(&self) -> Result<bool, RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.is_ready()),
            Generation::Stored(rows) => rows.is_ready(),
        }
    }

    /// What has been counted: where it stands, and beyond that the sequences of which events were counted late, and up
    /// to where.
    pub(super) fn counted(&self) -> Result<(Basis, Late), RowError> {
        match self {
            Generation::Memory(rows) => Ok(rows.counted()),
            Generation::Stored(rows) => rows.counted(),
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

    /// Looks what there is, for somebody who goes on from there and from nowhere else: how far it has come, and, where
    /// several processes share the rows, which sequences are put aside, and the first event of each that waits.
    pub(super) fn begin(&self) -> Result<Begun, RowError> {
        match self {
            Generation::Memory(rows) => Ok((rows.position(), None)),
            Generation::Stored(rows) => rows.begin(),
        }
    }

    /// Whether nobody shows another generation in its place.
    pub(super) fn check(&self) -> Result<(), RowError> {
        match self {
            Generation::Memory(_) => Ok(()),
            Generation::Stored(rows) => rows.check(),
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
