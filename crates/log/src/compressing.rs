//! Compressing what is finished, is to be compressed, and is not: because a crash or the end of the process came between,
//! or because it was filled before compression was wanted.
//!
//! Done by a thread of its own while the store is open, one segment after the other, oldest first. It may be interrupted
//! anywhere: a segment stays as it was written until another takes its place, and the next opening goes on there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use engine_store::{MaintenanceError, ReadError};
use tracing::warn;

use crate::{scavenge, shared::Shared};

/// Compresses segments behind the back of everybody. When it is dropped, it ends.
#[derive(Debug)]
pub(crate) struct Compressor {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Compressor {
    /// Begins with what is there when a store is opened, and delays nobody.
    pub(crate) fn start(shared: &Arc<Shared>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = if scavenge::to_be_compressed(shared).is_empty() || !shared.options.index_in_background {
            None
        } else {
            let (shared, stopped) = (shared.clone(), stopped.clone());
            let work = move || compress_all(&shared, &stopped);
            // Without a thread they wait for the next opening, or for a scavenge.
            std::thread::Builder::new().name("event-log-compressor".to_owned()).spawn(work).ok()
        };
        Compressor { stopped, thread }
    }

    /// Gives up the segment at hand, and waits until nothing is written any more: at most as long as it takes to make
    /// one segment durable, and its index.
    pub(crate) fn stop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic has been told by the thread itself.
            let _ended = thread.join();
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn compress_all(shared: &Shared, stopped: &AtomicBool) {
    let goes_on = || {
        if stopped.load(Ordering::Acquire) {
            return Err(ReadError::unavailable("the store is being closed").into());
        }
        Ok(())
    };
    for segment in scavenge::to_be_compressed(shared) {
        match scavenge::compress_while(shared, segment, &goes_on) {
            Ok(_) => {}
            Err(_) if stopped.load(Ordering::Acquire) => return,
            Err(error) => {
                warn!("segment {segment} stays as it was written, it could not be compressed: {error}");
                // Damage is in one segment; whatever else it is, others would meet it too.
                if !matches!(error, MaintenanceError::Read(ReadError::Corrupt(_))) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use engine_store::{AppendRequest, EventStore, NewEvent};
    use engine_types::{ExpectedRevision, StreamName};

    use super::*;
    use crate::{
        LogOptions, LogStore,
        disk::sim::SimDisk,
        opening::{self, Opened},
        options::Compression,
    };

    #[test]
    fn a_compression_that_is_given_up_changes_nothing() {
        let disk = SimDisk::new();
        let mut options = LogOptions::default().segment_bytes(64 << 10);
        options.index_in_background = false;
        let store = LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..100 {
            let data = serde_json::json!({ "note": "x".repeat(2_000) });
            let event = NewEvent::json(uuid::Uuid::now_v7(), "Noted", &data).unwrap();
            let stream = StreamName::new("account-1").unwrap();
            let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
            runtime.block_on(store.append(request)).unwrap();
        }
        runtime.block_on(store.close()).unwrap();
        let options = options.compression(Compression::default());
        let Opened { shared, writer } = opening::open(Arc::new(disk.clone()), options).unwrap();
        assert_eq!(scavenge::to_be_compressed(&shared), [0, 1, 2]);
        let before = disk.files();
        let goes_on = || Err(ReadError::unavailable("given up").into());
        scavenge::compress_while(&shared, 0, &goes_on).unwrap_err();
        assert_eq!(disk.files(), before);
        assert!(scavenge::compress_while(&shared, 0, &|| Ok(())).unwrap());
        assert_eq!(scavenge::to_be_compressed(&shared), [1, 2]);
        drop(writer);
    }
}
