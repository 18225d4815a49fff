//! Which rows, in which order.

use super::RowKey;

/// How many rows are listed when nothing else is said.
const DEFAULT_LIMIT: usize = 1_000;

/// A choice of rows in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Only rows whose key has this first part.
    pub partition: Option<String>,
    /// Only rows whose key begins with this: its second part where [`Listing::partition`] is given, else its first.
    pub prefix: String,
    /// What they are ordered by.
    pub order: Order,
    /// Whether the order is turned round, keys of equal rank included.
    pub descending: bool,
    /// Only rows behind this one, in the order of the listing.
    pub after: Option<After>,
    /// At most this many.
    pub limit: usize,
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By key.
    #[default]
    Key,
    /// By rank, then by key.
    Rank,
}

/// A place in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The rank of the last row that was seen; without meaning where rows are ordered by key.
    pub rank: i64,
    /// Its key.
    pub key: RowKey,
}

impl Listing {
    /// All rows, by key, up to 1,000.
    pub fn all() -> Self {
        Listing {
            partition: None,
            prefix: String::new(),
            order: Order::Key,
            descending: false,
            after: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// The rows whose key has this first part, by key, up to 1,000.
    pub fn partition(partition: impl Into<String>) -> Self {
        Listing { partition: Some(partition.into()), ..Listing::all() }
    }

    /// Only rows whose key begins with this.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Orders by rank.
    #[must_use]
    pub fn by_rank(mut self) -> Self {
        self.order = Order::Rank;
        self
    }

    /// Turns the order round.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// Goes on behind a key; for listings by key.
    #[must_use]
    pub fn after(self, key: impl Into<RowKey>) -> Self {
        self.after_rank(0, key)
    }

    /// Goes on behind a row of this rank; for listings by rank.
    #[must_use]
    pub fn after_rank(mut self, rank: i64, key: impl Into<RowKey>) -> Self {
        self.after = Some(After { rank, key: key.into() });
        self
    }

    /// Lists at most this many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Whether a row of this key is among those that are chosen.
    pub fn chooses(&self, key: &RowKey) -> bool {
        match &self.partition {
            Some(partition) => key.partition == *partition && key.sort.starts_with(&self.prefix),
            None => key.partition.starts_with(&self.prefix),
        }
    }

    /// The first key that can be among those that are chosen.
    pub fn first_key(&self) -> RowKey {
        match &self.partition {
            Some(partition) => RowKey::within(partition.clone(), self.prefix.clone()),
            None => RowKey::of(self.prefix.clone()),
        }
    }
}
