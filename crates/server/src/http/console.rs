//! The console and the API of the application that runs beside the node, for the users of the node.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use engine_web::{
    Web, WebOptions,
    access::{NewUser, User, Users, UsersError},
};

use crate::{
    auth::{self, Account, UserError},
    core::Core,
};

/// What is served of the first application, if there is any.
pub(crate) fn console(core: &Arc<Core>, over_tls: bool) -> Router {
    let Some(bus) = core.apps.first() else { return Router::new() };
    let options = WebOptions { secure_cookies: over_tls, ..WebOptions::default() };
    engine_web::router(Web::new(bus.clone(), Arc::new(Kept(core.users.clone())), None, options))
}

/// The users of the node, as the console sees them.
struct Kept(Arc<auth::Users>);

#[async_trait]
impl Users for Kept {
    async fn verify(&self, login: &str, password: &str) -> Result<Option<User>, UsersError> {
        found(self.0.authenticate(login, password).await.map(|account| (*account).clone()))
    }

    async fn find(&self, login: &str) -> Result<Option<User>, UsersError> {
        found(self.0.get(login).await)
    }

    async fn list(&self) -> Result<Vec<User>, UsersError> {
        Ok(self.0.list().await.map_err(refusal)?.into_iter().map(user).collect())
    }

    async fn create(&self, user: NewUser) -> Result<(), UsersError> {
        let NewUser { login, full_name, groups, password } = user;
        self.0.create(&login, &full_name, groups, password).await.map_err(refusal)
    }

    async fn update(&self, user: User) -> Result<(), UsersError> {
        let User { login, full_name, groups, disabled } = user;
        self.0.replace(&login, &full_name, groups, disabled).await.map_err(refusal)
    }

    async fn set_password(&self, login: &str, password: &str) -> Result<(), UsersError> {
        self.0.reset_password(login, password.to_owned()).await.map_err(refusal)
    }

    async fn delete(&self, login: &str) -> Result<(), UsersError> {
        self.0.delete(login).await.map_err(refusal)
    }
}

fn user(account: Account) -> User {
    let Account { login_name: login, full_name, groups, disabled, .. } = account;
    User { login, full_name, groups, disabled }
}

/// Nobody, where there is nobody of this name and password.
fn found(result: Result<Account, UserError>) -> Result<Option<User>, UsersError> {
    match result {
        Ok(account) => Ok(Some(user(account))),
        Err(UserError::NotFound(_) | UserError::Credentials) => Ok(None),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: UserError) -> UsersError {
    match error {
        UserError::NotFound(login) => UsersError::Unknown(login),
        UserError::Conflict(login) => UsersError::Refused(format!(
            "there is a user `{login}` already, or somebody else has just changed it: look again"
        )),
        UserError::Credentials => UsersError::Refused("the name or the password is wrong".to_owned()),
        UserError::Invalid(fault) => UsersError::Refused(fault),
        error @ (UserError::Hash(_) | UserError::Read(_) | UserError::Write(_)) => {
            UsersError::Unavailable(error.to_string())
        }
    }
}
