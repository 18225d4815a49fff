//! Read models: rows by key, folded from events by pure functions, kept wherever the environment says.
//!
//! A [`Projection`] names the rows that an event touches and says what becomes of them. It knows nothing of where
//! they are: in memory, or in a database behind [`RowStores`](engine_store::rows::RowStores). The rows of a batch
//! and the position of its last event are stored together, so that each event counts exactly once.
//!
//! ```text
//! events ─▶ runner ─▶ listener ─▶ fold ─▶ generation (rows + position) ◀─ answer ◀─ query
//!                                            ▲ switch, when caught up
//!                    rebuild ─▶ fold ─▶ another generation
//! ```

mod answer;
mod ask;
mod entry;
mod fold;
mod generation;
mod home;
mod listener;
mod memory;
mod options;
mod projection;
mod projections;
mod rebuild;
mod serving;
mod snapshot;
mod stored;
pub mod testing;

pub use answer::{Answer, AnswerError, QueryConsistency, QueryError, QueryOptions};
pub use ask::AskQuery;
pub use engine_store::rows::{Listing, RowKey};
pub use home::ReadModels;
pub use options::ProjectionOptions;
pub use projection::{Beside, Projection, Row, Rows};
pub use projections::{ProjectionReport, Projections, ProjectionsError};
pub use rebuild::{Rebuild, RebuildProgress, RebuildState};

pub(crate) use entry::{ProjectionEntry, ProjectionOf, QueryEntry, QueryOf};
pub(crate) use projections::AnyProjection;
