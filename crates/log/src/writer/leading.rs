//! When a caller leads: does its own job, instead of waking the thread and being woken by it.
//!
//! The caller is asynchronous, and keeps other tasks of its thread waiting meanwhile. So it leads only where there are
//! none, for about as long as a read may take: jobs come alone and are small, the disk is fast, no file has to be made
//! or extended, and the room behind its end is filled. It does not tell the runtime that it waits (`block_in_place`), for
//! that wakes another thread to take its place, and to wake none is all that leading is for.

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

/// So many commits in a row must have been fast enough, and of one job each.
const ENOUGH: u32 = 16;

/// Whether callers have come alone of late, and the disk has been fast. Where they come together, the first of them is
/// often alone for a moment: it would keep the others of its thread from joining it.
#[derive(Debug)]
pub(crate) struct Pace {
    /// So many of the newest commits were fast enough and of one job, counted up to [`ENOUGH`].
    calm: u32,
}

impl Default for Pace {
    /// The disk is taken for a fast one, and the caller for the only one, until it turns out otherwise.
    fn default() -> Self {
        Pace { calm: ENOUGH }
    }
}

impl Pace {
    /// To make so many jobs durable took so long. Where room was made besides, that may be why: the next, which the thread
    /// does, will tell.
    pub(super) fn took(&mut self, jobs: usize, time: Duration, made_room: bool, options: &LogOptions) {
        self.calm = if jobs > 1 {
            0
        } else if time <= options.lead_within {
            (self.calm + 1).min(ENOUGH)
        } else if made_room {
            self.calm.saturating_sub(1)
        } else {
            0
        };
    }

    fn is_calm(&self) -> bool {
        self.calm == ENOUGH
    }
}

/// Does the job of this duty in this thread, if it is still alone when all other tasks that are ready had their turn;
/// otherwise leaves it to the thread.
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
            && self.pace.is_calm()
            && self.dirty_since.is_none()
            && !self.finished_segment
            && size <= options.lead_bytes
            && end <= options.segment_bytes
            && self.tail.is_ready_for(size)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_commit_that_made_room_is_taken_for_one_of_a_slow_disk_only_if_the_next_is_slow_too() {
        let options = LogOptions::default();
        let (fast, slow) = (options.lead_within, options.lead_within * 2);
        for (next, is_calm) in [(fast, true), (slow, false)] {
            let mut pace = Pace::default();
            pace.took(1, slow, true, &options);
            assert!(!pace.is_calm(), "it is not known yet");
            pace.took(1, next, false, &options);
            assert_eq!(pace.is_calm(), is_calm);
        }
    }

    #[test]
    fn a_slow_commit_and_one_of_several_jobs_are_forgotten_only_behind_enough_others() {
        let options = LogOptions::default();
        for (jobs, time) in [(1, options.lead_within * 2), (2, Duration::ZERO)] {
            let mut pace = Pace::default();
            pace.took(jobs, time, jobs > 1, &options);
            for _ in 0..ENOUGH {
                assert!(!pace.is_calm());
                pace.took(1, options.lead_within, false, &options);
            }
            assert!(pace.is_calm());
        }
    }
}
