//! Rows in a database, written as JSON.

use std::marker::PhantomData;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_store::rows::{Listing, RowBatch, RowError, RowKey, RowStore, RowView, RowsState, StoredRow};
use engine_types::Position;
use parking_lot::Mutex;

use super::{Row, Rows, generation::Batch};

/// The rows of one generation.
pub(super) struct StoredRows<R> {
    number: u64,
    rank: fn(&R) -> i64,
    store: Arc<dyn RowStore>,
    /// What is known beside the rows; unknown after a failure.
    known: Mutex<Option<RowsState>>,
    /// The newest position that was ever seen. Rows that are shared and stand before it were begun anew by others.
    newest: Mutex<Option<Position>>,
    /// Another process was faster the last time, and may be again.
    was_overtaken: AtomicBool,
}

impl<R: Row> StoredRows<R> {
    pub(super) fn new(number: u64, rank: fn(&R) -> i64, store: Arc<dyn RowStore>) -> Self {
        StoredRows {
            number,
            rank,
            store,
            known: Mutex::new(None),
            newest: Mutex::new(None),
            was_overtaken: AtomicBool::new(false),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn position(&self) -> Result<Option<Position>, RowError> {
        self.known(|state| state.position)
    }

    pub(super) fn is_ready(&self) -> Result<bool, RowError> {
        self.known(|state| state.ready)
    }

    pub(super) fn late(&self, sequence: &str) -> Result<Option<Position>, RowError> {
        self.known(|state| state.late.get(sequence).copied())
    }

    pub(super) fn all_late(&self) -> Result<Vec<(String, Position)>, RowError> {
        self.known(|state| state.late.iter().map(|(key, position)| (key.clone(), *position)).collect())
    }

    pub(super) fn get(&self, key: &RowKey) -> Result<Option<R>, RowError> {
        self.store.get(key)?.map(|content| parse(key, &content)).transpose()
    }

    pub(super) fn commit(&self, batch: Batch<R>) -> Result<(), RowError> {
        let Batch { rows, position, late, forget, ready, durable } = batch;
        let mut batch =
            RowBatch { late: late.into_iter().collect(), forget, ready, durable, ..RowBatch::default() };
        batch.rows.reserve(rows.len());
        for (key, row) in rows {
            let row = row.map(|row| self.write(&key, &row)).transpose()?;
            batch.rows.push((key, row));
        }
        let mut known = self.known.lock();
        loop {
            let before = match known.take() {
                Some(state) => state,
                None => self.look()?,
            };
            batch.before = before.position;
            batch.position = position.max(before.position);
            // Where this fails, nothing is known any more, and it is looked up again.
            match self.store.commit(&batch) {
                Ok(()) => {
                    *self.newest.lock() = batch.position;
                    *known = Some(after(before, batch));
                    return Ok(());
                }
                Err(RowError::Overtaken) => {
                    self.was_overtaken.store(true, Ordering::Relaxed);
                    // What was folded on top of other rows is to be folded again.
                    if !(batch.rows.is_empty() && batch.late.is_empty()) {
                        return Err(RowError::Overtaken);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets what is known where another process may have moved the rows on.
    pub(super) fn refresh(&self) {
        if self.was_overtaken.swap(false, Ordering::Relaxed) {
            *self.known.lock() = None;
        }
    }

    /// Looks what there is beside the rows.
    fn look(&self) -> Result<RowsState, RowError> {
        let state = self.store.state()?;
        let mut newest = self.newest.lock();
        if state.position < *newest {
            return Err(RowError::damaged(
                "it was begun anew by another process: start this one again, so that it goes on from there",
            ));
        }
        *newest = state.position;
        Ok(state)
    }

    pub(super) fn view(&self, look: &mut dyn FnMut(&dyn Rows<R>)) -> Result<(), RowError> {
        self.store.view(&mut |view| look(&Typed { view, row: PhantomData }))
    }

    /// Makes what was stored last through a power cut.
    pub(super) fn close(&self) -> Result<(), RowError> {
        self.store.close()
    }

    fn known<T>(&self, look: impl FnOnce(&RowsState) -> T) -> Result<T, RowError> {
        let mut known = self.known.lock();
        let state = match known.take() {
            Some(state) => state,
            None => self.look()?,
        };
        let seen = look(&state);
        *known = Some(state);
        Ok(seen)
    }

    fn write(&self, key: &RowKey, row: &R) -> Result<StoredRow, RowError> {
        let content = serde_json::to_vec(row)
            .map_err(|fault| RowError::damaged(format!("row `{key}` cannot be written as JSON: {fault}")))?;
        Ok(StoredRow { content, rank: (self.rank)(row) })
    }
}

/// What is known after a batch.
fn after(mut state: RowsState, batch: RowBatch) -> RowsState {
    state.position = batch.position;
    state.ready |= batch.ready;
    state.late.extend(batch.late);
    for sequence in &batch.forget {
        state.late.remove(sequence);
    }
    state
}

fn parse<R: Row>(key: &RowKey, content: &[u8]) -> Result<R, RowError> {
    serde_json::from_slice(content)
        .map_err(|fault| RowError::damaged(format!("row `{key}` cannot be read: {fault}")))
}

/// A view, in the types of the projection.
struct Typed<'a, R> {
    view: &'a dyn RowView,
    row: PhantomData<R>,
}

impl<R: Row> Rows<R> for Typed<'_, R> {
    fn position(&self) -> Result<Option<Position>, RowError> {
        self.view.position()
    }

    fn get(&self, key: &RowKey) -> Result<Option<R>, RowError> {
        self.view.get(key)?.map(|content| parse(key, &content)).transpose()
    }

    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, R)>, RowError> {
        let rows = self.view.list(listing)?.into_iter();
        rows.map(|(key, content)| parse(&key, &content).map(|row| (key, row))).collect()
    }
}
