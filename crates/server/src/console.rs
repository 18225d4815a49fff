//! The console and the API, on the node's port, for the node's users.

mod groups;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use engine_runtime::{App, StartError};
use engine_web::{
    Backing, Figures, Web, WebOptions,
    access::{self, NewUser, User, UsersError},
};

use crate::{
    auth::{Account, UserError},
    core::Core,
};

/// All pages, over the first application that runs here, or else over the bare store.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn router(
    core: &Arc<Core>,
    options: WebOptions,
    figures: Option<Arc<Figures>>,
) -> Result<Router, StartError> {
    let bus = match core.apps.first() {
        Some(bus) => bus.clone(),
        None => App::new("no application").start(core.store.clone()).await?,
    };
    let users = Arc::new(NodeUsers(core.clone()));
    let groups = Arc::new(groups::NodeGroups(core.clone()));
    let web = Web::new(bus, Backing { users, groups: Some(groups), figures }, options);
    Ok(engine_web::router(web))
}

/// The users of the node, as the console sees them.
struct NodeUsers(Arc<Core>);

fn user(account: &Account) -> User {
    User {
        login: account.login_name.clone(),
        full_name: account.full_name.clone(),
        groups: account.groups.clone(),
        disabled: account.disabled,
    }
}

impl From<UserError> for UsersError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound(login) => UsersError::Unknown(login),
            UserError::Conflict(login) => UsersError::Refused(format!(
                "there is a user `{login}` already, or somebody else changed it just now: look, then try again"
            )),
            UserError::Credentials | UserError::Invalid(_) => UsersError::Refused(error.to_string()),
            other => UsersError::Unavailable(other.to_string()),
        }
    }
}

#[async_trait]
impl access::Users for NodeUsers {
    async fn verify(&self, login: &str, password: &str) -> Result<Option<User>, UsersError> {
        match self.0.users.authenticate(login, password).await {
            Ok(account) => Ok(Some(user(&account))),
            Err(UserError::Credentials) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self, login: &str) -> Result<Option<User>, UsersError> {
        match self.0.users.get(login).await {
            Ok(account) => Ok(Some(user(&account))),
            Err(UserError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self) -> Result<Vec<User>, UsersError> {
        Ok(self.0.users.list().await?.iter().map(user).collect())
    }

    async fn create(&self, new: NewUser) -> Result<(), UsersError> {
        Ok(self.0.users.create(&new.login, &new.full_name, new.groups, new.password).await?)
    }

    async fn update(&self, user: User) -> Result<(), UsersError> {
        let User { login, full_name, groups, disabled } = user;
        Ok(self.0.users.replace(&login, &full_name, groups, disabled).await?)
    }

    async fn set_password(&self, login: &str, password: &str) -> Result<(), UsersError> {
        Ok(self.0.users.reset_password(login, password.to_owned()).await?)
    }

    async fn delete(&self, login: &str) -> Result<(), UsersError> {
        Ok(self.0.users.delete(login).await?)
    }
}
