//! Group commit for the stores that have none: one thread writes what has come together in one transaction.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};

use anyhow::anyhow;
use tokio::sync::oneshot;

use super::{Reader, Store};
use crate::event::Append;

type Reply = oneshot::Sender<Result<(), Arc<anyhow::Error>>>;

/// So many appends are written together.
const TOGETHER: usize = 4_096;

/// A store behind one writer.
pub struct Grouped {
    appends: Option<mpsc::Sender<(Append, Reply)>>,
    readers: Mutex<Box<dyn FnMut() -> anyhow::Result<Box<dyn Reader>> + Send>>,
    thread: Option<JoinHandle<()>>,
}

impl Grouped {
    /// Starts the writer.
    pub fn start(store: Box<dyn Store>) -> anyhow::Result<Self> {
        let (appends, queue) = mpsc::channel::<(Append, Reply)>();
        let store = Arc::new(Mutex::new(store));
        let readers: Box<dyn FnMut() -> _ + Send> = Box::new({
            let store = store.clone();
            move || store.lock().map_err(|_| anyhow!("the writer panicked"))?.reader()
        });
        let work = move || {
            while let Ok(first) = queue.recv() {
                let more = queue.try_iter().take(TOGETHER - 1);
                let (appends, replies): (Vec<_>, Vec<_>) = std::iter::once(first).chain(more).unzip();
                let Ok(mut store) = store.lock() else { return };
                let written = store.append(&appends).map_err(Arc::new);
                for reply in replies {
                    // Whoever asked may have given up.
                    let _gone = reply.send(written.clone());
                }
            }
        };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(work)?;
        Ok(Grouped { appends: Some(appends), readers: Mutex::new(readers), thread: Some(thread) })
    }

    /// Appends durably.
    pub async fn append(&self, append: Append) -> anyhow::Result<()> {
        let (reply, answer) = oneshot::channel();
        let appends = self.appends.as_ref().ok_or_else(|| anyhow!("the writer has ended"))?;
        appends.send((append, reply)).map_err(|_| anyhow!("the writer has ended"))?;
        answer.await?.map_err(|error| anyhow!("{error:#}"))
    }

    /// What reads.
    pub fn reader(&self) -> anyhow::Result<Box<dyn Reader>> {
        (self.readers.lock().map_err(|_| anyhow!("a reader panicked"))?)()
    }
}

impl Drop for Grouped {
    fn drop(&mut self) {
        self.appends = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been told by the thread itself.
            let _ended = thread.join();
        }
    }
}
