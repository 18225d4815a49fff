//! Credentials that were right a moment ago, so that not every call has to hash a password.
//!
//! What is remembered is a keyed hash of name and password under a key that no other process has, and for which
//! version of the user they were right.

use std::{
    collections::HashMap,
    hash::Hasher,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use siphasher::sip128::{Hasher128, SipHasher24};
use uuid::Uuid;

use super::caller::Account;

/// How many credentials are remembered.
const REMEMBERED: usize = 4_096;

/// How long they count without a look at the user in the store, whom another node may have changed.
const FRESH: Duration = Duration::from_secs(10);

/// What is known of credentials.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) account: Arc<Account>,
    /// The version of the user's document.
    pub(super) version: u64,
    looked: Instant,
}

impl Known {
    pub(super) fn is_fresh(&self) -> bool {
        self.looked.elapsed() < FRESH
    }
}

/// Credentials that were right.
pub(super) struct Verified {
    key: [u8; 16],
    known: Mutex<HashMap<u128, Known>>,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Verified {
    pub(super) fn new() -> Self {
        // 122 bits of chance, from the system.
        Verified { key: *Uuid::new_v4().as_bytes(), known: Mutex::default() }
    }

    fn digest(&self, login: &str, password: &str) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&(login.len() as u64).to_be_bytes());
        hasher.write(login.as_bytes());
        hasher.write(password.as_bytes());
        hasher.finish128().into()
    }

    /// What is known of these credentials.
    pub(super) fn find(&self, login: &str, password: &str) -> Option<Known> {
        self.known.lock().get(&self.digest(login, password)).cloned()
    }

    /// Remembers that these credentials are right for this version of the user.
    pub(super) fn remember(&self, login: &str, password: &str, account: Arc<Account>, version: u64) {
        let digest = self.digest(login, password);
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED && !known.contains_key(&digest) {
            known.clear();
        }
        known.insert(digest, Known { account, version, looked: Instant::now() });
    }

    /// Forgets what is known of a user.
    pub(super) fn forget(&self, login: &str) {
        self.known.lock().retain(|_, known| known.account.login_name != login);
    }
}
