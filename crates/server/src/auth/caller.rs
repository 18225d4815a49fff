//! Who calls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ADMINS, EVERYBODY, OPERATORS};

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Somebody who has not said who he is, where he must.
    Anonymous,
    /// Somebody who has not said who he is, where nobody must: he may do everything.
    Trusted,
    /// A user, whose password was right.
    User(Arc<Account>),
}

/// A user, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) login_name: String,
    pub(crate) full_name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) disabled: bool,
    /// When it was changed, in microseconds since 1970.
    pub(crate) updated_micros: i64,
}

impl Account {
    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }
}

impl Caller {
    /// Whether he has said who he is, or need not.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Caller::Anonymous)
    }

    /// Whether he may do everything.
    pub(crate) fn is_admin(&self) -> bool {
        match self {
            Caller::Anonymous => false,
            Caller::Trusted => true,
            Caller::User(account) => account.is_in(ADMINS),
        }
    }

    /// Whether he may run the node.
    pub(crate) fn is_operator(&self) -> bool {
        self.is_admin() || matches!(self, Caller::User(account) if account.is_in(OPERATORS))
    }

    /// The user's name, where there is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Caller::User(account) => Some(&account.login_name),
            Caller::Anonymous | Caller::Trusted => None,
        }
    }

    /// Whether he is meant by one of these names of users and groups.
    pub(crate) fn is_among<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> bool {
        match self {
            Caller::Anonymous => false,
            Caller::Trusted => true,
            Caller::User(account) => {
                account.is_in(ADMINS)
                    || roles
                        .into_iter()
                        .any(|role| role == EVERYBODY || role == account.login_name || account.is_in(role))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(groups: &[&str]) -> Caller {
        Caller::User(Arc::new(Account {
            login_name: "zoe".to_owned(),
            full_name: "Zoë".to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            disabled: false,
            updated_micros: 0,
        }))
    }

    #[test]
    fn a_user_is_meant_by_name_by_group_and_as_everybody() {
        for role in ["zoe", "sales", EVERYBODY] {
            assert!(user(&["sales"]).is_among([role]), "{role}");
        }
        assert!(!user(&["sales"]).is_among(["ops", "Zoe"]));
        assert!(user(&[ADMINS]).is_among([]), "administrators need not be named");
        assert!(!Caller::Anonymous.is_among([EVERYBODY]));
        assert!(Caller::Trusted.is_among([]));
    }

    #[test]
    fn administrators_run_the_node_too() {
        assert!(user(&[ADMINS]).is_operator() && user(&[OPERATORS]).is_operator());
        assert!(!user(&[OPERATORS]).is_admin() && !user(&[]).is_operator());
    }
}
