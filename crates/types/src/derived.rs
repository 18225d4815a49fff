//! What derived code calls: the parts of `Command` and `Event` that need no generating.
//!
//! The `const fn`s gather the types of several event enums and compare their names while compiling.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    Command, Decide,
    event::{DecodeError, EventType},
};

/// Compiles only for a command that its aggregate handles.
pub fn handled<C: Command>()
where
    C::Aggregate: Decide<C>,
{
}

/// Reads the data of an event, naming the field of any fault.
///
/// # Errors
/// [`DecodeError::Malformed`].
pub fn read<T: DeserializeOwned>(event_type: &str, data: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(data)
        .map_err(|fault| DecodeError::malformed(event_type, locate::<T>(data).unwrap_or(fault)))
}

/// Reads the fields of an event, which stand in an object.
///
/// Serde would also take them from an array, in the order of the source: an order that may change.
///
/// # Errors
/// [`DecodeError::Malformed`].
pub fn read_fields<T: DeserializeOwned>(event_type: &str, data: &[u8]) -> Result<T, DecodeError> {
    if data.trim_ascii_start().starts_with(b"[") {
        return Err(DecodeError::malformed(event_type, serde_json::Error::custom("an array, not an object")));
    }
    read(event_type, data)
}

/// Reads a second time, slower, to find the field at fault.
fn locate<T: DeserializeOwned>(data: &[u8]) -> Option<serde_json::Error> {
    let error =
        serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(data)).err()?;
    let path = error.path().to_string();
    let names_a_field = error.path().iter().len() > 0 && path != "?";
    names_a_field.then(|| serde_json::Error::custom(format_args!("field `{path}`: {}", error.inner())))
}

/// Reads the data of an event without fields: any object.
///
/// # Errors
/// [`DecodeError::Malformed`].
pub fn read_object(event_type: &str, data: &[u8]) -> Result<(), DecodeError> {
    read::<AnyObject>(event_type, data).map(|AnyObject| ())
}

struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyObjectVisitor)
    }
}

struct AnyObjectVisitor;

impl<'de> Visitor<'de> for AnyObjectVisitor {
    type Value = AnyObject;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyObject, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(AnyObject)
    }
}

/// Whether one of the types has this name.
pub fn names(types: &[EventType], name: &str) -> bool {
    types.iter().any(|event_type| event_type.name == name)
}

/// How many types there are in all parts together.
pub const fn count(parts: &[&[EventType]]) -> usize {
    let (mut count, mut part) = (0, 0);
    while part < parts.len() {
        count += parts[part].len();
        part += 1;
    }
    count
}

/// The types of all parts, one after the other; `N` is their [`count`].
pub const fn concat<const N: usize>(parts: &[&[EventType]]) -> [EventType; N] {
    let mut all = [EventType { name: "", version: 0, doc: "" }; N];
    let (mut filled, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[filled] = parts[part][index];
            filled += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

/// Fails to compile where two types share a name.
pub const fn assert_distinct(types: &[EventType]) {
    let mut left = 0;
    while left < types.len() {
        let mut right = left + 1;
        while right < types.len() {
            if same(types[left].name, types[right].name) {
                refuse(types[left].name);
            }
            right += 1;
        }
        left += 1;
    }
}

pub(crate) const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A panic while compiling can show one text, so the sentence is put together here.
const fn refuse(name: &str) -> ! {
    const BEFORE: &[u8] = b"an enum that is flattened here brings a second event type named `";
    const AFTER: &[u8] = b"`";
    let mut sentence = [0; 512];
    let mut length = write(&mut sentence, 0, BEFORE);
    length = write(&mut sentence, length, name.as_bytes());
    length = write(&mut sentence, length, AFTER);
    match std::str::from_utf8(sentence.split_at(length).0) {
        Ok(sentence) => panic!("{}", sentence),
        Err(_) => panic!("an enum that is flattened here brings a second event type of the same name"),
    }
}

/// Copies `text` to `start`, as far as there is room; returns where it ended.
const fn write(sentence: &mut [u8], start: usize, text: &[u8]) -> usize {
    let mut index = 0;
    while index < text.len() && start + index < sentence.len() {
        sentence[start + index] = text[index];
        index += 1;
    }
    start + index
}
