//! Failed sign-ins, counted, so that passwords cannot be guessed quickly.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How many names and addresses are remembered at most.
const REMEMBERED: usize = 10_000;

/// Counts failures by name and address, and by address alone.
pub(crate) struct Attempts {
    most: u32,
    pause: Duration,
    failures: Mutex<HashMap<Key, Failures>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    address: Option<IpAddr>,
    /// Absent where all names from this address are meant.
    login: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// A try that counts as failed unless it is said to have succeeded.
pub(crate) struct Attempt<'a> {
    attempts: &'a Attempts,
    keys: [Key; 2],
}

impl Attempts {
    pub(crate) fn new(most: u32, pause: Duration) -> Self {
        Attempts { most: most.max(1), pause, failures: Mutex::default() }
    }

    /// Begins a try, or tells how many seconds to wait. The try is counted before its outcome is known, so that
    /// many at the same time do not slip through.
    pub(crate) fn begin(&self, login: &str, address: Option<IpAddr>) -> Result<Attempt<'_>, u64> {
        let keys = [Key { address, login: Some(login.to_owned()) }, Key { address, login: None }];
        let now = Instant::now();
        let mut failures = self.failures.lock();
        if failures.len() > REMEMBERED {
            failures.retain(|_, known| now.duration_since(known.last) < self.pause);
        }
        for (key, most) in keys.iter().zip([self.most, self.most.saturating_mul(4)]) {
            let Some(known) = failures.get(key) else { continue };
            let past = now.duration_since(known.last);
            if past >= self.pause {
                failures.remove(key);
            } else if known.count >= most {
                return Err(self.pause.saturating_sub(past).as_secs() + 1);
            }
        }
        for key in &keys {
            let known = failures.entry(key.clone()).or_insert(Failures { count: 0, last: now });
            *known = Failures { count: known.count + 1, last: now };
        }
        drop(failures);
        Ok(Attempt { attempts: self, keys })
    }
}

impl Attempt<'_> {
    /// Takes the count back.
    pub(crate) fn succeeded(self) {
        let mut failures = self.attempts.failures.lock();
        failures.remove(&self.keys[0]);
        if let Some(known) = failures.get_mut(&self.keys[1]) {
            known.count = known.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn after_too_many_failures_a_name_has_to_wait_and_others_need_not() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        for _ in 0..2 {
            assert!(attempts.begin("ada", HERE).is_ok());
        }
        let seconds = attempts.begin("ada", HERE).err();
        assert!(seconds.is_some_and(|seconds| (1..=61).contains(&seconds)), "{seconds:?}");
        assert!(attempts.begin("bob", HERE).is_ok());
    }

    #[test]
    fn a_success_wipes_the_failures_of_the_name_away() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        for _ in 0..10 {
            attempts.begin("ada", HERE).expect("never two failures in a row").succeeded();
        }
    }

    #[test]
    fn an_address_that_tries_many_names_has_to_wait() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        let let_in = (0..100).filter(|name| attempts.begin(&name.to_string(), HERE).is_ok()).count();
        assert_eq!(let_in, 8);
    }

    #[test]
    fn the_failures_are_forgotten_after_the_pause() {
        let attempts = Attempts::new(1, Duration::ZERO);
        for _ in 0..10 {
            assert!(attempts.begin("ada", HERE).is_ok());
        }
    }
}
