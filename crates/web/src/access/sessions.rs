//! Sessions: who has signed in, known by a cookie that no script can read. They live as long as the process.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use http::{HeaderMap, header};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Caller, User, Via};

/// The name of the cookie.
const COOKIE: &str = "engine-session";

/// The people who have signed in.
pub(crate) struct Sessions {
    most: usize,
    idle: Duration,
    longest: Duration,
    by_secret: Mutex<HashMap<String, Session>>,
}

struct Session {
    caller: Caller,
    begun: Instant,
    used: Instant,
}

impl Sessions {
    pub(crate) fn new(most: usize, idle: Duration, longest: Duration) -> Self {
        Sessions { most: most.max(1), idle, longest, by_secret: Mutex::default() }
    }

    /// Begins a session; answers its secret.
    pub(crate) fn begin(&self, user: &User) -> String {
        let secret = secret();
        let via = Via::Session { csrf: self::secret() };
        let caller = Caller { name: user.login.clone(), role: user.role(), via };
        let now = Instant::now();
        let mut sessions = self.by_secret.lock();
        if sessions.len() >= self.most {
            sessions.retain(|_, session| self.is_alive(session));
        }
        if sessions.len() >= self.most {
            let longest_idle = sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(secret) = longest_idle.map(|(secret, _)| secret.clone()) {
                sessions.remove(&secret);
            }
        }
        sessions.insert(secret.clone(), Session { caller, begun: now, used: now });
        secret
    }

    /// Whose session this is.
    pub(crate) fn find(&self, secret: &str) -> Option<Caller> {
        let mut sessions = self.by_secret.lock();
        let session = sessions.get_mut(secret)?;
        if !self.is_alive(session) {
            sessions.remove(secret);
            return None;
        }
        session.used = Instant::now();
        Some(session.caller.clone())
    }

    pub(crate) fn end(&self, secret: &str) {
        self.by_secret.lock().remove(secret);
    }

    pub(crate) fn end_all_of(&self, login: &str) {
        self.by_secret.lock().retain(|_, session| session.caller.name != login);
    }

    fn is_alive(&self, session: &Session) -> bool {
        session.used.elapsed() < self.idle && session.begun.elapsed() < self.longest
    }
}

/// A text that nobody can guess: 244 bits of chance.
pub(super) fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The secret in the cookie of a request.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, secret)| (name == COOKIE).then_some(secret))
}

/// The header that gives a browser the cookie of a session, or takes it away.
pub(crate) fn set_cookie(secret: Option<&str>, secure: bool) -> String {
    let (secret, age) = secret.map_or(("", "; Max-Age=0"), |secret| (secret, ""));
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(login: &str) -> User {
        User { login: login.into(), full_name: login.into(), groups: Vec::new(), disabled: false }
    }

    #[test]
    fn the_cookie_goes_over_tls_only_where_there_is_tls_also_when_it_is_taken_away() {
        for secret in [Some("secret"), None] {
            assert!(set_cookie(secret, true).contains("; Secure"));
            assert!(!set_cookie(secret, false).contains("Secure"));
        }
    }

    #[test]
    fn the_one_who_was_idle_longest_makes_room() {
        let sessions = Sessions::new(2, Duration::from_secs(60), Duration::from_secs(60));
        let [ada, bob] = ["ada", "bob"].map(|login| sessions.begin(&user(login)));
        assert!(sessions.find(&ada).is_some());
        let eve = sessions.begin(&user("eve"));
        let names = [&ada, &bob, &eve].map(|secret| sessions.find(secret).map(|caller| caller.name));
        assert_eq!(names, [Some("ada".to_owned()), None, Some("eve".to_owned())]);
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_or_too_old() {
        for (idle, longest) in [(0, 60), (60, 0)] {
            let sessions = Sessions::new(2, Duration::from_secs(idle), Duration::from_secs(longest));
            let secret = sessions.begin(&user("ada"));
            assert_eq!(sessions.find(&secret), None);
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "theme=dark; engine-session=abc".parse().expect("a header"));
        assert_eq!(cookie(&headers), Some("abc"));
    }
}
