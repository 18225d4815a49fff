//! What a check knows of each name, by its hash: as it stands, or as it would stand behind what is on trial.

use std::collections::HashMap;

/// What is known of each name that there is.
#[derive(Debug)]
pub(super) struct Known<T> {
    settled: HashMap<u64, T>,
    /// What has changed since a trial began; none: the name is gone.
    trial: Option<HashMap<u64, Option<T>>>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known { settled: HashMap::new(), trial: None }
    }
}

impl<T: Copy> Known<T> {
    /// Says what is known of a name from now on, and answers what was known before.
    pub(super) fn set(&mut self, name: u64, now: Option<T>) -> Option<T> {
        let settled = &mut self.settled;
        if let Some(trial) = &mut self.trial {
            return trial.insert(name, now).unwrap_or_else(|| settled.get(&name).copied());
        }
        match now {
            Some(now) => settled.insert(name, now),
            None => settled.remove(&name),
        }
    }

    /// Forgets what changed since the last trial began, and begins one.
    pub(super) fn begin_trial(&mut self) {
        self.trial = Some(HashMap::new());
    }

    /// Keeps what changed since the trial began.
    pub(super) fn end_trial(&mut self) {
        for (name, now) in self.trial.take().unwrap_or_default() {
            self.set(name, now);
        }
    }

    /// How many names there are.
    pub(super) fn count(&self) -> u64 {
        self.settled.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_trial_is_seen_and_may_be_forgotten_or_kept() {
        let mut known = Known::default();
        assert_eq!((known.set(1, Some(10)), known.set(2, Some(20))), (None, None));
        known.begin_trial();
        assert_eq!(
            (known.set(1, None), known.set(1, Some(11)), known.set(3, Some(30))),
            (Some(10), None, None)
        );
        known.begin_trial();
        assert_eq!((known.set(1, Some(12)), known.set(2, None)), (Some(10), Some(20)));
        known.end_trial();
        assert_eq!((known.count(), known.set(1, None), known.set(2, None)), (1, Some(12), None));
    }
}
