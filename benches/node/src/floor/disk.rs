//! The least that makes appends durable: bytes are written behind one another over zeros, and synced together.
//!
//! An append that is alone is written by whoever asks for it, as the node does; others wait for a thread, which writes all
//! that have come and syncs once, and wakes the thread of the connections once.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
};

use anyhow::Result;
use tokio::sync::{mpsc, oneshot};

/// How long an append of the node's is on the disk.
const APPEND: usize = 208;

/// So much is filled with zeros, and written again and again.
const ROOM: u64 = 64 << 20;

/// Appends at one time take less than this.
const MOST: usize = 4 << 20;

/// See the module.
pub struct Disk {
    file: &'static Written,
    waiting: AtomicUsize,
    queue: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

struct Written {
    file: File,
    end: AtomicU64,
    bytes: Vec<u8>,
}

impl Disk {
    /// Over a new file, for as long as the process lasts. To be called where tasks run.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path)?;
        for offset in (0..ROOM).step_by(MOST) {
            file.write_all_at(&vec![0; MOST], offset)?;
        }
        file.sync_all()?;
        let file: &'static Written =
            Box::leak(Box::new(Written { file, end: AtomicU64::new(0), bytes: vec![7; MOST] }));
        let (queue, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let (answer, mut answered) = mpsc::unbounded_channel::<Vec<oneshot::Sender<()>>>();
        thread::spawn(move || {
            while let Some(reply) = asked.blocking_recv() {
                let mut replies = vec![reply];
                while let Ok(reply) = asked.try_recv() {
                    replies.push(reply);
                }
                file.write(replies.len());
                if answer.send(replies).is_err() {
                    break;
                }
            }
        });
        tokio::spawn(async move {
            while let Some(replies) = answered.recv().await {
                for reply in replies {
                    // Whoever has gone need not know.
                    let _ = reply.send(());
                }
            }
        });
        Ok(Disk { file, waiting: AtomicUsize::new(0), queue })
    }

    /// Waits until another append is on the disk.
    pub async fn keep(&self) {
        let others = self.waiting.fetch_add(1, Ordering::Relaxed);
        // Whoever else has something to say says it now.
        tokio::task::yield_now().await;
        if others == 0 && self.waiting.load(Ordering::Relaxed) == 1 {
            self.file.write(1);
        } else {
            let (reply, kept) = oneshot::channel();
            self.queue.send(reply).expect("the thread lasts as long as the process");
            kept.await.expect("the disk works");
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Written {
    fn write(&self, appends: usize) {
        let bytes = &self.bytes[..(appends * APPEND).min(MOST)];
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed) % (ROOM - MOST as u64);
        self.file.write_all_at(bytes, offset).expect("the disk works");
        self.file.sync_data().expect("the disk works");
    }
}
