//! A line in front of one worker: bounded, first come, first served. Callers wait for room, the worker for work.
//!
//! Knows nothing of what stands in it. Everything that is subtle about waiting is here, and is checked under all sorts
//! of schedules by `interleavings`.

use std::{collections::VecDeque, time::Duration};

use super::sync::{Condvar, Mutex, Semaphore};

/// Room is counted in so many bytes.
pub(crate) const UNIT: usize = 1_024;

/// What takes room in a line.
pub(crate) trait Weighed {
    /// The bytes that it holds in memory.
    fn bytes(&self) -> usize;
}

/// Nothing is taken any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// What there was when the worker looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Jobs were added to those it has.
    Jobs,
    /// Nothing came in time.
    Nothing,
    /// Nothing is there, and nothing will come.
    Closed,
}

/// Jobs that wait for the worker.
#[derive(Debug)]
pub(crate) struct Line<J> {
    units: usize,
    room: Semaphore,
    waiting: Mutex<Waiting<J>>,
    ready: Condvar,
}

#[derive(Debug)]
struct Waiting<J> {
    jobs: VecDeque<J>,
    closed: bool,
}

impl<J: Weighed> Line<J> {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        let waiting = Mutex::new(Waiting { jobs: VecDeque::new(), closed: false });
        Line { units, room: Semaphore::new(units), waiting, ready: Condvar::new() }
    }

    /// The room that a job takes: all there is, for one that is larger.
    fn cost(&self, job: &J) -> u32 {
        u32::try_from((1 + job.bytes() / UNIT).min(self.units)).unwrap_or(u32::MAX)
    }

    /// Waits for room, then hands the job over. From then on it is done, whoever waits for the answer.
    pub(crate) async fn push(&self, job: J) -> Result<(), Closed> {
        let room = self.room.acquire_many(self.cost(&job)).await.map_err(|_| Closed)?;
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Closed);
        }
        waiting.jobs.push_back(job);
        room.forget();
        // The worker sleeps only while there is nothing.
        if waiting.jobs.len() == 1 {
            drop(waiting);
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Takes all jobs, waiting for the first: for ever, or for so long.
    pub(crate) fn drain(&self, into: &mut VecDeque<J>, patience: Option<Duration>) -> Drained {
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
        let cost: usize = jobs.iter().map(|job| self.cost(job) as usize).sum();
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

    /// Refuses what comes from now on, and lets go of what waits: the worker is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        self.waiting.lock().jobs.clear();
    }
}
