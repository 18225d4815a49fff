//! The key of a row.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The key of a row: a text, and a second one that orders rows of the same first.
///
/// Keys are ordered by their bytes, the first part before the second. Rows of one first part stand together, so
/// that the movements of an account are a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// The first part.
    pub partition: String,
    /// The second part; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sort: String,
}

impl RowKey {
    /// A key of one part.
    pub fn of(partition: impl Into<String>) -> Self {
        RowKey { partition: partition.into(), sort: String::new() }
    }

    /// A key of two parts.
    pub fn within(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        RowKey { partition: partition.into(), sort: sort.into() }
    }

    /// A key of a text and a number, ordered by the number.
    pub fn numbered(partition: impl Into<String>, number: u64) -> Self {
        RowKey::within(partition, format!("{number:020}"))
    }
}

impl From<&str> for RowKey {
    fn from(partition: &str) -> Self {
        RowKey::of(partition)
    }
}

impl From<(&str, u64)> for RowKey {
    fn from((partition, number): (&str, u64)) -> Self {
        RowKey::numbered(partition, number)
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sort.as_str() {
            "" => formatter.write_str(&self.partition),
            sort => write!(formatter, "{}/{sort}", self.partition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_keys_are_in_the_order_of_their_numbers_and_behind_the_bare_key() {
        let numbered = |partition: &str, number| RowKey::numbered(partition, number);
        let mut keys =
            [numbered("b", 0), numbered("a", 10), numbered("a", u64::MAX), RowKey::of("a"), numbered("a", 9)];
        keys.sort();
        let sorted =
            [RowKey::of("a"), numbered("a", 9), numbered("a", 10), numbered("a", u64::MAX), numbered("b", 0)];
        assert_eq!(keys, sorted);
    }
}
