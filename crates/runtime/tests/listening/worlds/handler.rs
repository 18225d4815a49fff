//! The handlers of a world: each event says itself what becomes of it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_macros::Event;
use engine_runtime::listen::{
    BatchError, BatchHandler, Delivered, ErrorPolicy, EventHandler, Finally, HandlerError,
};
use engine_store::memory::MemoryStore;
use serde::{Deserialize, Serialize};

use super::process::Process;

/// What becomes of an event when it is handled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fate {
    Well,
    /// Fails so many times.
    Fails(u32),
    /// Fails until the world is mended.
    Poison,
    Panics(u32),
    /// Takes so many milliseconds.
    Stalls(u64),
    Hangs(u32),
    /// The handler does not want it.
    Unwanted,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub enum ItemEvent {
    Noted { fate: Fate },
}

/// A handler of one process.
#[derive(Clone)]
pub struct Hand {
    pub process: Arc<Process>,
    pub by_group: bool,
    pub policy: ErrorPolicy,
    pub memory: MemoryStore,
}

/// The same, for batches.
pub struct InBatches(pub Hand);

/// The key of an event in this stream.
pub fn key_of(stream: &str, by_group: bool) -> String {
    if by_group { format!("group-{}", stream.len() % 2) } else { stream.to_owned() }
}

impl Hand {
    async fn try_to_handle(&self, event: &Delivered<ItemEvent>) -> Result<(), HandlerError> {
        let (process, position) = (&self.process, event.position.0);
        process.step().await;
        let (fate, failures) = process.history.fate(position);
        match fate {
            Fate::Stalls(millis) => {
                process.history.note(format!("{position} stalls"));
                tokio::time::sleep(Duration::from_millis(millis)).await;
                process.must_live().await;
            }
            Fate::Fails(times) if failures < times => return self.failed(event, "failed"),
            Fate::Poison => return self.failed(event, "failed"),
            Fate::Panics(times) if failures < times => {
                let _ = self.failed(event, "panics");
                std::panic::resume_unwind(Box::new("as fated"));
            }
            Fate::Hangs(times) if failures < times => {
                let _ = self.failed(event, "hangs");
                std::future::pending::<()>().await;
            }
            Fate::Unwanted => {
                process.history.skip(position);
                return Err(HandlerError::skip("unwanted"));
            }
            _ => {}
        }
        Ok(())
    }

    fn failed(&self, event: &Delivered<ItemEvent>, how: &str) -> Result<(), HandlerError> {
        let history = &self.process.history;
        history.fail(event.position.0, how);
        if self.policy.finally == Finally::Skip && event.failures >= self.policy.retries {
            history.skip(event.position.0);
        }
        Err(HandlerError::new(how))
    }

    fn note(&self, event: &Delivered<ItemEvent>) {
        self.process.history.handle(self.process.session(), event.position.0);
    }

    fn note_all(&self, events: &[Delivered<ItemEvent>]) {
        for event in events {
            self.note(event);
        }
    }

    fn before_reset(&self) {
        self.process.history.reset(&self.memory);
    }
}

#[async_trait]
impl EventHandler for Hand {
    type Event = ItemEvent;

    fn name(&self) -> &'static str {
        "sim"
    }

    async fn handle(&self, event: &Delivered<ItemEvent>) -> Result<(), HandlerError> {
        self.try_to_handle(event).await?;
        self.note(event);
        self.process.step().await;
        Ok(())
    }

    fn key(&self, event: &Delivered<ItemEvent>) -> String {
        key_of(event.stream.as_str(), self.by_group)
    }

    async fn init(&self) -> Result<(), HandlerError> {
        self.process.begin().await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        self.process.must_live().await;
        Hand::before_reset(self);
        Ok(())
    }
}

#[async_trait]
impl BatchHandler for InBatches {
    type Event = ItemEvent;

    fn name(&self) -> &'static str {
        "sim"
    }

    async fn handle_batch(&self, events: &[Delivered<ItemEvent>]) -> Result<(), BatchError> {
        let hand = &self.0;
        for (done, event) in events.iter().enumerate() {
            if let Err(error) = hand.try_to_handle(event).await {
                // Sometimes what came before the failure is kept, sometimes nothing is.
                let handled = if hand.process.random.percent(50) { done } else { 0 };
                hand.note_all(&events[..handled]);
                return Err(BatchError { handled, error });
            }
        }
        hand.note_all(events);
        hand.process.step().await;
        Ok(())
    }

    fn key(&self, event: &Delivered<ItemEvent>) -> String {
        key_of(event.stream.as_str(), self.0.by_group)
    }

    async fn init(&self) -> Result<(), HandlerError> {
        self.0.process.begin().await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        self.0.process.must_live().await;
        Hand::before_reset(&self.0);
        Ok(())
    }
}
