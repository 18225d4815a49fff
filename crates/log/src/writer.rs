//! The one writer: takes what is queued, decides, writes once, syncs once, publishes once, and then answers. A thread
//! does so, or a caller who is alone.
//!
//! Nothing is retried here. A write or sync that failed leaves the writer poisoned: what the disk holds is
//! then known only to the next recovery.

mod answer;
mod batch;
mod commit;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod interleavings;
mod known;
pub(crate) mod leading;
mod line;
mod plan;
pub(crate) mod queue;
pub(crate) mod recent;
pub(crate) mod reply;
pub(crate) mod room;
mod sync;
pub(crate) mod tail;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use engine_store::{AppendError, Durability};
use tokio::sync::watch;

use crate::{
    closing::{self, CloseFailure},
    compressing::Compressor,
    disk::Held,
    index::{Index, memory::MemoryIndex},
    merging::Merger,
    sealing::{self, Sealer},
    segment::SEGMENT_HEADER,
    shared::Shared,
    view::Part,
};
use answer::{Answer, Failure};
use batch::Batch;
use commit::lost;
use known::Known;
use leading::Pace;
use line::{Taken, Weighed};
use plan::Plan;
use queue::{Job, Queue};
use recent::RecentIds;
use tail::Tail;

/// The writer and all that only it may touch.
#[derive(Debug)]
pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub wake: watch::Sender<u64>,
    pub tail: Tail,
    pub recent: RecentIds,
    /// An empty buffer for the frames of the next batch.
    pub buffer: Vec<u8>,
    pub sealer: Sealer,
    pub merger: Merger,
    pub compressor: Compressor,
    /// Why nothing can be written any more.
    pub poison: Option<Arc<str>>,
    /// Whether the segment is finished, and the next frame must go to a new one.
    pub finished_segment: bool,
    /// Since when something waits to be synced.
    pub dirty_since: Option<Instant>,
    /// Whether jobs have come alone of late, and the disk has been fast.
    pub pace: Pace,
    /// Kept until the end, so that no other process writes here.
    pub _lock: Box<dyn Held>,
}

/// Works until the queue is closed and empty; then leaves the store in order.
pub(crate) fn run(queue: &Queue) -> Result<(), CloseFailure> {
    let mut jobs = VecDeque::new();
    let mut done = None;
    loop {
        let mut writer = match queue.take(done.take(), &mut jobs) {
            Taken::Jobs(writer) | Taken::Due(writer) => writer,
            Taken::Closed(writer) => return writer.finish(),
            Taken::Gone => return Err(CloseFailure::failed("the writer stopped without an answer")),
        };
        while !jobs.is_empty() {
            writer.sync_if_due();
            writer.commit_together(&mut jobs);
        }
        writer.sync_if_due();
        done = Some(writer);
    }
}

impl Writer {
    fn sync_if_due(&mut self) {
        if self.patience().is_some_and(|patience| patience.is_zero()) {
            self.sync_buffered();
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.dirty_since.map(|since| self.shared.options.buffered_sync.saturating_sub(since.elapsed()))
    }

    fn finish(mut self) -> Result<(), CloseFailure> {
        self.shared.close();
        // Nobody may touch the files when the lock is given back.
        let _nobody_scavenges = self.shared.scavenging.lock();
        self.compressor.stop();
        drop(self.merger);
        self.sealer.finish();
        if let Some(why) = &self.poison {
            return Err(CloseFailure::Failed(why.clone()));
        }
        self.tail.cut().map_err(|error| CloseFailure::failed(lost(&error)))?;
        sealing::leave_index(&self.shared);
        closing::leave_clean_mark(&self.tail, &self.shared).map_err(|error| CloseFailure::unmarked(&error))
    }

    /// Commits a job by itself.
    fn commit_one(&mut self, job: Job) {
        let mut batch = self.batch();
        self.plan(job, &mut batch);
        let _told = self.commit(batch);
    }

    /// Commits jobs together, as many as fit.
    fn commit_together(&mut self, jobs: &mut VecDeque<Job>) {
        let mut batch = self.batch();
        let limit = self.shared.options.batch_bytes;
        let mut bytes = 0;
        let mut count = 0;
        while let Some(job) = jobs.front()
            && count < self.shared.options.batch_appends
            && (count == 0 || bytes + job.bytes() <= limit)
        {
            bytes += job.bytes();
            count += 1;
            if let Some(job) = jobs.pop_front() {
                self.plan(job, &mut batch);
            }
        }
        // Everybody who is concerned has been told.
        let _told = self.commit(batch);
    }

    fn batch(&mut self) -> Batch {
        let next_position = self.shared.view().next_position();
        Batch::new(&self.tail, next_position, std::mem::take(&mut self.buffer))
    }

    /// Decides about a job and adds what is to be written to the batch.
    fn plan(&mut self, job: Job, batch: &mut Batch) {
        match job {
            Job::Append(request, reply) => {
                // A refusal must not tell of what a power cut may take back, either.
                let wants_sync = request.durability == Durability::Synced;
                let planned = self.known(batch, |known| known.append(request));
                let result = planned.and_then(|plan| self.carry_out(plan, batch));
                batch.wants_sync |= wants_sync;
                batch.answers.push(Answer::Appended(reply, result));
            }
            Job::Delete(stream, expected, mode, reply) => {
                let planned = self.known(batch, |known| known.delete(&stream, expected, mode));
                let result = planned.and_then(|plan| self.carry_out(plan, batch));
                batch.wants_sync = true;
                batch.answers.push(Answer::Deleted(reply, result.map(drop)));
            }
            Job::Save(key, expected, content, reply) => {
                let actual = self.known(batch, |known| known.document_version(key.as_str()));
                let result = actual.and_then(|actual| {
                    if !expected.accepts(actual) {
                        return Err(AppendError::DocumentConflict { key: key.clone(), expected, actual });
                    }
                    self.write_document(key.as_str(), actual + 1, Some(&content), batch)?;
                    Ok(actual + 1)
                });
                batch.wants_sync = true;
                batch.answers.push(Answer::Saved(reply, result));
            }
            Job::Remove(key, reply) => {
                let actual = self.known(batch, |known| known.document_version(key.as_str()));
                let result = actual.and_then(|actual| match actual {
                    0 => Ok(()),
                    version => self.write_document(key.as_str(), version, None, batch),
                });
                batch.wants_sync = true;
                batch.answers.push(Answer::Deleted(reply, result));
            }
            Job::Roll(reply) => {
                let rolled = self.known(batch, |_| Ok(())).and_then(|()| self.next_segment(batch));
                batch.answers.push(Answer::Deleted(reply, rolled));
            }
        }
    }

    fn known<T>(
        &self,
        batch: &Batch,
        decide: impl FnOnce(Known<'_>) -> Result<T, AppendError>,
    ) -> Result<T, AppendError> {
        if let Some(why) = &self.poison {
            return Err(AppendError::unavailable(why.to_string()));
        }
        decide(Known { view: &self.shared.view(), batch, recent: &self.recent })
    }

    fn carry_out(
        &mut self,
        mut plan: Plan,
        batch: &mut Batch,
    ) -> Result<engine_store::Appended, AppendError> {
        if !plan.writes.is_empty() {
            self.make_room(plan.size() + batch.links(plan.events()), batch)?;
        }
        let writes = std::mem::take(&mut plan.writes);
        let first = batch.next_position();
        let created = plan.created.unwrap_or_else(|| self.shared.options.clock.now());
        batch.write(writes, created);
        Ok(plan.answer(first))
    }

    fn write_document(
        &mut self,
        key: &str,
        version: u64,
        content: Option<&[u8]>,
        batch: &mut Batch,
    ) -> Result<(), AppendError> {
        let size = crate::frame::size(key.len(), 0, 0, content.map_or(0, <[u8]>::len));
        self.make_room(size + batch.links(1), batch)?;
        batch.write_document(key, version, content, self.shared.options.clock.now());
        Ok(())
    }

    /// Goes on in a new segment where this one cannot take so many bytes more.
    fn make_room(&mut self, size: u64, batch: &mut Batch) -> Result<(), AppendError> {
        let options = &self.shared.options;
        let too_long = batch.end() > SEGMENT_HEADER && batch.end() + size > options.segment_bytes;
        let too_many = batch.end() > SEGMENT_HEADER && self.shared.names_held() >= options.segment_names;
        if too_long || too_many || self.finished_segment { self.next_segment(batch) } else { Ok(()) }
    }

    /// Commits what is in the batch and goes on in a new segment, if anything is in this one.
    fn next_segment(&mut self, batch: &mut Batch) -> Result<(), AppendError> {
        if batch.end() == SEGMENT_HEADER && !self.finished_segment {
            return Ok(());
        }
        let full = {
            let empty = self.batch();
            std::mem::replace(batch, empty)
        };
        self.commit(full).map_err(|failure| failure.error())?;
        let rolled = self.roll();
        *batch = self.batch();
        rolled.map_err(|failure| failure.error())
    }

    /// Finishes the segment and begins the next.
    fn roll(&mut self) -> Result<(), Failure> {
        if let Err(error) = self.tail.cut() {
            return Err(self.poison_with(&lost(&error)));
        }
        self.finished_segment = true;
        let finished = self.tail.segment.header.number;
        let next_position = self.shared.view().next_position();
        self.tail.begin_segment(next_position).map_err(|failure| self.not_written(failure))?;
        self.finished_segment = false;
        let index = MemoryIndex::starting(next_position, SEGMENT_HEADER);
        self.shared.add_part(Part {
            segment: self.tail.segment.clone(),
            first_position: next_position,
            begin: SEGMENT_HEADER,
            index: Index::memory(index),
        });
        self.sealer.seal(finished);
        self.merger.look();
        Ok(())
    }
}
