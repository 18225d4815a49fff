//! Who calls, and what he may do.
//!
//! Users and the hashes of their passwords are documents of the store, which nobody can read over the wire. The
//! streams `$users` and `$user-NAME` tell that users were created and changed, without the hashes.

pub(crate) mod access;
pub(crate) mod caller;
pub(crate) mod credentials;
mod password;
pub(crate) mod users;
mod verified;

pub(crate) use access::{Action, check, check_all};
pub(crate) use caller::{Account, Caller};
pub(crate) use users::{UserError, Users};

/// Those who may do everything.
pub(crate) const ADMINS: &str = "$admins";

/// Those who run the node.
pub(crate) const OPERATORS: &str = "$ops";

/// Everybody, in the access lists of streams.
pub(crate) const EVERYBODY: &str = "$all";

/// The user that is there from the beginning and may do everything.
pub(crate) const ADMIN: &str = "admin";

/// The user that is there from the beginning and runs the node.
pub(crate) const OPERATOR: &str = "ops";

/// The password of both, until it is changed.
pub(crate) const DEFAULT_PASSWORD: &str = "changeit";
