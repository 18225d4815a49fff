//! Rows in a database, written as JSON.

use std::{
    collections::BTreeSet,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use engine_store::rows::{Listing, RowBatch, RowError, RowKey, RowStore, RowView, RowsState, StoredRow};
use engine_types::Position;
use parking_lot::Mutex;

use super::{
    Row, Rows,
    generation::{Basis, Batch, Begun, Late},
};

/// How often a position is moved on from where others have moved it, before that is left for later.
const TRIES: u32 = 10;

/// The rows of one generation.
pub(super) struct StoredRows<R> {
    number: u64,
    rank: fn(&R) -> i64,
    store: Arc<dyn RowStore>,
    /// What is known beside the rows; unknown after a failure.
    known: Mutex<Option<RowsState>>,
    /// Which sequences are put aside, as whoever counts here believes since he began. Absent before, and always where
    /// nobody else counts.
    believed: Mutex<Option<BTreeSet<String>>>,
    is_shared: bool,
    /// The newest position that was ever seen. Rows that are shared and stand before it were begun anew by others.
    newest: Mutex<Option<Position>>,
    /// Another process was faster the last time, and may be again.
    was_overtaken: AtomicBool,
}

impl<R: Row> StoredRows<R> {
    pub(super) fn new(number: u64, rank: fn(&R) -> i64, store: Arc<dyn RowStore>, is_shared: bool) -> Self {
        StoredRows {
            number,
            rank,
            store,
            known: Mutex::new(None),
            believed: Mutex::new(None),
            is_shared,
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

    /// The newest position that was ever seen. Does not wait.
    pub(super) fn seen(&self) -> Option<Position> {
        *self.newest.lock()
    }

    pub(super) fn is_ready(&self) -> Result<bool, RowError> {
        self.known(|state| state.ready)
    }

    pub(super) fn counted(&self) -> Result<(Basis, Late), RowError> {
        let (basis, late, is_believed) =
            self.known(|state| (basis(state), state.late.clone(), self.is_believed(state)))?;
        // What others have put aside was not counted, although the position has passed it.
        if is_believed { Ok((basis, late)) } else { Err(RowError::Outdated) }
    }

    /// See [`Generation::begin`](super::generation::Generation::begin).
    pub(super) fn begin(&self) -> Result<Begun, RowError> {
        if !self.is_shared {
            return Ok((self.position()?, None));
        }
        *self.known.lock() = None;
        let (position, aside) = self.known(|state| (state.position, state.aside.clone()))?;
        *self.believed.lock() = Some(aside.keys().cloned().collect());
        Ok((position, Some(aside)))
    }

    pub(super) fn get(&self, key: &RowKey) -> Result<Option<R>, RowError> {
        self.store.get(key)?.map(|content| parse(key, &content)).transpose()
    }

    pub(super) fn commit(&self, batch: Batch<R>) -> Result<(), RowError> {
        let folded_on = batch.basis;
        let mut batch = self.written(batch)?;
        let position = batch.position;
        // What was folded on top of other rows is to be folded again.
        let is_of_its_place = !(batch.rows.is_empty()
            && batch.late.is_empty()
            && batch.aside.is_empty()
            && batch.forget.is_empty());
        let mut known = self.known.lock();
        let mut tries = 0;
        loop {
            tries += 1;
            let before = match known.take() {
                Some(state) => state,
                None => self.look()?,
            };
            self.check_belief(&before, &batch)?;
            if batch.ready && before.ready {
                // Another process has stored that already.
                *known = Some(before);
                return Ok(());
            }
            if folded_on.is_some_and(|folded_on| folded_on != basis(&before)) {
                self.was_overtaken.store(true, Ordering::Relaxed);
                return Err(RowError::Overtaken);
            }
            batch.before = before.position;
            batch.changes = before.changes;
            batch.position = position.max(before.position);
            // Where this fails, nothing is known any more, and it is looked up again.
            match self.store.commit(&batch) {
                Ok(()) => {
                    *self.newest.lock() = batch.position;
                    if let Some(believed) = &mut *self.believed.lock() {
                        believed.extend(batch.aside.iter().map(|(sequence, _)| sequence.clone()));
                        believed.retain(|sequence| !batch.forget.contains(sequence));
                    }
                    let state = after(before, batch);
                    *known = Some(state);
                    return Ok(());
                }
                Err(RowError::Overtaken) => {
                    self.was_overtaken.store(true, Ordering::Relaxed);
                    if is_of_its_place || tries >= TRIES {
                        return Err(RowError::Overtaken);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn written(&self, batch: Batch<R>) -> Result<RowBatch, RowError> {
        let Batch { rows, basis: _, position, late, aside, forget, ready, durable } = batch;
        let rows = rows.into_iter().map(|(key, row)| {
            let row = row.map(|row| self.write(&key, &row)).transpose()?;
            Ok((key, row))
        });
        Ok(RowBatch {
            rows: rows.collect::<Result<_, RowError>>()?,
            position,
            late: late.into_iter().collect(),
            aside: aside.into_iter().collect(),
            forget,
            ready,
            durable,
            ..RowBatch::default()
        })
    }

    /// Whoever counts passes over what he believes to be put aside. Where that is not so any more, what he has passed
    /// over would be lost.
    fn check_belief(&self, before: &RowsState, batch: &RowBatch) -> Result<(), RowError> {
        let counts = batch.position.is_some()
            || !(batch.rows.is_empty()
                && batch.late.is_empty()
                && batch.aside.is_empty()
                && batch.forget.is_empty());
        if counts && !self.is_believed(before) { Err(RowError::Outdated) } else { Ok(()) }
    }

    /// Whether what is put aside is what whoever counts here believes.
    fn is_believed(&self, state: &RowsState) -> bool {
        let is_so = |believed: &BTreeSet<String>| believed.iter().eq(state.aside.keys());
        !self.is_shared || self.believed.lock().as_ref().is_some_and(is_so)
    }

    /// See [`Generation::check`](super::generation::Generation::check).
    pub(super) fn check(&self) -> Result<(), RowError> {
        self.store.state().map(drop)
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

fn basis(state: &RowsState) -> Basis {
    Basis { position: state.position, changes: state.changes }
}

/// What is known after a batch.
fn after(mut state: RowsState, batch: RowBatch) -> RowsState {
    state.position = batch.position;
    state.ready |= batch.ready;
    if !(batch.late.is_empty() && batch.aside.is_empty() && batch.forget.is_empty()) {
        state.changes += 1;
    }
    state.late.extend(batch.late);
    state.aside.extend(batch.aside);
    for sequence in &batch.forget {
        state.late.remove(sequence);
        state.aside.remove(sequence);
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
