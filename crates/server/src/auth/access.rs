//! What a caller may do with a stream: by the stream's access list, by the node's, or by rule.
//!
//! By rule, streams of users are everybody's, and streams of the system are the administrators'; those who run the
//! node may read them, and `$all`. Access lists replace the rule: `$acl` in the metadata of a stream, and
//! `$userStreamAcl` and `$systemStreamAcl` in the newest event of the stream `$settings`.

use engine_store::{EventStore, ReadError, ReadStream, StreamMetadata};
use engine_types::StreamName;
use serde_json::Value;
use tonic::Status;

use super::{ADMINS, Caller, EVERYBODY, OPERATORS};
use crate::grpc::status;

/// What can be done with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Write,
    Delete,
}

impl Action {
    /// The key in an access list; that of the metadata where the action concerns it.
    fn key(self, of_metadata: bool) -> &'static str {
        match (self, of_metadata) {
            (Action::Read, false) => "$r",
            (Action::Write, false) => "$w",
            (Action::Delete, false) => "$d",
            (Action::Read, true) => "$mr",
            (Action::Write | Action::Delete, true) => "$mw",
        }
    }
}

/// Refuses a caller who may not do this with the stream.
///
/// # Errors
/// `access-denied`, and the failures of the store.
pub(crate) async fn check(
    store: &dyn EventStore,
    caller: &Caller,
    stream: &StreamName,
    action: Action,
) -> Result<(), Status> {
    if caller.is_admin() {
        return Ok(());
    }
    let described = stream.as_str().strip_prefix("$$");
    check_name(store, caller, described.unwrap_or(stream.as_str()), described.is_some(), action).await
}

/// Refuses a caller who may not read all streams together.
///
/// # Errors
/// As [`check`].
pub(crate) async fn check_all(store: &dyn EventStore, caller: &Caller) -> Result<(), Status> {
    if caller.is_admin() { Ok(()) } else { check_name(store, caller, "$all", false, Action::Read).await }
}

async fn check_name(
    store: &dyn EventStore,
    caller: &Caller,
    name: &str,
    of_metadata: bool,
    action: Action,
) -> Result<(), Status> {
    if !caller.is_known() {
        return Err(status::access_denied());
    }
    let key = action.key(of_metadata);
    let own = newest(store, &format!("$${name}")).await?;
    let own = own.and_then(|data| StreamMetadata::from_json(&data).acl);
    let roles = match own.as_ref().and_then(|acl| roles(acl, key)) {
        Some(roles) => roles,
        None => default_roles(store, name, key, action).await?,
    };
    if caller.is_among(roles.iter().map(String::as_str)) { Ok(()) } else { Err(status::access_denied()) }
}

async fn default_roles(
    store: &dyn EventStore,
    name: &str,
    key: &str,
    action: Action,
) -> Result<Vec<String>, Status> {
    let of_system = name.starts_with('$');
    let settings = newest(store, "$settings").await?;
    let settings: Option<Value> = settings.and_then(|data| serde_json::from_slice(&data).ok());
    let list = if of_system { "$systemStreamAcl" } else { "$userStreamAcl" };
    let set = settings.as_ref().and_then(|settings| roles(settings.get(list)?, key));
    Ok(set.unwrap_or_else(|| rule(of_system, action)))
}

fn rule(of_system: bool, action: Action) -> Vec<String> {
    let roles: &[&str] = match (of_system, action) {
        (false, _) => &[EVERYBODY],
        (true, Action::Read) => &[ADMINS, OPERATORS],
        (true, _) => &[ADMINS],
    };
    roles.iter().map(|role| (*role).to_owned()).collect()
}

/// The names in one entry of an access list: one text, or several. Absent where the entry is.
fn roles(list: &Value, key: &str) -> Option<Vec<String>> {
    match list.get(key)? {
        Value::String(role) => Some(vec![role.clone()]),
        Value::Array(roles) => Some(roles.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// The data of the newest event of a stream.
async fn newest(store: &dyn EventStore, name: &str) -> Result<Option<bytes::Bytes>, Status> {
    // A name that cannot be one has no events.
    let Ok(stream) = StreamName::new(name) else { return Ok(None) };
    match store.read_stream(ReadStream::backwards(stream).limit(1)).await {
        Ok(page) => Ok(page.events.into_iter().next().map(|event| event.data)),
        Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => Ok(None),
        Err(error) => Err(status::of_read(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine_store::{AppendRequest, NewEvent, memory::MemoryStore};
    use engine_types::ExpectedRevision;
    use serde_json::json;

    use super::*;
    use crate::auth::Account;

    fn user(login: &str, groups: &[&str]) -> Caller {
        Caller::User(Arc::new(Account {
            login_name: login.to_owned(),
            full_name: String::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            disabled: false,
            updated_micros: 0,
        }))
    }

    async fn put(store: &MemoryStore, stream: &str, event_type: &str, data: Value) {
        let event = NewEvent::json(uuid::Uuid::new_v4(), event_type, &data).unwrap();
        let stream = StreamName::new(stream).unwrap();
        store.append(AppendRequest::to(stream, ExpectedRevision::Any, vec![event])).await.unwrap();
    }

    async fn may(store: &MemoryStore, caller: &Caller, stream: &str, action: Action) -> bool {
        check(store, caller, &StreamName::new(stream).unwrap(), action).await.is_ok()
    }

    #[tokio::test]
    async fn by_rule_users_have_their_streams_and_operators_look_at_those_of_the_system() {
        let store = MemoryStore::new();
        let (zoe, operator) = (user("zoe", &[]), user("ops", &[OPERATORS]));
        for action in [Action::Read, Action::Write, Action::Delete] {
            assert!(may(&store, &zoe, "account-1", action).await);
            assert!(!may(&store, &zoe, "$users", action).await);
            assert_eq!(may(&store, &operator, "$users", action).await, action == Action::Read);
            assert!(may(&store, &user("root", &[ADMINS]), "$users", action).await);
            assert!(!may(&store, &Caller::Anonymous, "account-1", action).await);
        }
        assert!(may(&store, &zoe, "$$account-1", Action::Write).await, "metadata goes with its stream");
        assert!(check_all(&store, &operator).await.is_ok());
        assert!(check_all(&store, &zoe).await.is_err());
    }

    #[tokio::test]
    async fn the_access_list_of_a_stream_replaces_the_rule_entry_by_entry() {
        let store = MemoryStore::new();
        let list = json!({ "$acl": { "$r": ["zoe", "sales"], "$mw": "$admins" } });
        put(&store, "$$account-1", "$metadata", list).await;
        assert!(may(&store, &user("zoe", &[]), "account-1", Action::Read).await);
        assert!(may(&store, &user("max", &["sales"]), "account-1", Action::Read).await);
        assert!(!may(&store, &user("max", &[]), "account-1", Action::Read).await);
        assert!(may(&store, &user("max", &[]), "account-1", Action::Write).await, "not in the list");
        assert!(!may(&store, &user("zoe", &[]), "$$account-1", Action::Write).await);
        assert!(may(&store, &user("zoe", &[]), "$$account-1", Action::Read).await);
    }

    #[tokio::test]
    async fn the_settings_replace_the_rule_and_all_can_be_opened() {
        let store = MemoryStore::new();
        let settings = json!({ "$userStreamAcl": { "$w": "sales" }, "$systemStreamAcl": { "$r": "$all" } });
        put(&store, "$settings", "$settings", settings).await;
        let max = user("max", &[]);
        assert!(!may(&store, &max, "account-1", Action::Write).await);
        assert!(may(&store, &max, "account-1", Action::Read).await);
        assert!(may(&store, &max, "$users", Action::Read).await);
        put(&store, "$$$all", "$metadata", json!({ "$acl": { "$r": ["max"] } })).await;
        assert!(check_all(&store, &max).await.is_ok());
        assert!(check_all(&store, &user("zoe", &[])).await.is_err());
    }
}
