//! The locks of [`super::line`], scheduled by the test.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};

use shuttle::{
    future::batch_semaphore::{AcquireError, BatchSemaphore, Fairness},
    sync, thread,
};

/// As that of `parking_lot`.
#[derive(Debug)]
pub(super) struct Mutex<T>(sync::Mutex<T>);

pub(super) struct MutexGuard<'a, T> {
    mutex: &'a sync::Mutex<T>,
    held: Option<sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Mutex(sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: &self.0, held: Some(self.0.lock().unwrap()) }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().unwrap()
    }
}

/// As that of `parking_lot`.
#[derive(Debug)]
pub(super) struct Condvar(sync::Condvar);

/// The time was up.
pub(super) struct Waited;

impl Condvar {
    pub(super) fn new() -> Self {
        Condvar(sync::Condvar::new())
    }

    pub(super) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.held = guard.held.take().map(|held| self.0.wait(held).unwrap());
    }

    /// The time is up whenever the scheduler lets this thread go on.
    #[allow(clippy::unused_self)] // as the real one is called
    pub(super) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> Waited {
        guard.held = None;
        thread::yield_now();
        guard.held = Some(guard.mutex.lock().unwrap());
        Waited
    }

    pub(super) fn notify_one(&self) {
        self.0.notify_one();
    }
}

/// As that of `tokio`.
pub(super) struct Semaphore(BatchSemaphore);

/// Room that was given, and is given back when it is dropped.
pub(super) struct Permit<'a>(&'a BatchSemaphore, usize);

impl Permit<'_> {
    pub(super) fn forget(mut self) {
        self.1 = 0;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.1 > 0 {
            self.0.release(self.1);
        }
    }
}

impl Semaphore {
    pub(super) const MAX_PERMITS: usize = tokio::sync::Semaphore::MAX_PERMITS;

    pub(super) fn new(permits: usize) -> Self {
        Semaphore(BatchSemaphore::new(permits, Fairness::StrictlyFair))
    }

    pub(super) async fn acquire_many(&self, permits: u32) -> Result<Permit<'_>, AcquireError> {
        let permits = permits as usize;
        self.0.acquire(permits).await?;
        Ok(Permit(&self.0, permits))
    }

    pub(super) fn add_permits(&self, permits: usize) {
        self.0.release(permits);
    }

    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Semaphore").field("room", &self.0.available_permits()).finish()
    }
}
