//! Giving back the room of what can no longer be read, while the store goes on.
//!
//! Segments are looked at one after the other, oldest first, and those with anything to remove are written anew
//! beside themselves: what is left of a stream is then always its end, wherever a scavenge was interrupted. A
//! segment takes the place of the old one by its name, when it and its index are whole and on disk.

mod rewrite;
mod rules;
mod survey;

use std::sync::Arc;

use engine_store::{MaintenanceError, Progress, Reclaimable, ScavengeReport};

use crate::{
    options::LogOptions,
    segment::Segment,
    shared::Shared,
    view::View,
    work::{Told, at_work},
};
use rewrite::Rewriting;
use rules::{Fate, Rules};
use survey::Survey;

/// Whether there is anything to remove, as far as can be seen now.
pub(crate) async fn finds_anything(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<bool, MaintenanceError> {
    at_work(shared, progress, |shared, told| {
        let view = shared.view();
        let mut rules = Rules::of(&view, &shared.options)?;
        told.total = 2 * total(&view);
        for (segment, end) in view.segments() {
            let weighed = Survey { view: &view, rules: &mut rules }.weigh(&segment, end, told)?;
            let waits = end > segment.begin() && is_to_be_compressed(&segment, &shared.options);
            if weighed.reclaimable != Reclaimable::default() || waits {
                return Ok(true);
            }
        }
        told.tell(told.total);
        Ok(false)
    })
    .await
}

/// All that could be removed now.
pub(crate) fn reclaimable(
    view: &View,
    shared: &Shared,
    told: &mut Told,
) -> Result<Reclaimable, MaintenanceError> {
    let mut rules = Rules::of(view, &shared.options)?;
    let mut found = Reclaimable::default();
    for (segment, end) in view.segments() {
        found += Survey { view, rules: &mut rules }.weigh(&segment, end, told)?.reclaimable;
    }
    Ok(found)
}

/// Writes all segments anew that hold something to remove. The segment that is written is not looked at.
pub(crate) async fn scavenge(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<ScavengeReport, MaintenanceError> {
    at_work(shared, progress, |shared, told| {
        // Dropped behind the lock.
        let _rings = Rings(shared);
        let Some(_alone) = shared.scavenging.try_lock() else {
            return Err(MaintenanceError::Busy("scavenged"));
        };
        told.check_open()?;
        let view = shared.view().finished();
        (told.done, told.total) = (total(&view), 2 * total(&view));
        let mut rules = Rules::of(&view, &shared.options)?;
        let mut report = ScavengeReport::default();
        for (segment, end) in view.segments() {
            if end == segment.begin() && segment.rewritten.is_none() {
                continue;
            }
            report.segments += 1;
            let _alone = shared.rewriting.lock();
            // What was written anew meanwhile counts: a removal of a document goes when the document is gone.
            let now = shared.view().finished();
            let Some((old, end)) = now.segment(segment.header.number) else { continue };
            let weighed = Survey { view: &now, rules: &mut rules }.weigh(&old, end, told)?;
            let whole = weighed.reclaimable == Reclaimable::default();
            if whole && !is_to_be_compressed(&old, &shared.options) {
                continue;
            }
            let left = weighed.length;
            let fate = |offset, head: &_, frame: &_| survey::fate(&now, &rules, &old, offset, head, frame);
            let goes_on = || told.check_open();
            let (view, old, fate, goes_on) = (&now, &old, &fate, &goes_on);
            Rewriting { shared, view, old, end, left, whole, fate, goes_on }.run()?;
            report.rewritten += 1;
            report.events += weighed.reclaimable.events;
            report.documents += weighed.reclaimable.documents;
            report.bytes += weighed.reclaimable.bytes;
        }
        told.tell(told.total);
        Ok(report)
    })
    .await
}

/// Lets indexes be merged again when the segments stay as they are.
struct Rings<'a>(&'a Shared);

impl Drop for Rings<'_> {
    fn drop(&mut self) {
        self.0.merging.ring();
    }
}

/// Compresses a segment that is finished, if it is to be compressed, and answers whether it was.
pub(crate) fn compress(shared: &Shared, number: u64) -> Result<bool, MaintenanceError> {
    compress_while(shared, number, &|| Ok(()))
}

/// [`compress`] as long as the work is to go on, which is asked now and then.
pub(crate) fn compress_while(
    shared: &Shared,
    number: u64,
    goes_on: &dyn Fn() -> Result<(), MaintenanceError>,
) -> Result<bool, MaintenanceError> {
    let _alone = shared.rewriting.lock();
    goes_on()?;
    let view = shared.view();
    let Some((old, end)) = view.segment(number) else { return Ok(false) };
    if end == old.begin() || !is_to_be_compressed(&old, &shared.options) {
        return Ok(false);
    }
    let left = end - old.begin();
    let fate = |_, _: &_, _: &_| Ok(Fate::Stays);
    let (view, old, fate) = (&view, &old, &fate);
    Rewriting { shared, view, old, end, left, whole: true, fate, goes_on }.run()?;
    Ok(true)
}

/// The finished segments that are not compressed yet, and are to be.
pub(crate) fn to_be_compressed(shared: &Shared) -> Vec<u64> {
    let view = shared.view();
    let written = view.written().segment.header.number;
    let waits = |(segment, end): &(Arc<Segment>, u64)| {
        segment.header.number != written
            && *end > segment.begin()
            && is_to_be_compressed(segment, &shared.options)
    };
    let waiting = view.segments().into_iter().filter(waits);
    waiting.map(|(segment, _)| segment.header.number).collect()
}

/// Whether a segment is not compressed yet, and is to be.
fn is_to_be_compressed(segment: &Segment, options: &LogOptions) -> bool {
    options.compression.is_some() && !segment.rewritten.is_some_and(|rewritten| rewritten.is_compressed())
}

pub(crate) fn total(view: &View) -> u64 {
    view.segments().iter().map(|(_, end)| end).sum()
}
