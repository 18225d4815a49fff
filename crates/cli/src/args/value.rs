//! Values of arguments that are more than a word or a number.

use std::{fmt, time::Duration};

use engine::{
    Body, ExpectedRevision, TimerId, Timestamp,
    command::{Field, nearest},
};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::failure::Failure;

/// An expected revision.
pub(super) fn expected(text: &str) -> Result<ExpectedRevision, String> {
    text.parse()
}

/// The identity of a command.
pub(super) fn id(text: &str) -> Result<Uuid, String> {
    let id: Uuid = text.parse().map_err(|fault: uuid::Error| fault.to_string())?;
    if id.is_nil() { Err("the nil UUID is nobody's: leave --id out to get one".to_owned()) } else { Ok(id) }
}

/// A JSON object.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str::<Object>(text)
        .map(|object| object.0)
        .map_err(|fault| format!("must be a JSON object: {fault}"))
}

/// A span of time above zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let fault = || format!("`{text}` is not a span of time above zero: write `5s`, `500ms` or `1m30s`");
    let span: jiff::SignedDuration = text.parse().map_err(|_| fault())?;
    Duration::try_from(span).ok().filter(|span| !span.is_zero()).ok_or_else(fault)
}

/// A point in time.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        format!("`{text}` is not a time with its zone: write `2030-01-01T09:00:00Z` or `2030-01-01T09:00:00+01:00`")
    })?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

/// The identity of a timer.
pub(super) fn timer(text: &str) -> Result<TimerId, String> {
    text.parse()
}

/// A place in a stream, or among all events.
pub(super) fn place(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number from 0 to {}", u64::MAX))
}

/// The body of a command: `field=value` words, or one JSON object.
pub(crate) fn body(words: &[String]) -> Result<Body, Failure> {
    if let Some(first) = words.first()
        && first.trim_start().starts_with(['{', '['])
    {
        return match words {
            [json] => json_body(json),
            _ => Err(unquoted("a JSON body is one word")),
        };
    }
    words.iter().map(|word| field_and_text(word)).collect::<Result<_, _>>().map(Body::Texts)
}

/// The body of a query: as that of a command, but values may stand alone, in the order of the fields.
pub(crate) fn query_body(name: &str, fields: &[Field], words: &[String]) -> Result<Body, Failure> {
    if words.first().is_some_and(|first| first.trim_start().starts_with(['{', '['])) {
        return body(words);
    }
    let is_field = |name: &str| fields.iter().any(|known| known.name == name);
    let names_some = words.iter().filter_map(|word| word.split_once('=')).any(|(name, _)| is_field(name));
    // A value may hold `=`. But beside fields that are named, or where one nearly is, a wrong name is likelier.
    let is_named = |word: &str| {
        let Some((name, _)) = word.split_once('=').filter(|(name, _)| is_identifier(name)) else {
            return false;
        };
        is_field(name) || names_some || nearest(name, fields.iter().map(|known| known.name)).is_some()
    };
    let (named, alone): (Vec<_>, Vec<_>) = words.iter().partition(|word| is_named(word));
    let mut texts = named.into_iter().map(|word| field_and_text(word)).collect::<Result<Vec<_>, _>>()?;
    let open: Vec<_> =
        fields.iter().filter(|field| texts.iter().all(|(name, _)| name != field.name)).collect();
    if let Some(word) = alone.get(open.len()) {
        let known: Vec<_> = fields.iter().map(|field| field.name).collect();
        let known = if known.is_empty() { "no fields".to_owned() } else { known.join(", ") };
        return Err(Failure::usage(format!("`{word}` is one value too many: {name} takes {known}")));
    }
    texts.extend(open.iter().zip(alone).map(|(field, text)| (field.name.to_owned(), text.clone())));
    Ok(Body::Texts(texts))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn json_body(json: &str) -> Result<Body, Failure> {
    if json.trim_start().starts_with('[') {
        return Ok(Body::Json(serde_json::from_str(json).map_err(not_json)?));
    }
    let Object(object) = serde_json::from_str(json).map_err(not_json)?;
    Ok(Body::Json(Value::Object(object)))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn not_json(fault: serde_json::Error) -> Failure {
    unquoted(&format!("the body is not JSON ({fault})"))
}

fn unquoted(fault: &str) -> Failure {
    Failure::new("invalid", format!("{fault}: put it in single quotes, as in '{{\"id\":\"jsdf\"}}'"))
}

fn field_and_text(word: &str) -> Result<(String, String), Failure> {
    match word.split_once('=') {
        Some((field, text)) if !field.is_empty() => Ok((field.to_owned(), text.to_owned())),
        _ => Err(Failure::usage(format!("`{word}` is neither `field=value` nor a JSON object"))),
    }
}

/// A JSON object that names no key twice. Without this the last one would win in silence.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((key, value)) = entries.next_entry::<String, Value>()? {
                    if object.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("field `{key}` is given twice")));
                    }
                    object.insert(key, value);
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<Body, Failure> {
        body(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn words_are_split_at_their_first_equals_sign() {
        let Ok(Body::Texts(texts)) = words(&["id=a", "note=x=y", "empty="]) else { panic!("not texts") };
        let pairs: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(pairs, [("id", "a"), ("note", "x=y"), ("empty", "")]);
    }

    #[test]
    fn values_of_a_query_may_stand_alone_in_the_order_of_its_fields() {
        let field = |name| Field {
            name,
            rust_type: "String",
            kind: engine::command::FieldKind::Text,
            required: true,
            doc: "",
        };
        let fields = [field("account"), field("after"), field("limit")];
        let read = |line: &str| {
            let words: Vec<_> = line.split(' ').map(ToString::to_string).collect();
            query_body("statement", &fields, &words).map(|body| match body {
                Body::Texts(texts) => {
                    texts.into_iter().map(|(name, text)| format!("{name}:{text}")).collect::<Vec<_>>()
                }
                Body::Json(_) => panic!("no texts"),
            })
        };
        assert_eq!(read("jsdf 3").unwrap(), ["account:jsdf", "after:3"]);
        assert_eq!(read("limit=5 jsdf").unwrap(), ["limit:5", "account:jsdf"]);
        assert_eq!(read("x=y").unwrap(), ["account:x=y"], "no field has this name");
        assert_eq!(read("acount=y").unwrap(), ["acount:y"], "a field nearly has: it is told as unknown");
        assert_eq!(read("account=x bogus=1").unwrap(), ["account:x", "bogus:1"], "fields are named");
        let fault = read("a 1 2 3").unwrap_err();
        assert_eq!(fault.message, "`3` is one value too many: statement takes account, after, limit");
    }

    #[test]
    fn a_word_that_is_no_field_is_named() {
        for word in ["amount", "=5", "null", "\"text\""] {
            let failure = words(&["id=a", word]).unwrap_err();
            assert_eq!(failure.kind, "usage");
            assert!(failure.message.contains(&format!("`{word}`")), "{}", failure.message);
        }
    }

    #[test]
    fn numbers_in_json_stay_exact() {
        let Ok(Body::Json(body)) = words(&[r#"{"amount":18446744073709551615}"#]) else { panic!("not JSON") };
        assert_eq!(body["amount"].as_u64(), Some(u64::MAX));
    }

    #[test]
    fn json_that_lost_its_quotes_is_explained() {
        for body in [&["{id:jsdf}"][..], &["{id:", "jsdf}"], &["{\"id\""], &["{\"id\":1} trailing"]] {
            let failure = words(body).unwrap_err();
            assert_eq!(failure.kind, "invalid");
            assert!(failure.message.contains("single quotes"), "{}", failure.message);
        }
    }

    #[test]
    fn a_field_that_is_given_twice_in_json_is_refused() {
        let failure = words(&[r#"{"id":"a","id":"b"}"#]).unwrap_err();
        assert!(failure.message.contains("field `id` is given twice"), "{}", failure.message);
    }

    #[test]
    fn spans_of_time_need_a_unit_and_are_above_zero() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in ["5", "0s", "-5s", "", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_say_their_zone() {
        let nine = time("2030-01-01T09:00:00Z").unwrap();
        assert_eq!(nine.to_string(), "2030-01-01T09:00:00.000000Z");
        assert_eq!(time("2030-01-01T10:00:00+01:00"), Ok(nine));
        for text in ["2030-01-01T09:00:00", "2030-01-01", "09:00", "tomorrow", "", "2030-13-01T09:00:00Z"] {
            assert!(time(text).unwrap_err().contains("with its zone"), "{text}");
        }
    }

    #[test]
    fn metadata_is_an_object() {
        assert_eq!(object(r#"{"user":"ann"}"#).unwrap()["user"], "ann");
        assert!(object("[1]").is_err() && object("x").is_err());
    }
}
