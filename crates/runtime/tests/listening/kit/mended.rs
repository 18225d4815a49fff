//! A later version of the program.

use std::sync::Arc;

use async_trait::async_trait;
use engine_macros::Event;
use engine_runtime::listen::{Delivered, EventHandler, HandlerError};
use engine_types::Upcasters;
use parking_lot::Mutex;
use serde_json::json;

/// The probe in a later version of the program: it reads what could not be read, and has other keys.
#[derive(Clone)]
pub struct Mended(Arc<Mutex<Vec<String>>>);

#[derive(Debug, Clone, PartialEq, Event)]
#[event(upcasters = mended, crate = engine_types)]
pub enum MendedEvent {
    #[event(version = 2)]
    Counted { number: serde_json::Value },
}

fn mended() -> Upcasters<'static> {
    Upcasters::new().one("Counted", 1, |data| json!({ "number": data["count"] }))
}

impl Mended {
    pub fn new() -> Self {
        Mended(Arc::default())
    }

    pub fn handled(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

#[async_trait]
impl EventHandler for Mended {
    type Event = MendedEvent;

    fn name(&self) -> &'static str {
        "probe"
    }

    async fn handle(&self, event: &Delivered<MendedEvent>) -> Result<(), HandlerError> {
        let MendedEvent::Counted { number } = &event.event;
        self.0.lock().push(number.to_string());
        Ok(())
    }

    fn key(&self, event: &Delivered<MendedEvent>) -> String {
        let MendedEvent::Counted { number } = &event.event;
        format!("mended-{number}")
    }
}
