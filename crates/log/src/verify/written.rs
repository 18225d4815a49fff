//! Checking the segment that another process writes meanwhile.
//!
//! Where a write fails, the writer takes the end of the log back, and may write something else there: then what was
//! seen of it first does not fit what is read later. Nothing of that is damage, and one looks again.

use engine_store::Fault;

use super::check::{Check, End};
use crate::{
    disk::Disk,
    error::{OpenError, Trouble},
    pinned::{self, TRIES, Tail},
    segment::Segment,
};

impl Check<'_> {
    /// Checks the segment that is written meanwhile, up to the end that was seen. In front of `synced` it stays as it
    /// is. Answers the damage that shows at its end, where one had to look again.
    pub(super) fn written(
        &mut self,
        disk: &dyn Disk,
        segment: &Segment,
        mut end: u64,
        mut synced: u64,
    ) -> Result<Option<Trouble>, OpenError> {
        let before = self.course.clone();
        let mut damage = None;
        let mut told: Vec<Fault> = Vec::new();
        for _ in 0..TRIES {
            self.begin_trial();
            self.segment(disk, segment, End::Published(end))?;
            let faults = self.course.report.faults.split_off(before.report.faults.len());
            let is_certain = self.wrong.first.is_some_and(|first| first < synced);
            let is_same = !self.wrong.gap && faults == told;
            if faults.is_empty() || is_certain || is_same {
                self.end_trial();
                self.course.report.faults.extend(faults);
                return Ok(damage);
            }
            told = faults;
            let tail = Tail::of(segment)?;
            (end, synced, damage) = (tail.end, tail.synced, tail.damage);
            self.course = before.clone();
        }
        Err(pinned::taken_back(segment))
    }
}
