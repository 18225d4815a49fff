//! Three users, one of each role, kept in memory.

use std::collections::BTreeMap;

use engine_web::access::{NewUser, User, Users, UsersError};
use parking_lot::Mutex;

/// Users by login, each with the password.
pub(crate) struct Table(Mutex<BTreeMap<String, (User, String)>>);

/// `admin`, `olga` the operator and `rita` the reader, whose passwords are `changeit`.
pub(crate) fn table() -> Table {
    let user = |login: &str, groups: &[&str]| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let user = User { login: login.into(), full_name: login.into(), groups, disabled: false };
        (login.to_owned(), (user, "changeit".to_owned()))
    };
    let users = [user("admin", &["$admins"]), user("olga", &["$ops"]), user("rita", &[])];
    Table(Mutex::new(users.into_iter().collect()))
}

#[async_trait::async_trait]
impl Users for Table {
    async fn verify(&self, login: &str, password: &str) -> Result<Option<User>, UsersError> {
        let users = self.0.lock();
        let known = users.get(login).filter(|(user, known)| known == password && !user.disabled);
        Ok(known.map(|(user, _)| user.clone()))
    }

    async fn find(&self, login: &str) -> Result<Option<User>, UsersError> {
        Ok(self.0.lock().get(login).map(|(user, _)| user.clone()))
    }

    async fn list(&self) -> Result<Vec<User>, UsersError> {
        Ok(self.0.lock().values().map(|(user, _)| user.clone()).collect())
    }

    async fn create(
        &self,
        NewUser { login, full_name, groups, password }: NewUser,
    ) -> Result<(), UsersError> {
        let user = User { login: login.clone(), full_name, groups, disabled: false };
        self.0.lock().insert(login, (user, password));
        Ok(())
    }

    async fn update(&self, user: User) -> Result<(), UsersError> {
        let mut users = self.0.lock();
        let known = users.get_mut(&user.login).ok_or_else(|| UsersError::Unknown(user.login.clone()))?;
        known.0 = user;
        Ok(())
    }

    async fn set_password(&self, login: &str, password: &str) -> Result<(), UsersError> {
        let mut users = self.0.lock();
        let known = users.get_mut(login).ok_or_else(|| UsersError::Unknown(login.to_owned()))?;
        password.clone_into(&mut known.1);
        Ok(())
    }

    async fn delete(&self, login: &str) -> Result<(), UsersError> {
        let gone = self.0.lock().remove(login);
        gone.map(drop).ok_or_else(|| UsersError::Unknown(login.to_owned()))
    }
}
