//! Documents: small durable values beside the events, such as checkpoints, snapshots and leases.
//!
//! They are no events: they have no position, nobody subscribes to them, and a new version replaces the old.

use std::fmt;

use bytes::Bytes;

use crate::AppendError;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The largest document, in bytes: 16 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// Refuses a document that is too large.
///
/// # Errors
/// [`AppendError::Invalid`] over [`MAX_DOCUMENT_BYTES`].
pub fn check_size(key: &DocumentKey, content: &[u8]) -> Result<(), AppendError> {
    if content.len() > MAX_DOCUMENT_BYTES {
        return Err(AppendError::invalid(format!(
            "document `{key}` has {} bytes, over the limit of {MAX_DOCUMENT_BYTES}",
            content.len()
        )));
    }
    Ok(())
}

/// The name of a document, such as `snapshot/account-jsdf`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentKey(String);

impl DocumentKey {
    /// Checks and wraps a key: 1 to 1,024 bytes without control characters.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidKey> {
        let key = key.into();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
            return Err(InvalidKey { key });
        }
        Ok(DocumentKey(key))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that cannot name a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document key {key:?} must have 1 to 1024 bytes and no control characters")]
pub struct InvalidKey {
    /// The text.
    pub key: String,
}

/// A document as it stands in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// How often it was written, from 1. A document that was deleted begins anew.
    pub version: u64,
    /// Its content.
    pub content: Bytes,
}

/// What the writer of a document believes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Nothing: write whatever is there.
    Any,
    /// There is no such document.
    Absent,
    /// It has this version.
    Exact(u64),
}

impl ExpectedVersion {
    /// Whether a document of version `actual` (0 where there is none) is as expected.
    pub const fn accepts(self, actual: u64) -> bool {
        match self {
            ExpectedVersion::Any => true,
            ExpectedVersion::Absent => actual == 0,
            ExpectedVersion::Exact(expected) => actual == expected && actual != 0,
        }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpectedVersion::Any => formatter.write_str("any"),
            ExpectedVersion::Absent => formatter.write_str("none"),
            ExpectedVersion::Exact(version) => version.fmt(formatter),
        }
    }
}
