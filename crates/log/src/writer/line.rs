//! A line in front of one worker: bounded, first come, first served. Callers wait for room, jobs for the worker.
//!
//! While nobody works, the worker waits here too. Whoever takes it out works, so that never two do: the thread that is
//! there for it, or a caller whose job is the only one, which spares waking the thread and being woken by it. Knows
//! nothing of what stands in line. Everything that is subtle about waiting is here, and is checked under all sorts of
//! schedules by `interleavings`.

use std::{collections::VecDeque, mem, time::Duration};

use super::sync::{Condvar, Mutex, MutexGuard, Semaphore};

/// Room is counted in so many bytes.
pub(crate) const UNIT: usize = 1_024;

/// What takes room in a line.
pub(crate) trait Weighed {
    /// The bytes that it holds in memory.
    fn bytes(&self) -> usize;
}

/// What does the jobs.
pub(crate) trait Worker<J> {
    /// How long it waits for a job before it has something else to do; for ever, where there is none.
    fn patience(&self) -> Option<Duration>;

    /// Whether the caller may do this job, who can do nothing else meanwhile.
    fn may_be_led(&self, job: &J) -> bool;
}

/// Nothing is taken any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// What there was when the thread looked.
#[derive(Debug)]
pub(crate) enum Taken<W> {
    /// Jobs were added to those it has.
    Jobs(W),
    /// No job came, but the worker has something else to do.
    Due(W),
    /// Nothing is there, and nothing will come.
    Closed(W),
    /// Whoever had the worker lost it.
    Gone,
}

/// Jobs that wait for the worker.
#[derive(Debug)]
pub(crate) struct Line<J, W> {
    units: usize,
    room: Semaphore,
    waiting: Mutex<Waiting<J, W>>,
    ready: Condvar,
}

#[derive(Debug)]
struct Waiting<J, W> {
    jobs: VecDeque<J>,
    worker: Place<W>,
    /// Whether the thread will look here without being told once more.
    told: bool,
    closed: bool,
}

/// Where the worker is.
#[derive(Debug)]
enum Place<W> {
    Here(W),
    AtWork,
    Gone,
}

impl<J: Weighed, W: Worker<J>> Line<J, W> {
    pub(crate) fn new(bytes: usize, worker: W) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        // The thread has not looked yet.
        let waiting =
            Waiting { jobs: VecDeque::new(), worker: Place::Here(worker), told: true, closed: false };
        Line { units, room: Semaphore::new(units), waiting: Mutex::new(waiting), ready: Condvar::new() }
    }

    /// The room that a job takes: all there is, for one that is larger.
    fn cost(&self, job: &J) -> u32 {
        u32::try_from((1 + job.bytes() / UNIT).min(self.units)).unwrap_or(u32::MAX)
    }

    /// Waits for room, then hands the job over. From then on it is done, whoever waits for the answer.
    ///
    /// The thread is told, unless the caller may be the one who does it: then that is left to him.
    pub(crate) async fn push(&self, job: J) -> Result<Option<Duty<'_, J, W>>, Closed> {
        let room = self.room.acquire_many(self.cost(&job)).await.map_err(|_| Closed)?;
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Closed);
        }
        waiting.jobs.push_back(job);
        room.forget();
        if !waiting.is_left_alone() {
            return Ok(None);
        }
        if !waiting.may_be_led() {
            self.tell(waiting);
            return Ok(None);
        }
        Ok(Some(Duty { line: self }))
    }

    /// Brings the worker back, then takes it and all jobs, waiting for the first.
    pub(crate) fn take(&self, back: Option<W>, jobs: &mut VecDeque<J>) -> Taken<W> {
        let mut waiting = self.waiting.lock();
        if let Some(worker) = back {
            waiting.worker = Place::Here(worker);
        }
        let taken = loop {
            let patience = match waiting.look() {
                Ok(taken) => break taken,
                Err(patience) => patience,
            };
            waiting.told = false;
            match patience {
                None => self.ready.wait(&mut waiting),
                Some(patience) => drop(self.ready.wait_for(&mut waiting, patience)),
            }
        };
        let came = mem::take(&mut waiting.jobs);
        drop(waiting);
        self.room.add_permits(came.iter().map(|job| self.cost(job) as usize).sum());
        jobs.extend(came);
        taken
    }

    /// Takes the worker and the job, where it is the only one and may be led.
    fn take_only(&self) -> Option<(W, J)> {
        let mut waiting = self.waiting.lock();
        if waiting.told || !waiting.may_be_led() {
            return None;
        }
        let (Place::Here(worker), Some(job)) =
            (mem::replace(&mut waiting.worker, Place::AtWork), waiting.jobs.pop_front())
        else {
            unreachable!("both were there, and the line is locked")
        };
        drop(waiting);
        self.room.add_permits(self.cost(&job) as usize);
        Some((worker, job))
    }

    /// Tells the thread, and lets go of the lock first, which is the first thing that it will want.
    fn tell(&self, mut waiting: MutexGuard<'_, Waiting<J, W>>) {
        waiting.told = true;
        drop(waiting);
        self.ready.notify_one();
    }

    /// Refuses what comes from now on. What was handed over is still done.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        self.room.close();
        self.tell(waiting);
    }

    /// Refuses what comes from now on, and lets go of what waits: the worker is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        let mut waiting = self.waiting.lock();
        waiting.jobs.clear();
        waiting.worker = Place::Gone;
        self.tell(waiting);
    }
}

impl<J, W: Worker<J>> Waiting<J, W> {
    /// Whether jobs and the worker wait, and nobody is on the way to bring them together.
    fn is_left_alone(&self) -> bool {
        !self.told && !self.jobs.is_empty() && matches!(self.worker, Place::Here(_))
    }

    /// Whether the worker waits here, and for one job only, which a caller may do.
    fn may_be_led(&self) -> bool {
        match (&self.worker, self.jobs.front()) {
            (Place::Here(worker), Some(job)) => self.jobs.len() == 1 && worker.may_be_led(job),
            _ => false,
        }
    }

    /// What the thread can take now, or how long it may wait before it looks again.
    fn look(&mut self) -> Result<Taken<W>, Option<Duration>> {
        let worker = match mem::replace(&mut self.worker, Place::AtWork) {
            Place::Here(worker) => worker,
            Place::AtWork => return Err(None),
            Place::Gone => {
                self.worker = Place::Gone;
                return Ok(Taken::Gone);
            }
        };
        if !self.jobs.is_empty() {
            return Ok(Taken::Jobs(worker));
        }
        if self.closed {
            return Ok(Taken::Closed(worker));
        }
        let patience = worker.patience();
        if patience.is_some_and(|patience| patience.is_zero()) {
            return Ok(Taken::Due(worker));
        }
        self.worker = Place::Here(worker);
        Err(patience)
    }
}

/// The duty of whoever handed over a job that he may do himself: to see to it that somebody will. To let go of it tells
/// the thread; to [`lead`](Duty::lead) may do without.
///
/// Who comes next tells the thread, so that nobody depends on another who may never go on.
#[derive(Debug)]
#[must_use]
pub(crate) struct Duty<'a, J: Weighed, W: Worker<J>> {
    line: &'a Line<J, W>,
}

impl<'a, J: Weighed, W: Worker<J>> Duty<'a, J, W> {
    /// Takes the worker and the only job, if that may be; otherwise tells the thread, where nobody else did.
    pub(crate) fn lead(self) -> Option<Led<'a, J, W>> {
        let (worker, job) = self.line.take_only()?;
        Some(Led { worker, job, away: Away(self.line) })
    }
}

impl<J: Weighed, W: Worker<J>> Drop for Duty<'_, J, W> {
    fn drop(&mut self) {
        let waiting = self.line.waiting.lock();
        if waiting.is_left_alone() {
            self.line.tell(waiting);
        }
    }
}

/// A job and the worker in the hands of a caller. To let go of them without having worked loses both, and all else
/// that waits.
#[derive(Debug)]
pub(crate) struct Led<'a, J: Weighed, W: Worker<J>> {
    worker: W,
    job: J,
    // Dropped last: when the line is abandoned, the worker has let go of all that it held.
    away: Away<'a, J, W>,
}

impl<J: Weighed, W: Worker<J>> Led<'_, J, W> {
    /// Does the job in this thread, and brings the worker back.
    pub(crate) fn work(self, work: impl FnOnce(&mut W, J)) {
        let Led { away, mut worker, job } = self;
        work(&mut worker, job);
        away.back(worker);
    }
}

/// The place of a worker that is with a caller. Without a worker to come back, the line is abandoned.
#[derive(Debug)]
struct Away<'a, J: Weighed, W: Worker<J>>(&'a Line<J, W>);

impl<J: Weighed, W: Worker<J>> Away<'_, J, W> {
    /// What came meanwhile is the thread's: a caller works once, or it might never have its answer.
    fn back(self, worker: W) {
        let mut waiting = self.0.waiting.lock();
        let something_to_do = !waiting.jobs.is_empty() || waiting.closed || worker.patience().is_some();
        waiting.worker = Place::Here(worker);
        if something_to_do {
            self.0.tell(waiting);
        }
        mem::forget(self);
    }
}

impl<J: Weighed, W: Worker<J>> Drop for Away<'_, J, W> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
