//! A store that counts what goes through it and how long appends take, for the overview.

mod figures;
mod store;

use std::sync::Arc;

use engine_store::EventStore;

pub use figures::Figures;
pub(crate) use figures::Reading;

/// The same store, measured. Open the application over it, and hand the figures to [`Web`](crate::Web).
pub fn measured(store: Arc<dyn EventStore>) -> (Arc<dyn EventStore>, Arc<Figures>) {
    let figures = Arc::new(Figures::default());
    (Arc::new(store::Measured { inner: store, figures: figures.clone() }), figures)
}
