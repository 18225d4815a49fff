//! What [`super::line`] waits with. The tests of its interleavings put others in their place, which are scheduled by
//! the test.

pub(super) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(super) use tokio::sync::Semaphore;
