//! Who asks, and what they may do.

mod attempts;
mod caller;
mod guard;
mod role;
mod sessions;
mod tokens;
mod users;
mod verified;

pub use role::Role;
pub use users::{NewUser, User, Users, UsersError};

pub(crate) use caller::{Caller, Operator, Via};
pub(crate) use guard::{Guard, Refused, address, guard_writes, identify, is_from_elsewhere};
pub(crate) use sessions::{cookie, set_cookie};
pub(crate) use tokens::{Token, TokensError};
