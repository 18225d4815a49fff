//! A process's way to the store, on which it dies: nothing is answered any more.

use std::sync::{Arc, Mutex};

use engine::{
    async_trait,
    store::{
        AllPage, AppendError, AppendRequest, Appended, Document, DocumentKey, EventStore, ExpectedVersion,
        ReadAll, ReadError, ReadStream, StreamPage, layer::Layer, memory::MemoryStore,
    },
};
use tokio::sync::watch;

use super::Random;

/// The life of a process, which ends at one of its calls to the store.
#[derive(Debug, Clone)]
pub(crate) struct Life(Arc<Lived>);

#[derive(Debug)]
struct Lived {
    random: Mutex<Random>,
    /// It dies at one in so many calls.
    calls: u64,
    is_dead: watch::Sender<bool>,
}

/// Where it dies.
#[derive(Debug, PartialEq)]
enum Step {
    GoOn,
    Before,
    After,
}

impl Life {
    pub(crate) fn new(random: Random, calls: u64) -> Self {
        Life(Arc::new(Lived { random: Mutex::new(random), calls, is_dead: watch::Sender::new(false) }))
    }

    /// Waits for its end.
    pub(crate) async fn death(&self) {
        let _ = self.0.is_dead.subscribe().wait_for(|is_dead| *is_dead).await;
    }

    fn step(&self) -> Step {
        if *self.0.is_dead.borrow() {
            return Step::Before;
        }
        let mut random = self.0.random.lock().unwrap();
        if random.below(self.0.calls) > 0 {
            return Step::GoOn;
        }
        self.0.is_dead.send_replace(true);
        if random.below(2) == 0 { Step::Before } else { Step::After }
    }

    /// Lets a call come about, or not, or come about and never be answered.
    async fn live<T>(&self, call: impl Future<Output = T>) -> T {
        match self.step() {
            Step::GoOn => return call.await,
            Step::After => drop(call.await),
            Step::Before => {}
        }
        std::future::pending().await
    }
}

/// The store of a process that is going to die.
#[derive(Debug)]
pub(crate) struct Mortal {
    inner: MemoryStore,
    life: Life,
}

impl Mortal {
    pub(crate) fn over(inner: MemoryStore, life: Life) -> Self {
        Mortal { inner, life }
    }
}

#[async_trait]
impl Layer for Mortal {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.life.live(self.inner.append(request)).await
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        self.life.live(self.inner.read_stream(request)).await
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        self.life.live(self.inner.read_all(request)).await
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        self.life.live(self.inner.load_document(key)).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: bytes::Bytes,
    ) -> Result<u64, AppendError> {
        self.life.live(self.inner.save_document(key, expected, content)).await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        self.life.live(self.inner.delete_document(key)).await
    }

    /// Closes nothing: the events outlive the process.
    async fn close(&self) -> Result<(), AppendError> {
        Ok(())
    }
}
