//! The users of a node: kept in the store, hashed passwords and all.

use std::sync::Arc;

use engine_store::{
    AppendError, AppendRequest, Clock, DocumentKey, EventStore, ExpectedVersion, NewEvent, ReadError,
    SystemClock,
};
use engine_types::{ExpectedRevision, StreamName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    ADMIN, ADMINS, DEFAULT_PASSWORD, OPERATOR, OPERATORS,
    caller::Account,
    password::{self, HashError},
    verified::Verified,
};

/// The longest login name, in bytes.
const MAX_LOGIN_BYTES: usize = 128;

/// How many users are listed with one look.
const PAGE: usize = 256;

const PREFIX: &str = "user/";

/// A user as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    account: Account,
    hash: String,
}

/// The users of a store.
#[derive(Debug)]
pub(crate) struct Users {
    store: Arc<dyn EventStore>,
    verified: Verified,
}

/// Why something with a user did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// There is none of this name.
    #[error("user `{0}` is not found")]
    NotFound(String),
    /// There is one of this name, or somebody else changed it at the same time.
    #[error("Conflict.")]
    Conflict(String),
    /// The name and the password do not belong together, or the user is disabled.
    #[error("the name or the password is wrong")]
    Credentials,
    /// Something about the user cannot be as it is.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] AppendError),
}

impl Users {
    /// The users of a store. Where there are none, those are created that are there from the beginning.
    pub(crate) async fn open(store: Arc<dyn EventStore>) -> Result<Self, UserError> {
        let users = Users { store, verified: Verified::new() };
        if users.store.documents(PREFIX, None, 1).await?.is_empty() {
            for (login, full_name, group) in
                [(ADMIN, "KurrentDB Administrator", ADMINS), (OPERATOR, "KurrentDB Operations", OPERATORS)]
            {
                let created =
                    users.create(login, full_name, vec![group.to_owned()], DEFAULT_PASSWORD.to_owned()).await;
                match created {
                    // Another node was faster.
                    Ok(()) | Err(UserError::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(users)
    }

    /// Whether one of the first users still has the password that everybody knows.
    pub(crate) async fn has_default_password(&self) -> Result<bool, UserError> {
        for login in [ADMIN, OPERATOR] {
            match self.authenticate(login, DEFAULT_PASSWORD).await {
                Ok(_) => return Ok(true),
                Err(UserError::Credentials) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// The user whose name and password these are.
    pub(crate) async fn authenticate(&self, login: &str, password: &str) -> Result<Arc<Account>, UserError> {
        let known = self.verified.find(login, password);
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh()) {
            return Ok(known.account.clone());
        }
        let loaded = self.load(login).await?;
        let unchanged = match (&known, &loaded) {
            (Some(known), Some((stored, version))) => {
                known.version == *version && *known.account == stored.account
            }
            _ => false,
        };
        if !unchanged {
            let hash = loaded.as_ref().map(|(stored, _)| stored.hash.clone());
            if !password::verify(password.to_owned(), hash).await? {
                return Err(UserError::Credentials);
            }
        }
        let Some((stored, version)) = loaded.filter(|(stored, _)| !stored.account.disabled) else {
            return Err(UserError::Credentials);
        };
        let account = Arc::new(stored.account);
        self.verified.remember(login, password, account.clone(), version);
        Ok(account)
    }

    /// One user.
    pub(crate) async fn get(&self, login: &str) -> Result<Account, UserError> {
        Ok(self.existing(login).await?.0.account)
    }

    /// All users, by name.
    pub(crate) async fn list(&self) -> Result<Vec<Account>, UserError> {
        let (mut accounts, mut after) = (Vec::new(), None);
        loop {
            let keys = self.store.documents(PREFIX, after.as_ref(), PAGE).await?;
            for key in &keys {
                let login = key.as_str().trim_start_matches(PREFIX);
                accounts.extend(self.load(login).await?.map(|(stored, _)| stored.account));
            }
            match keys.into_iter().last() {
                Some(last) => after = Some(last),
                None => return Ok(accounts),
            }
        }
    }

    /// Adds a user. The same user once more, with the same password, is no error.
    pub(crate) async fn create(
        &self,
        login: &str,
        full_name: &str,
        groups: Vec<String>,
        password: String,
    ) -> Result<(), UserError> {
        check(login, &password)?;
        let account = Account {
            login_name: login.to_owned(),
            full_name: full_name.to_owned(),
            groups,
            disabled: false,
            updated_micros: now(),
        };
        if let Some((there, _)) = self.load(login).await? {
            let same = there.account.groups == account.groups
                && there.account.full_name == account.full_name
                && password::verify(password, Some(there.hash)).await?;
            return if same { Ok(()) } else { Err(UserError::Conflict(login.to_owned())) };
        }
        let stored = Stored { hash: password::hash(password).await?, account };
        self.save(&stored, ExpectedVersion::Absent).await?;
        self.tell("$users", "$User", login).await?;
        self.tell_of(&stored.account, "$UserCreated").await
    }

    /// Changes the name and the groups of a user.
    pub(crate) async fn update(
        &self,
        login: &str,
        full_name: &str,
        groups: Vec<String>,
    ) -> Result<(), UserError> {
        let change = |stored: &mut Stored| {
            full_name.clone_into(&mut stored.account.full_name);
            stored.account.groups.clone_from(&groups);
        };
        self.change(login, "$UserUpdated", change).await
    }

    /// Lets a user sign in, or no longer.
    pub(crate) async fn set_disabled(&self, login: &str, disabled: bool) -> Result<(), UserError> {
        self.change(login, "$UserUpdated", |stored| stored.account.disabled = disabled).await
    }

    /// Changes a password for somebody who knows the one before.
    pub(crate) async fn change_password(
        &self,
        login: &str,
        current: &str,
        new: String,
    ) -> Result<(), UserError> {
        self.existing(login).await?;
        self.authenticate(login, current).await?;
        self.reset_password(login, new).await
    }

    /// Changes a password.
    pub(crate) async fn reset_password(&self, login: &str, new: String) -> Result<(), UserError> {
        check(login, &new)?;
        let hash = password::hash(new).await?;
        self.change(login, "$PasswordChanged", |stored| stored.hash.clone_from(&hash)).await
    }

    /// Removes a user.
    pub(crate) async fn delete(&self, login: &str) -> Result<(), UserError> {
        let (stored, _) = self.existing(login).await?;
        self.store.delete_document(&key(login)?).await?;
        self.verified.forget(login);
        self.tell_of(&stored.account, "$UserDeleted").await
    }

    async fn change(
        &self,
        login: &str,
        event_type: &str,
        change: impl FnOnce(&mut Stored),
    ) -> Result<(), UserError> {
        let (mut stored, version) = self.existing(login).await?;
        change(&mut stored);
        stored.account.updated_micros = now();
        self.save(&stored, ExpectedVersion::Exact(version)).await?;
        self.verified.forget(login);
        self.tell_of(&stored.account, event_type).await
    }

    async fn existing(&self, login: &str) -> Result<(Stored, u64), UserError> {
        self.load(login).await?.ok_or_else(|| UserError::NotFound(login.to_owned()))
    }

    async fn load(&self, login: &str) -> Result<Option<(Stored, u64)>, UserError> {
        let Ok(key) = key(login) else { return Ok(None) };
        let Some(document) = self.store.load_document(&key).await? else { return Ok(None) };
        let stored = serde_json::from_slice(&document.content)
            .map_err(|fault| ReadError::Corrupt(format!("the document `{key}`: {fault}").into()))?;
        Ok(Some((stored, document.version)))
    }

    async fn save(&self, stored: &Stored, expected: ExpectedVersion) -> Result<(), UserError> {
        let login = &stored.account.login_name;
        let content = serde_json::to_vec(stored).map_err(|fault| UserError::Invalid(fault.to_string()))?;
        match self.store.save_document(&key(login)?, expected, content.into()).await {
            Ok(_) => Ok(()),
            Err(AppendError::DocumentConflict { .. }) => Err(UserError::Conflict(login.clone())),
            Err(error) => Err(error.into()),
        }
    }

    async fn tell_of(&self, account: &Account, event_type: &str) -> Result<(), UserError> {
        self.tell(&format!("$user-{}", account.login_name), event_type, account).await
    }

    async fn tell(&self, stream: &str, event_type: &str, data: impl Serialize) -> Result<(), UserError> {
        let invalid = |fault: String| UserError::Invalid(fault);
        let stream = StreamName::new(stream).map_err(|fault| invalid(fault.to_string()))?;
        let event =
            NewEvent::json(Uuid::new_v4(), event_type, &data).map_err(|fault| invalid(fault.to_string()))?;
        self.store.append(AppendRequest::to(stream, ExpectedRevision::Any, vec![event])).await?;
        Ok(())
    }
}

fn now() -> i64 {
    SystemClock.now().as_micros()
}

fn key(login: &str) -> Result<DocumentKey, UserError> {
    DocumentKey::new(format!("{PREFIX}{login}")).map_err(|fault| UserError::Invalid(fault.to_string()))
}

/// A colon ends the name where name and password are sent together.
fn check(login: &str, password: &str) -> Result<(), UserError> {
    let fault = if login.is_empty() || login.len() > MAX_LOGIN_BYTES {
        format!("a login name has 1 to {MAX_LOGIN_BYTES} bytes")
    } else if login.chars().any(|character| character.is_control() || character == ':') {
        "a login name has neither control characters nor `:`".to_owned()
    } else if password.is_empty() {
        "a password must not be empty".to_owned()
    } else {
        return Ok(());
    };
    Err(UserError::Invalid(fault))
}

#[cfg(test)]
mod tests {
    use engine_store::memory::MemoryStore;

    use super::*;

    async fn users() -> Users {
        Users::open(Arc::new(MemoryStore::new())).await.unwrap()
    }

    async fn signs_in(users: &Users, login: &str, password: &str) -> bool {
        match users.authenticate(login, password).await {
            Ok(account) => account.login_name == login,
            Err(UserError::Credentials) => false,
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn two_users_are_there_from_the_beginning_with_a_password_that_can_be_changed() {
        let users = users().await;
        assert!(users.has_default_password().await.unwrap());
        assert!(signs_in(&users, ADMIN, DEFAULT_PASSWORD).await);
        for login in [ADMIN, OPERATOR] {
            users.change_password(login, DEFAULT_PASSWORD, "another".to_owned()).await.unwrap();
        }
        assert!(!signs_in(&users, ADMIN, DEFAULT_PASSWORD).await, "nothing is remembered of the old");
        assert!(signs_in(&users, ADMIN, "another").await);
        assert!(!users.has_default_password().await.unwrap());
        let again = Users::open(users.store.clone()).await.unwrap();
        assert!(!signs_in(&again, ADMIN, DEFAULT_PASSWORD).await, "they are not created twice");
    }

    #[tokio::test]
    async fn a_user_who_is_disabled_or_gone_does_not_sign_in() {
        let users = users().await;
        users.create("zoe", "Zoë", Vec::new(), "secret".to_owned()).await.unwrap();
        assert!(signs_in(&users, "zoe", "secret").await);
        users.set_disabled("zoe", true).await.unwrap();
        assert!(!signs_in(&users, "zoe", "secret").await);
        users.set_disabled("zoe", false).await.unwrap();
        assert!(signs_in(&users, "zoe", "secret").await);
        users.delete("zoe").await.unwrap();
        assert!(!signs_in(&users, "zoe", "secret").await);
        assert!(matches!(users.delete("zoe").await, Err(UserError::NotFound(_))));
    }

    #[tokio::test]
    async fn creating_again_is_fine_with_the_same_password_and_a_conflict_with_another() {
        let users = users().await;
        let create = |password: &str| users.create("zoe", "Zoë", Vec::new(), password.to_owned());
        create("secret").await.unwrap();
        create("secret").await.unwrap();
        assert!(matches!(create("other").await, Err(UserError::Conflict(_))));
        let names: Vec<_> = users.list().await.unwrap().into_iter().map(|user| user.login_name).collect();
        assert_eq!(names, [ADMIN, OPERATOR, "zoe"]);
    }

    #[tokio::test]
    async fn names_that_could_not_be_sent_are_refused() {
        let users = users().await;
        for (login, password) in [("", "x"), ("a:b", "x"), ("a\n", "x"), ("a", "")] {
            let refused = users.create(login, "", Vec::new(), password.to_owned()).await;
            assert!(matches!(refused, Err(UserError::Invalid(_))), "{login:?}");
        }
    }

    #[tokio::test]
    async fn the_streams_tell_of_users_and_never_of_hashes() {
        let users = users().await;
        let page = users.store.read_all(engine_store::ReadAll::forwards()).await.unwrap();
        assert_eq!(page.events.len(), 4);
        for event in page.events {
            assert!(!String::from_utf8_lossy(&event.data).contains("argon2"), "{}", event.stream);
        }
    }
}
