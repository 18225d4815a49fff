//! Passwords that were right a moment ago, so that a machine that sends its own with every request is not slowed down
//! by a hash that is slow on purpose. Only a keyed fingerprint is kept, and only for a short while.

use std::{
    collections::HashMap,
    hash::Hasher,
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use siphasher::sip128::{Hasher128, SipHasher24};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::User;

/// How many users are remembered at most.
const REMEMBERED: usize = 1_000;

/// How many different credentials are looked at one after the other for each that is looked at by itself.
const TURNS: usize = 64;

/// How long: rights that are taken away in another process are gone after this time.
const FRESH: Duration = Duration::from_secs(30);

pub(crate) struct Verified {
    /// Known to this process only.
    key: [u8; 16],
    known: RwLock<HashMap<String, Known>>,
    turns: [Mutex<()>; TURNS],
}

struct Known {
    fingerprint: u128,
    user: User,
    since: Instant,
}

impl Default for Verified {
    fn default() -> Self {
        Verified {
            key: *Uuid::new_v4().as_bytes(),
            known: RwLock::default(),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Verified {
    pub(crate) fn get(&self, login: &str, password: &str) -> Option<User> {
        let known = self.known.read();
        let entry = known.get(login)?;
        let is_right = entry.fingerprint == self.fingerprint(password) && entry.since.elapsed() < FRESH;
        is_right.then(|| entry.user.clone())
    }

    /// Waits until nobody else looks at the same credentials: many requests that come at once with the same ones need
    /// one look, and are not taken for as many guesses.
    pub(crate) async fn turn(&self, login: &str, password: &str) -> MutexGuard<'_, ()> {
        let place = self.fingerprint(&format!("{login}:{password}")) % TURNS as u128;
        self.turns[usize::try_from(place).unwrap_or(0)].lock().await
    }

    pub(crate) fn insert(&self, login: &str, password: &str, user: &User) {
        let entry =
            Known { fingerprint: self.fingerprint(password), user: user.clone(), since: Instant::now() };
        let mut known = self.known.write();
        if known.len() >= REMEMBERED {
            known.retain(|_, entry| entry.since.elapsed() < FRESH);
        }
        if known.len() < REMEMBERED {
            known.insert(login.to_owned(), entry);
        }
    }

    pub(crate) fn forget(&self, login: &str) {
        self.known.write().remove(login);
    }

    fn fingerprint(&self, password: &str) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(password.as_bytes());
        hasher.finish128().into()
    }
}
