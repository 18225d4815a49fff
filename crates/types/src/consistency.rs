//! Consistency: how much has to have happened before a command counts as done.

use serde::{Deserialize, Serialize};

/// When a command counts as done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// When its events are stored.
    #[default]
    Eventual,
    /// When every event handler that is registered as strong, and can see them, has handled them too. Where
    /// there is none, this is the same as [`Consistency::Eventual`].
    Strong,
    /// When these handlers, as far as they can see them, have handled them too.
    Handlers(Vec<String>),
}
