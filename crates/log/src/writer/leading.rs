//! When a caller leads: does its own job, instead of waking the thread and being woken by it.
//!
//! The caller is asynchronous, and keeps other tasks of its thread waiting meanwhile. So it leads only where there are
//! none, for about as long as a read may take: the job is small and alone, the disk is fast, and no file has to be made
//! or extended. It does not tell the runtime that it waits (`block_in_place`), for that wakes another thread to take its
//! place, and to wake none is all that leading is for.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use engine_store::Durability;

use super::{
    Writer,
    line::{Duty, Worker},
    queue::Job,
};
use crate::{chain::LINK, frame, options::LogOptions};

/// A thread whose other tasks take longer when they have their turn has something better to do than to wait for a disk.
const IDLE: Duration = Duration::from_micros(50);

/// So many syncs in a row must have been fast enough.
const ENOUGH: u32 = 16;

/// Whether the disk has been fast of late.
#[derive(Debug)]
pub(crate) struct Pace {
    /// So many of the newest syncs were fast enough, counted up to [`ENOUGH`].
    fast: u32,
}

impl Default for Pace {
    /// The disk is taken for a fast one until it shows that it is not.
    fn default() -> Self {
        Pace { fast: ENOUGH }
    }
}

impl Pace {
    /// A sync took so long.
    pub(super) fn took(&mut self, time: Duration, options: &LogOptions) {
        self.fast = if time <= options.lead_within { (self.fast + 1).min(ENOUGH) } else { 0 };
    }

    fn is_fast(&self) -> bool {
        self.fast == ENOUGH
    }
}

/// Does the job of this duty in this thread, if it is still alone when all other tasks that are ready had their turn;
/// otherwise leaves it to the thread.
///
/// Letting them go first is what makes them one commit: those who were answered together ask again together.
pub(crate) async fn lead(duty: Duty<'_, Job, Box<Writer>>) {
    let begin = Instant::now();
    tokio::task::yield_now().await;
    if begin.elapsed() > IDLE {
        return;
    }
    let Some(led) = duty.lead() else { return };
    // A panic is told by its hook, and the one who waits for the answer learns that it will not come. It stays the
    // store's own: the caller has done nothing wrong.
    let _panic = catch_unwind(AssertUnwindSafe(|| led.work(|writer, job| writer.commit_one(job))));
}

impl Worker<Job> for Box<Writer> {
    fn patience(&self) -> Option<Duration> {
        Writer::patience(self)
    }

    fn may_be_led(&self, job: &Job) -> bool {
        let options = &self.shared.options;
        let Some(size) = size(job) else { return false };
        let end = self.tail.end + size;
        !options.lead_within.is_zero()
            && self.pace.is_fast()
            && self.dirty_since.is_none()
            && !self.finished_segment
            && size <= options.lead_bytes
            && end <= self.tail.reserved.min(options.segment_bytes)
            && self.shared.names_held() < options.segment_names
    }
}

/// The bytes that a job will write, links included; none where more is to be done than to write and to sync.
fn size(job: &Job) -> Option<u64> {
    match job {
        Job::Append(request, _) if request.durability == Durability::Synced => {
            let sizes = request.streams.iter().flat_map(|append| {
                let name = append.stream.as_str().len();
                append.events.iter().map(move |event| {
                    frame::size(name, event.event_type.len(), event.metadata.len(), event.data.len())
                        + LINK as u64
                })
            });
            Some(sizes.sum())
        }
        Job::Save(key, _, content, _) => {
            Some(frame::size(key.as_str().len(), 0, 0, content.len()) + LINK as u64)
        }
        Job::Remove(key, _) => Some(frame::size(key.as_str().len(), 0, 0, 0) + LINK as u64),
        Job::Append(..) | Job::Delete(..) | Job::Roll(..) => None,
    }
}
