//! Timers: commands that are sent when they are due, over restarts too.
//!
//! A timer that waits is a document whose key begins with the time when it is due, so that a list of documents in the
//! order of their keys tells what is next. Nothing else is kept anywhere: a million timers that wait cost no memory
//! and no time at the start.
//!
//! What a process manager has set stands in the entries of its instance, and those are the truth: when a timer is
//! due, the instance is asked whether it still waits.

mod calendar;
mod firing;
mod handle;
mod record;
mod schedule;

pub use handle::{TimerReport, Timers, TimersError, TimersPage};
pub use record::TimerId;

pub(crate) use calendar::Calendar;
pub(crate) use firing::Firing;
pub(crate) use record::{Owner, Record};
pub(crate) use schedule::start;
