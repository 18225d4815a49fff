//! The timers that wait, over all instances of all process managers.

use engine_runtime::processes::{ProcessesError, TimerReport};

use crate::Web;

/// How many instances are looked at for timers at most.
const LOOKED_AT: usize = 2_000;

/// How many instances are listed at a time.
const PAGE: usize = 200;

/// A timer, and whose it is.
pub(crate) struct Waiting {
    pub(crate) process: &'static str,
    pub(crate) instance: String,
    pub(crate) timer: TimerReport,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// The next that is due first.
    pub(crate) timers: Vec<Waiting>,
    /// Whether all instances were looked at.
    pub(crate) is_complete: bool,
}

/// Looks for timers, in a bounded number of instances that have not ended.
pub(crate) async fn waiting(web: &Web) -> Result<Found, ProcessesError> {
    let mut found = Found { is_complete: true, ..Found::default() };
    let mut looked_at = 0;
    for process in web.map().processes.iter().map(|process| process.name) {
        let mut after = None;
        loop {
            let page = web.bus().processes().list(process, None, after.as_deref(), PAGE).await?;
            looked_at += page.instances.len();
            for instance in page.instances.into_iter().filter(|instance| instance.timers > 0) {
                let report = web.bus().processes().show(process, &instance.id).await?;
                let waiting = |timer| Waiting { process, instance: instance.id.clone(), timer };
                found.timers.extend(report.waiting.into_iter().map(waiting));
            }
            match page.next {
                Some(next) if looked_at < LOOKED_AT => after = Some(next),
                more => {
                    found.is_complete &= more.is_none();
                    break;
                }
            }
        }
    }
    found.timers.sort_by_key(|waiting| waiting.timer.due);
    Ok(found)
}
