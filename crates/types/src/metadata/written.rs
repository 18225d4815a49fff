//! The metadata of an event that is about to be written: the JSON of [`Metadata`](super::Metadata), without the
//! way through an owned value and serde's flattened map, which cost more than the rest of a small command.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    CAUSATION_ID, COMMAND, COMMAND_CAUSATION_ID, CORRELATION_ID, CausationId, CommandId, CorrelationId,
    PROCESS, SCHEMA_VERSION,
};

/// What the engine writes beside an event that answers a command.
#[derive(Debug, Clone, Copy)]
pub struct EventMetadata<'a> {
    /// What the whole chain of causes is called.
    pub correlation_id: &'a CorrelationId,
    /// The command that the event answers: its causation id.
    pub command_id: CommandId,
    /// The name of the command.
    pub command: &'a str,
    /// The cause of the command, where it has one.
    pub command_causation_id: Option<&'a CausationId>,
    /// The process-manager instance that sent the command, where one did: the name of its stream.
    pub process: Option<&'a str>,
    /// The version of the event's form.
    pub schema_version: u32,
    /// The user's own entries.
    pub user: &'a Map<String, Value>,
}

impl EventMetadata<'_> {
    /// The bytes that [`Metadata`](super::Metadata) with the same content has as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        const KEYS: usize = CORRELATION_ID.len() + CAUSATION_ID.len() + COMMAND.len();
        const COMMON: usize = r#"{"":"","":"","":""}"#.len() + KEYS + 36;
        // Filled to the last byte in the common form: two ids and a name, and text that needs no escapes.
        let mut json = Vec::with_capacity(COMMON + self.correlation_id.0.len() + self.command.len());
        json.push(b'{');
        put_key(&mut json, CORRELATION_ID);
        put_text(&mut json, &self.correlation_id.0);
        put_key(&mut json, CAUSATION_ID);
        put_plain(&mut json, self.command_id.0.hyphenated().encode_lower(&mut [0; 36]));
        put_key(&mut json, COMMAND);
        put_text(&mut json, self.command);
        if let Some(id) = self.command_causation_id {
            put_key(&mut json, COMMAND_CAUSATION_ID);
            put_text(&mut json, &id.0);
        }
        if let Some(process) = self.process {
            put_key(&mut json, PROCESS);
            put_text(&mut json, process);
        }
        if self.schema_version > 1 {
            put_key(&mut json, SCHEMA_VERSION);
            put(&mut json, &self.schema_version);
        }
        for (key, value) in self.user {
            put_comma(&mut json);
            put_text(&mut json, key);
            json.push(b':');
            put(&mut json, value);
        }
        json.push(b'}');
        json
    }
}

/// Adds a key of the engine, none of which needs escapes.
fn put_key(json: &mut Vec<u8>, key: &str) {
    put_comma(json);
    put_plain(json, key);
    json.push(b':');
}

fn put_comma(json: &mut Vec<u8>) {
    if json.len() > 1 {
        json.push(b',');
    }
}

fn put_text(json: &mut Vec<u8>, text: &str) {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Looks at all bytes without stopping at one, which the compiler can do for many of them at a time.
    if text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        put(json, text);
    } else {
        put_plain(json, text);
    }
}

/// Adds text in which JSON has nothing to escape.
fn put_plain(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

fn put(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(json, value)
        .expect("text, numbers and JSON values are JSON, and memory takes them");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::Metadata;

    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from), text()];
        leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
    }

    fn text() -> impl Strategy<Value = Value> {
        any::<String>().prop_map(Value::from)
    }

    proptest! {
        #[test]
        fn it_is_the_json_of_metadata(
            correlation_id in any::<String>(),
            command_id: u128,
            command in any::<String>(),
            command_causation_id in prop::option::of(any::<String>()),
            process in prop::option::of(any::<String>()),
            schema_version in 1..4_u32,
            user in prop::collection::vec((any::<String>(), value()), 0..3),
        ) {
            let command_id = CommandId(Uuid::from_u128(command_id));
            let user: Map<_, _> = user.into_iter().collect();
            let metadata = Metadata {
                correlation_id: Some(correlation_id.into()),
                causation_id: Some(command_id.0.into()),
                command: Some(command.clone()),
                command_causation_id: command_causation_id.map(CausationId::from),
                process,
                schema_version: (schema_version > 1).then_some(schema_version),
                user: user.clone(),
            };
            let written = EventMetadata {
                correlation_id: metadata.correlation_id.as_ref().unwrap(),
                command_id,
                command: &command,
                command_causation_id: metadata.command_causation_id.as_ref(),
                process: metadata.process.as_deref(),
                schema_version,
                user: &user,
            };
            let json = String::from_utf8(written.to_json()).unwrap();
            prop_assert_eq!(json, serde_json::to_string(&metadata).unwrap());
        }
    }

    #[test]
    fn the_common_form_has_not_a_byte_to_spare() {
        let command_id = CommandId(Uuid::from_u128(7));
        let metadata = EventMetadata {
            correlation_id: &CorrelationId::from(command_id.0),
            command_id,
            command: "DepositMoney",
            command_causation_id: None,
            process: None,
            schema_version: 1,
            user: &Map::new(),
        };
        let json = metadata.to_json();
        assert_eq!(json.len(), json.capacity());
    }
}
