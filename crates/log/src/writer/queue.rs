//! The queue in front of the writer: bounded in bytes, first come, first served.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use engine_store::{AppendError, AppendRequest, Appended, DeleteMode, DocumentKey, ExpectedVersion};
use engine_types::{ExpectedRevision, StreamName};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

/// Room is counted in so many bytes.
const UNIT: usize = 1_024;

/// Where the answer to a job goes. Nobody may be waiting any more; the job is done all the same.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, AppendError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    Append(AppendRequest, Reply<Appended>),
    Delete(StreamName, ExpectedRevision, DeleteMode, Reply<()>),
    Save(DocumentKey, ExpectedVersion, Bytes, Reply<u64>),
    Remove(DocumentKey, Reply<()>),
    /// Finish the segment that is written, if anything is in it.
    Roll(Reply<()>),
}

impl Job {
    /// The bytes that the job holds in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Job::Append(request, _) => {
                let events = request.streams.iter().flat_map(|stream| &stream.events);
                events.map(|event| event.bytes() + 128).sum()
            }
            Job::Save(_, _, content, _) => content.len(),
            Job::Delete(..) | Job::Remove(..) | Job::Roll(..) => 0,
        }
    }

    fn cost(&self, all: usize) -> u32 {
        u32::try_from((1 + self.bytes() / UNIT).min(all)).unwrap_or(u32::MAX)
    }
}

/// What there was when the writer looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Jobs were added to those it has.
    Jobs,
    /// Nothing came in time.
    Nothing,
    /// Nothing is there, and nothing will come.
    Closed,
}

/// Jobs that wait for the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    units: usize,
    room: Semaphore,
    waiting: Mutex<Waiting>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Queue { units, room: Semaphore::new(units), waiting: Mutex::default(), ready: Condvar::new() }
    }

    /// Waits for room, then hands the job over. From then on it is done, whoever waits for the answer.
    pub(crate) async fn push(&self, job: Job) -> Result<(), AppendError> {
        let closed = || AppendError::unavailable("the store was closed");
        let room = self.room.acquire_many(job.cost(self.units)).await.map_err(|_| closed())?;
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(closed());
        }
        waiting.jobs.push_back(job);
        room.forget();
        // The writer sleeps only while there is nothing.
        if waiting.jobs.len() == 1 {
            drop(waiting);
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Takes all jobs, waiting for the first: for ever, or for so long.
    pub(crate) fn drain(&self, into: &mut VecDeque<Job>, patience: Option<Duration>) -> Drained {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return Drained::Closed;
            }
            match patience {
                None => self.ready.wait(&mut waiting),
                Some(patience) => {
                    if self.ready.wait_for(&mut waiting, patience).timed_out() && waiting.jobs.is_empty() {
                        return Drained::Nothing;
                    }
                }
            }
        }
        let jobs = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        let cost: usize = jobs.iter().map(|job| job.cost(self.units) as usize).sum();
        self.room.add_permits(cost);
        into.extend(jobs);
        Drained::Jobs
    }

    /// Refuses what comes from now on. What was handed over is still done.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.room.close();
        self.ready.notify_all();
    }

    /// Refuses what comes from now on, and lets go of what waits: the writer is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        self.waiting.lock().jobs.clear();
    }
}
