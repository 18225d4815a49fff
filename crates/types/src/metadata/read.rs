//! How metadata are read: in one pass, because it is done for every event that is heard. Deriving it would put all
//! entries aside first, to find those of the user.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::{
    CAUSATION_ID, COMMAND, COMMAND_CAUSATION_ID, CORRELATION_ID, CausationId, CorrelationId, Metadata,
    PROCESS, SCHEMA_VERSION,
};

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Metadata;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        while let Some(Key(key)) = entries.next_key()? {
            match &*key {
                CORRELATION_ID => metadata.correlation_id = entries.next_value::<Id>()?.0.map(CorrelationId),
                CAUSATION_ID => metadata.causation_id = entries.next_value::<Id>()?.0.map(CausationId),
                COMMAND => metadata.command = entries.next_value::<Id>()?.0,
                COMMAND_CAUSATION_ID => {
                    metadata.command_causation_id = entries.next_value::<Id>()?.0.map(CausationId);
                }
                PROCESS => metadata.process = entries.next_value::<Id>()?.0,
                SCHEMA_VERSION => metadata.schema_version = entries.next_value()?,
                _ => drop(metadata.user.insert(key.into_owned(), entries.next_value()?)),
            }
        }
        Ok(metadata)
    }
}

/// A key, which is copied only where it is escaped.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// An id that another system wrote: text as it is, a number as its digits, anything else as none, so that one strange
/// id does not make the rest unreadable.
struct Id(Option<String>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Id(match Value::deserialize(deserializer)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_of_the_engine_and_of_the_user_are_told_apart() {
        let text = r#"{"by":"ann","$correlationId":"c","$causationId":7,"$command":"PayIn","$commandCausationId":[1],"$process":"transfers-t1",
            "$schemaVersion":2,"with \"quotes\"":{"a":1},"$other":true}"#;
        let metadata: Metadata = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(metadata.correlation_id, Some(CorrelationId("c".to_owned())));
        assert_eq!(
            metadata.causation_id,
            Some(CausationId("7".to_owned())),
            "a number is read as its digits"
        );
        assert_eq!(metadata.command.as_deref(), Some("PayIn"));
        assert_eq!(metadata.command_causation_id, None, "what cannot be an id is none");
        assert_eq!(metadata.process.as_deref(), Some("transfers-t1"));
        assert_eq!(metadata.schema_version, Some(2));
        let user = json!({"by": "ann", "with \"quotes\"": {"a": 1}, "$other": true});
        assert_eq!(serde_json::Value::Object(metadata.user), user);
    }

    #[test]
    fn metadata_are_read_from_a_value_too_and_written_as_they_were() {
        let value = json!({"$correlationId": "c", "$schemaVersion": null, "x": 1});
        let metadata: Metadata = serde_json::from_value(value).expect("it is an object");
        assert_eq!(metadata.schema_version, None);
        let again = serde_json::to_value(&metadata).expect("it is JSON");
        assert_eq!(again, json!({"$correlationId": "c", "x": 1}));
        assert!(serde_json::from_str::<Metadata>(r#"{"$schemaVersion":"two"}"#).is_err());
        assert!(serde_json::from_str::<Metadata>("[]").is_err());
    }
}
