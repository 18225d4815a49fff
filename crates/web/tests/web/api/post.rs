//! A handler that refuses deposits until it is mended.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_runtime::{
    App,
    listen::{Delivered, ErrorPolicy, EventHandler, HandlerError, HandlerOptions},
};

use crate::kit::Node;

/// Refuses deposits until it is mended.
#[derive(Clone, Default)]
pub(crate) struct Post {
    pub(crate) is_mended: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl EventHandler for Post {
    type Event = bank::account::AccountEvent;

    fn name(&self) -> &'static str {
        "post"
    }

    async fn handle(&self, event: &Delivered<Self::Event>) -> Result<(), HandlerError> {
        match event.event {
            bank::account::AccountEvent::MoneyDeposited { .. } if !self.is_mended.load(Ordering::SeqCst) => {
                Err(std::io::Error::other("the letter box is closed").into())
            }
            _ => Ok(()),
        }
    }
}

impl Post {
    /// The bank with this handler.
    pub(crate) fn app(&self) -> App {
        let options =
            HandlerOptions { errors: Some(ErrorPolicy::park_at_once()), ..HandlerOptions::default() };
        bank::app().handler(self.clone(), options)
    }

    /// The bank with this handler, and a node of it.
    pub(crate) async fn node(&self) -> Node {
        Node::of(self.app(), engine_web::WebOptions::default()).await
    }
}
