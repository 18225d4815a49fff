//! Queries: a question about a read model, as data.

use serde::{Serialize, de::DeserializeOwned};

use crate::{command::Field, form::Form};

/// A question, addressed to exactly one read model.
///
/// Derive it: `#[derive(Query, Serialize, Deserialize)] #[query(projection = Balances)]`. What answers it is the
/// projection: `impl Answer<TopBalances> for Balances`.
pub trait Query: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The projection whose rows answer it.
    type Projection;

    /// The stable name under which others ask it: by default the type's own name.
    const NAME: &'static str;

    /// What it asks, from the type's doc comment.
    const DOC: &'static str;

    /// The fields, as they are named in JSON.
    const FIELDS: &'static [Field];

    /// Whether names outside [`Query::FIELDS`] are refused (false only where a field is flattened).
    const CLOSED: bool = true;
}

/// The form of a query.
pub fn form<Q: Query>() -> Form {
    Form { name: Q::NAME, fields: Q::FIELDS, closed: Q::CLOSED }
}
