//! Tokens for machines: each stands for a user, and is kept as a hash only.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use engine_store::{
    AppendError, Clock, DocumentKey, EventStore, ExpectedVersion, ReadError, SystemClock, Timestamp,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{User, Users, UsersError, sessions::secret};

/// Where tokens are kept in the store.
const PREFIX: &str = "token/";

/// How many tokens there may be.
pub(crate) const MOST: usize = 1_000;

/// How long a token that was found is believed: one that is revoked in another process is gone after this time.
const FRESH: Duration = Duration::from_secs(10);

/// Knows the tokens of a store.
pub(crate) struct Tokens {
    store: Arc<dyn EventStore>,
    known: RwLock<HashMap<String, (User, Instant)>>,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Whose it is.
    pub(crate) login: String,
    /// What it is for, in the user's own words.
    pub(crate) purpose: String,
    /// When it was made: microseconds since 1970.
    created_us: i64,
}

impl Token {
    /// When it was made.
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created_us)
    }
}

/// Why a token could not be made, found or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    #[error("there are {MOST} tokens, which is the most: revoke some")]
    TooMany,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] AppendError),
}

/// The hash under which a token is kept. A token has 244 bits of chance, so that a quick hash protects it.
fn hash(token: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, token.as_bytes()).simple().to_string()
}

fn key(hash: &str) -> Result<DocumentKey, ReadError> {
    DocumentKey::new(format!("{PREFIX}{hash}")).map_err(|fault| ReadError::Invalid(fault.to_string()))
}

impl Tokens {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Tokens { store, known: RwLock::default() }
    }

    /// Makes a token for a user; answers its secret, which is kept nowhere.
    pub(crate) async fn create(&self, login: &str, purpose: &str) -> Result<String, TokensError> {
        if self.store.documents(PREFIX, None, MOST).await?.len() >= MOST {
            return Err(TokensError::TooMany);
        }
        let token = Token {
            login: login.to_owned(),
            purpose: purpose.to_owned(),
            created_us: SystemClock.now().as_micros(),
        };
        let secret = secret();
        let content = serde_json::to_vec(&token).map_err(|fault| AppendError::invalid(fault.to_string()))?;
        self.store.save_document(&key(&hash(&secret))?, ExpectedVersion::Absent, content.into()).await?;
        Ok(secret)
    }

    /// The tokens of a user, each with the hash that names it.
    pub(crate) async fn of(&self, login: &str) -> Result<Vec<(String, Token)>, TokensError> {
        let mut tokens = Vec::new();
        for key in self.store.documents(PREFIX, None, MOST).await? {
            if let Some(token) = self.load(&key).await?
                && token.login == login
            {
                tokens.push((key.as_str()[PREFIX.len()..].to_owned(), token));
            }
        }
        tokens.sort_by_key(|(_, token)| token.created_us);
        Ok(tokens)
    }

    /// Revokes a token of a user. One that is not there, or another's, is left alone.
    pub(crate) async fn revoke(&self, login: &str, hash: &str) -> Result<(), TokensError> {
        let key = key(hash)?;
        if self.load(&key).await?.is_some_and(|token| token.login == login) {
            self.store.delete_document(&key).await?;
        }
        self.known.write().remove(hash);
        Ok(())
    }

    /// The user that a token stands for, with the rights that the user has now.
    pub(crate) async fn user(&self, users: &dyn Users, token: &str) -> Result<Option<User>, UsersError> {
        let hash = hash(token);
        if let Some((user, since)) = self.known.read().get(&hash)
            && since.elapsed() < FRESH
        {
            return Ok(Some(user.clone()));
        }
        let unavailable = |error: ReadError| UsersError::Unavailable(error.to_string());
        let Some(token) = self.load(&key(&hash).map_err(unavailable)?).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let user = users.find(&token.login).await?.filter(|user| !user.disabled);
        if let Some(user) = &user {
            let mut known = self.known.write();
            known.retain(|_, (_, since)| since.elapsed() < FRESH);
            known.insert(hash, (user.clone(), Instant::now()));
        }
        Ok(user)
    }

    /// Forgets what is known of a user whose rights have changed.
    pub(crate) fn forget(&self, login: &str) {
        self.known.write().retain(|_, (user, _)| user.login != login);
    }

    async fn load(&self, key: &DocumentKey) -> Result<Option<Token>, ReadError> {
        let document = self.store.load_document(key).await?;
        let parse = |content: &[u8]| {
            serde_json::from_slice(content).map_err(|fault| {
                ReadError::Corrupt(format!("document `{key}` cannot be read: {fault}").into())
            })
        };
        document.map(|document| parse(&document.content)).transpose()
    }
}
