//! Committing a batch: one write of all its frames, one sync, one publication, then the answers.

use std::{io, sync::Arc, time::Instant};

use super::{Writer, answer::Failure, batch::Batch, reply::Sleepers, tail::WriteFailure};

impl Writer {
    /// Writes, syncs, publishes and answers.
    pub(super) fn commit(&mut self, mut batch: Batch) -> Result<(), Failure> {
        let answers = std::mem::take(&mut batch.answers);
        let result = self.make_durable(&batch, answers.len());
        if result.is_ok() && !batch.frames.is_empty() {
            self.shared.publish(|index| batch.publish(index));
            if !batch.entries.is_empty() {
                self.wake.send_modify(|count| *count += 1);
            }
        }
        let mut sleepers = Sleepers::up_to(answers.len());
        for answer in answers {
            answer.give(result.as_ref().err(), &mut sleepers);
        }
        drop(sleepers);
        // Nobody waits for this: the next decision is made behind it.
        if result.is_ok() {
            let view = self.shared.view();
            batch.entries.iter().for_each(|entry| self.recent.add(entry.id, |position| view.holds(position)));
        }
        self.keep_buffer(batch.frames);
        result
    }

    /// Keeps the buffer for the next batch, unless an uncommon batch made it large.
    fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= 2 * self.shared.options.batch_bytes {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    fn make_durable(&mut self, batch: &Batch, jobs: usize) -> Result<(), Failure> {
        if self.poison.is_some() {
            // All that is in the batch has been refused already, and a failed sync is not tried again.
            return Ok(());
        }
        let begin = Instant::now();
        let makes_room = !self.tail.is_ready_for(batch.frames.len() as u64);
        if !batch.frames.is_empty() {
            self.tail.write(&batch.frames, batch.link).map_err(|failure| self.not_written(failure))?;
        }
        if batch.wants_sync && self.tail.is_dirty() {
            self.tail.fill_ahead();
            self.tail.sync().map_err(|error| self.poison_with(&lost(&error)))?;
            self.pace.took(jobs, begin.elapsed(), makes_room, &self.shared.options);
        }
        self.dirty_since =
            if self.tail.is_dirty() { self.dirty_since.or_else(|| Some(Instant::now())) } else { None };
        Ok(())
    }

    /// What a failed write means: a full disk may have room again, all else needs a recovery.
    pub(super) fn not_written(&mut self, failure: WriteFailure) -> Failure {
        match failure {
            WriteFailure::Undone(error) if error.kind() == io::ErrorKind::StorageFull => {
                Failure::NotWritten("the disk is full: make room, then try again".into())
            }
            WriteFailure::Undone(error) => {
                let why = lost(&error);
                self.poison_with(&why);
                Failure::NotWritten(why.into())
            }
            WriteFailure::Unknown(error) => self.poison_with(&lost(&error)),
        }
    }

    pub(super) fn sync_buffered(&mut self) {
        self.dirty_since = None;
        if self.poison.is_none()
            && self.tail.is_dirty()
            && let Err(error) = self.tail.sync()
        {
            self.poison_with(&lost(&error));
        }
    }

    /// Refuses all writes from now on.
    pub(super) fn poison_with(&mut self, why: &str) -> Failure {
        tracing::error!("{why}");
        let why: Arc<str> = why.into();
        self.poison = Some(why.clone());
        self.dirty_since = None;
        Failure::Unknown(why)
    }
}

pub(super) fn lost(error: &io::Error) -> String {
    format!(
        "the disk failed ({error}); nothing more is written until the store is opened again, which recovers it"
    )
}
