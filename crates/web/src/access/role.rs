//! Roles: what somebody may do.

use std::fmt;

/// What somebody may do; each role may do what those before it may.
///
/// Roles follow from the groups of a user as those of `KurrentDB` do: `$admins` are admins, `$ops` are operators, and
/// everybody else is a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at what there is, but not into the data.
    Reader,
    /// Also sees the data, sends commands, and looks after handlers.
    Operator,
    /// Also looks after the store and the users.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Role; 3] = [Role::Reader, Role::Operator, Role::Admin];

    /// The role that follows from these groups.
    pub fn of_groups<S: AsRef<str>>(groups: &[S]) -> Role {
        let is_in = |name: &str| groups.iter().any(|group| group.as_ref() == name);
        if is_in("$admins") {
            Role::Admin
        } else if is_in("$ops") {
            Role::Operator
        } else {
            Role::Reader
        }
    }

    /// The group that a user of this role is in.
    pub fn group(self) -> Option<&'static str> {
        match self {
            Role::Reader => None,
            Role::Operator => Some("$ops"),
            Role::Admin => Some("$admins"),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
