//! The users of a node, as the console and the API see them. Who keeps them, and how passwords are hashed, is the
//! server's.

use std::fmt;

use async_trait::async_trait;

use super::Role;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub login: String,
    /// The name to show.
    pub full_name: String,
    /// What the role follows from.
    pub groups: Vec<String>,
    /// Whether signing in is refused.
    pub disabled: bool,
}

impl User {
    /// What the user may do.
    pub fn role(&self) -> Role {
        Role::of_groups(&self.groups)
    }
}

/// A user who is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name to sign in with.
    pub login: String,
    /// The name to show.
    pub full_name: String,
    /// What the role follows from.
    pub groups: Vec<String>,
    /// The first password.
    pub password: String,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewUser").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Why users could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// There is no such user.
    #[error("there is no user `{0}`")]
    Unknown(String),
    /// That cannot be done. The message says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The users cannot be read or written now: try again later.
    #[error("the users cannot be reached: {0}")]
    Unavailable(String),
}

/// Keeps users.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// The user whose password this is; absent where there is none, the password is another, or the user is disabled.
    ///
    /// # Errors
    /// [`UsersError::Unavailable`].
    async fn verify(&self, login: &str, password: &str) -> Result<Option<User>, UsersError>;

    /// A user; absent where there is none of this name.
    ///
    /// # Errors
    /// [`UsersError::Unavailable`].
    async fn find(&self, login: &str) -> Result<Option<User>, UsersError>;

    /// All users, by login.
    ///
    /// # Errors
    /// [`UsersError::Unavailable`].
    async fn list(&self) -> Result<Vec<User>, UsersError>;

    /// Adds a user.
    ///
    /// # Errors
    /// A name that is taken or cannot be one, and [`UsersError::Unavailable`].
    async fn create(&self, user: NewUser) -> Result<(), UsersError>;

    /// Replaces all of a user but the password.
    ///
    /// # Errors
    /// An unknown name, and [`UsersError::Unavailable`].
    async fn update(&self, user: User) -> Result<(), UsersError>;

    /// Gives a user another password.
    ///
    /// # Errors
    /// An unknown name, and [`UsersError::Unavailable`].
    async fn set_password(&self, login: &str, password: &str) -> Result<(), UsersError>;

    /// Removes a user.
    ///
    /// # Errors
    /// An unknown name, and [`UsersError::Unavailable`].
    async fn delete(&self, login: &str) -> Result<(), UsersError>;
}
