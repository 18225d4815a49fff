//! Passwords: hashed with argon2id, and only so many at a time, because each takes 19 MiB and some time.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

/// How many passwords are hashed at the same time.
const AT_A_TIME: usize = 2;

static TURNS: Semaphore = Semaphore::const_new(AT_A_TIME);

/// What a password is compared with where there is no such user, so that the answer takes as long.
static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hash_now("nobody has this password").ok());

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, thiserror::Error)]
#[error("passwords cannot be hashed: {0}")]
pub(crate) struct HashError(String);

fn hash_now(password: &str) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|fault| HashError(fault.to_string()))
}

fn verify_now(password: &str, hash: &str) -> Result<bool, HashError> {
    let hash = PasswordHash::new(hash).map_err(|fault| HashError(fault.to_string()))?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Hashes a password, with a salt of its own.
pub(super) async fn hash(password: String) -> Result<String, HashError> {
    in_turn(move || hash_now(&password)).await
}

/// Whether a password is the one that was hashed. Without a hash it is not, after as long a time.
pub(super) async fn verify(password: String, hash: Option<String>) -> Result<bool, HashError> {
    in_turn(move || match (&hash, &*NOBODYS) {
        (Some(hash), _) => verify_now(&password, hash),
        (None, Some(nobodys)) => verify_now(&password, nobodys).map(|_| false),
        (None, None) => Ok(false),
    })
    .await
}

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
) -> Result<T, HashError> {
    let turn = TURNS.acquire().await.map_err(|fault| HashError(fault.to_string()))?;
    let done = tokio::task::spawn_blocking(work).await;
    drop(turn);
    done.map_err(|fault| HashError(fault.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_by_its_hash_and_by_no_other() {
        let first = hash("secret".to_owned()).await.unwrap();
        let second = hash("secret".to_owned()).await.unwrap();
        assert_ne!(first, second, "each has a salt of its own");
        assert!(first.starts_with("$argon2id$") && !first.contains("secret"));
        assert!(verify("secret".to_owned(), Some(first.clone())).await.unwrap());
        assert!(!verify("Secret".to_owned(), Some(first)).await.unwrap());
        assert!(!verify("nobody has this password".to_owned(), None).await.unwrap());
    }
}
