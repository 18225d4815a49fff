//! The store that counts what is appended and read.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use async_trait::async_trait;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, EventStore, Filter, ReadAll, ReadError, ReadStream,
    StreamPage, SubscribeTo, Subscription, SubscriptionMessage, layer::Layer, subscribe::Source,
};

use super::Figures;

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) inner: Arc<dyn EventStore>,
    pub(super) figures: Arc<Figures>,
}

#[async_trait]
impl Layer for Measured {
    fn inner(&self) -> &dyn EventStore {
        &*self.inner
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let events = request.streams.iter().map(|stream| stream.events.len()).sum();
        let begun = Instant::now();
        let appended = self.inner.append(request).await?;
        self.figures.appended(events, begun.elapsed());
        Ok(appended)
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        let page = self.inner.read_stream(request).await?;
        self.figures.read(page.events.len());
        Ok(page)
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        let page = self.inner.read_all(request).await?;
        self.figures.read(page.events.len());
        Ok(page)
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        let subscription = self.inner.subscribe(to, filter).await?;
        Ok(Subscription::new(Counted { inner: subscription, figures: self.figures.clone() }))
    }
}

/// A subscription whose events are counted.
struct Counted {
    inner: Subscription,
    figures: Arc<Figures>,
}

#[async_trait]
impl Source for Counted {
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError> {
        let message = self.inner.next().await?;
        if matches!(message, SubscriptionMessage::Event(_)) {
            self.figures.read(1);
        }
        ready.push_back(message);
        Ok(())
    }

    fn hurry(&mut self) {
        self.inner.hurry();
    }
}
