//! The names of the streams in which documents are kept.

use std::hash::Hasher;

use engine_store::{DocumentKey, ReadError};
use engine_types::{StreamName, stream::MAX_STREAM_NAME_BYTES};
use siphasher::sip128::{Hasher128, SipHasher13};

/// What stands between the group of a key and the rest.
pub(super) const SEPARATOR: char = '/';

/// The part of a key by which keys are noted together: up to the first `/`, or nothing.
pub(super) fn group(key: &str) -> &str {
    key.split_once(SEPARATOR).map_or("", |(group, _)| group)
}

pub(super) fn of_document(key: &DocumentKey) -> Result<StreamName, ReadError> {
    named("document:", key.as_str())
}

/// The stream of the keys of a group.
pub(super) fn of_group(group: &str) -> Result<StreamName, ReadError> {
    named("keys:", group)
}

/// The stream of the names of all groups.
pub(super) fn groups() -> Result<StreamName, ReadError> {
    named("groups", "")
}

/// A text in a stream name. Without `-`, so that the projections by category have nothing to do with it; a text that is
/// too long is told by its hash.
fn named(kind: &str, text: &str) -> Result<StreamName, ReadError> {
    let begin = format!("{}{kind}", crate::convert::OWN_STREAMS);
    let escaped = text.replace('%', "%25").replace('-', "%2D").replace('#', "%23");
    let name = if begin.len() + escaped.len() <= MAX_STREAM_NAME_BYTES {
        begin + &escaped
    } else {
        let mut hasher = SipHasher13::new();
        hasher.write(text.as_bytes());
        format!("{begin}#{:032x}", hasher.finish128().as_u128())
    };
    StreamName::new(name).map_err(|fault| ReadError::Invalid(format!("`{text}` cannot be kept: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str) -> String {
        of_document(&DocumentKey::new(key).unwrap()).unwrap().to_string()
    }

    #[test]
    fn names_have_no_category_and_different_keys_have_different_names() {
        assert_eq!(name("snapshot/account-1"), "$engine.document:snapshot/account%2D1");
        assert_ne!(name("a-b"), name("a%2Db"));
        let (long, longer) = ("k".repeat(1_023), "k".repeat(1_024));
        assert_ne!(name(&long), name(&longer));
        assert!(name(&long).len() < MAX_STREAM_NAME_BYTES && name(&long).contains('#'));
    }

    #[test]
    fn a_key_without_a_separator_has_the_empty_group() {
        assert_eq!((group("lease/a/b"), group("alone"), group("/")), ("lease", "", ""));
    }
}
