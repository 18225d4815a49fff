//! Metadata: what an event carries beside its data, and how it is written.

mod read;
mod written;

use std::{fmt, hash::Hasher};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use siphasher::sip128::{Hasher128, SipHasher24};
use uuid::Uuid;

pub use written::EventMetadata;

/// The key under which the correlation id is stored, as the `$bc-` projection of KurrentDB expects it.
pub const CORRELATION_ID: &str = "$correlationId";
/// The key under which the causation id is stored: for an event, the id of its command.
pub const CAUSATION_ID: &str = "$causationId";
/// The key under which the name of the event's command is stored.
pub const COMMAND: &str = "$command";
/// The key under which the cause of the *command* is stored, where it has one: usually an event's id.
pub const COMMAND_CAUSATION_ID: &str = "$commandCausationId";
/// The key under which the process-manager instance is stored that sent the event's command, where one did: the
/// name of its stream.
pub const PROCESS: &str = "$process";
/// The key under which the version of the event's form is stored; absent means 1.
pub const SCHEMA_VERSION: &str = "$schemaVersion";

/// The identity of one wish. Sending the same id again gives the first answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl CommandId {
    /// The id of the `index`-th event that answers this command in `stream`.
    ///
    /// Derived, so that a retry writes the same ids and the store recognises it: a UUID of version 8 (RFC 9562
    /// section 5.8) whose bits, but for version and variant, are SipHash-2-4 of 128 bits. The key is the
    /// command's id; the message is the index as 8 bytes, the most significant first, and then the stream's
    /// name in UTF-8. For whoever does not choose command ids in order to collide, two ids are as unlikely to be
    /// the same as two random ones. SHA-1, which version 5 would need, takes several times as long.
    pub fn event_id(self, stream: &str, index: usize) -> Uuid {
        let mut hasher = SipHasher24::new_with_key(self.0.as_bytes());
        hasher.write(&(index as u64).to_be_bytes());
        hasher.write(stream.as_bytes());
        uuid::Builder::from_custom_bytes(hasher.finish128().as_bytes()).into_uuid()
    }
}

impl CommandId {
    /// The id of the `index`-th command that a process-manager instance, named by its stream, sends because of
    /// `cause`: an event that it has heard, or a command of its own that was refused.
    ///
    /// Derived as [`CommandId::event_id`] is, so that a command that is sent again is known again.
    pub fn derived(process: &str, cause: Uuid, index: usize) -> Self {
        CommandId(CommandId(cause).event_id(process, index))
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                $name(id.to_string())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                $name(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                $name(id.to_owned())
            }
        }
    };
}

text_id! {
    /// What all commands and events that go back to one first command have in common. Any text: other
    /// systems bring their own.
    CorrelationId
}

text_id! {
    /// What an event or a command was directly caused by: a command's id, or an event's.
    CausationId
}

/// What is known about an event beside its data.
///
/// In JSON, one object: the user's own entries, and the engine's under keys that begin with `$`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// What the whole chain of causes is called.
    #[serde(rename = "$correlationId", skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The direct cause: for an event, the id of its command.
    #[serde(rename = "$causationId", skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// The name of the event's command.
    #[serde(rename = "$command", skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The cause of the event's command, where it has one.
    #[serde(rename = "$commandCausationId", skip_serializing_if = "Option::is_none")]
    pub command_causation_id: Option<CausationId>,
    /// The process-manager instance that sent the event's command, where one did: the name of its stream.
    #[serde(rename = "$process", skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The version of the event's form; absent means 1.
    #[serde(rename = "$schemaVersion", skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u32>,
    /// The user's own entries.
    #[serde(flatten)]
    pub user: Map<String, Value>,
}

impl Metadata {
    /// Checks entries that a user wants to add: keys that begin with `$` are the engine's.
    ///
    /// # Errors
    /// The first key that is not the user's to set.
    pub fn check_user_entries(entries: &Map<String, Value>) -> Result<(), ReservedKey> {
        match entries.keys().find(|key| key.starts_with('$')) {
            Some(key) => Err(ReservedKey { key: key.clone() }),
            None => Ok(()),
        }
    }

    /// The command that the event answers, when the causation id is one of the engine's.
    pub fn command_id(&self) -> Option<CommandId> {
        self.causation_id.as_ref().and_then(|id| Uuid::try_parse(&id.0).ok()).map(CommandId)
    }
}

/// A metadata key that only the engine may set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metadata key `{key}` begins with `$`, which is kept for the engine: choose another name")]
pub struct ReservedKey {
    /// The key.
    pub key: String,
}
