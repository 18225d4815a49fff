//! Folding events into rows: pure, but for the rows that are read.

use std::{any::Any, collections::HashMap, panic::AssertUnwindSafe};

use engine_store::{
    BoxError,
    rows::{RowError, RowKey},
};
use engine_types::{Position, event::Decoder};

use super::{
    Beside, Projection, Row,
    generation::{Basis, Generation, Late},
};
use crate::listen::{Attempt, Delivered, read};

/// Rows as they are from now on; none is removed.
pub(super) type Changes<R> = HashMap<RowKey, Option<R>>;

/// Rows in the order in which they were touched.
pub(super) type Touched<R> = Vec<(RowKey, Option<R>)>;

/// What became of events that were folded in order.
pub(super) struct Folded<R> {
    /// The rows that changed.
    pub(super) rows: Changes<R>,
    /// What they were folded on.
    pub(super) basis: Option<Basis>,
    /// How many of the first events are counted, now or before.
    pub(super) counted: usize,
    /// The position of the last of them, if it is new.
    pub(super) position: Option<Position>,
    /// What kept the next event from being counted.
    pub(super) fault: Option<Fault>,
}

/// Why an event could not be counted.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be read or projected: trying again leads to the same.
    Event(BoxError),
    /// The rows cannot be read now.
    Rows(RowError),
}

/// Folds events on top of a generation, which stays as it is. What it has counted before is passed over.
pub(super) fn fold<P: Projection>(
    generation: &Generation<P::Row>,
    decoder: &Decoder<P::Event>,
    events: &[Attempt],
) -> Folded<P::Row> {
    let mut folded = Folded { rows: HashMap::new(), basis: None, counted: 0, position: None, fault: None };
    let counted = match Counted::by(generation) {
        Ok(counted) => counted,
        Err(error) => return Folded { fault: Some(Fault::Rows(error)), ..folded },
    };
    folded.basis = Some(counted.basis);
    for attempt in events {
        if !counted.holds(attempt) {
            match project::<P>(generation, decoder, &folded.rows, attempt) {
                Ok(changed) => folded.rows.extend(changed),
                Err(fault) => return Folded { fault: Some(fault), ..folded },
            }
        }
        folded.counted += 1;
        folded.position = Some(attempt.event.position);
    }
    folded
}

/// What a generation has counted.
struct Counted {
    basis: Basis,
    /// Beyond that, what was counted late.
    late: Late,
}

impl Counted {
    fn by<R: Row>(generation: &Generation<R>) -> Result<Self, RowError> {
        let (basis, late) = generation.counted()?;
        Ok(Counted { basis, late })
    }

    fn holds(&self, attempt: &Attempt) -> bool {
        self.basis.position >= Some(attempt.event.position) || self.holds_late(attempt)
    }

    fn holds_late(&self, attempt: &Attempt) -> bool {
        !self.late.is_empty()
            && self.late.get(attempt.event.stream.as_str()).copied() >= Some(attempt.event.position)
    }
}

/// The rows that an event changed, and what they were folded on.
type FoldedLate<R> = (Changes<R>, Basis);

/// Folds one event of a sequence that was put aside. None where it was counted before.
pub(super) fn fold_late<P: Projection>(
    generation: &Generation<P::Row>,
    decoder: &Decoder<P::Event>,
    attempt: &Attempt,
) -> Result<Option<FoldedLate<P::Row>>, Fault> {
    let counted = Counted::by(generation).map_err(Fault::Rows)?;
    if counted.holds_late(attempt) {
        return Ok(None);
    }
    let changed = project::<P>(generation, decoder, &HashMap::new(), attempt)?;
    Ok(Some((changed.into_iter().collect(), counted.basis)))
}

/// What one stored event, which may be several of today, does to the rows.
fn project<P: Projection>(
    generation: &Generation<P::Row>,
    decoder: &Decoder<P::Event>,
    above: &Changes<P::Row>,
    attempt: &Attempt,
) -> Result<Touched<P::Row>, Fault> {
    let events =
        read(decoder, &attempt.event, attempt.failures).map_err(|error| Fault::Event(error.cause))?;
    let mut changed: Touched<P::Row> = Vec::new();
    for event in &events {
        let mut before = Vec::new();
        for key in unpanicked(|| P::keys(event))? {
            let own = changed.iter().rev().find(|(other, _)| *other == key).map(|(_, row)| row);
            let row = match own.or_else(|| above.get(&key)) {
                Some(row) => row.clone(),
                None => generation.get(&key).map_err(Fault::Rows)?,
            };
            before.push((key, row));
        }
        changed.extend(unpanicked(|| project_each::<P>(&before, event))?);
    }
    Ok(changed)
}

/// The rows after an event, from those before it.
pub(super) fn project_each<P: Projection>(
    before: &[(RowKey, Option<P::Row>)],
    event: &Delivered<P::Event>,
) -> Touched<P::Row> {
    let project = |(key, row): &(RowKey, Option<P::Row>)| {
        (key.clone(), P::project(row.clone(), key, event, &Beside(before)))
    };
    before.iter().map(project).collect()
}

/// Runs a projection's code; a panic becomes a fault of the event.
fn unpanicked<T>(run: impl FnOnce() -> T) -> Result<T, Fault> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Fault {
    Fault::Event(format!("the projection panicked: {}", crate::panics::message(panic)).into())
}
