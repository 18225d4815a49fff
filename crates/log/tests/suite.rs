//! The embedded log keeps the promises of the contract: with segments as users have them, and with segments
//! so small that most tests cross from one to the next; these also compressed, and tied into a hash chain.

#![allow(clippy::unwrap_used)] // everything here is a test

use std::sync::Arc;

use async_trait::async_trait;
use engine_log::{Compression, LogOptions, LogStore};
use engine_store::{
    Clock,
    suite::{Fixture, Opened},
};
use tempfile::TempDir;

struct InDirectory {
    directory: TempDir,
    small: bool,
    compressed_and_chained: bool,
}

impl InDirectory {
    fn new(small: bool, compressed_and_chained: bool) -> Self {
        InDirectory { directory: tempfile::tempdir().unwrap(), small, compressed_and_chained }
    }

    fn start(&self, clock: Arc<dyn Clock>) -> Opened {
        let mut options = LogOptions::default().clock(clock);
        if self.small {
            options = options.segment_bytes(64 << 10);
            options.segment_names = 3;
            options.reserve_bytes = 16 << 10;
        }
        if self.compressed_and_chained {
            options = options.compression(Compression::default()).chained();
        }
        Arc::new(LogStore::open(self.directory.path().join("events"), options).unwrap())
    }
}

#[async_trait]
impl Fixture for InDirectory {
    async fn open(&self, clock: Arc<dyn Clock>) -> Opened {
        self.start(clock)
    }

    async fn reopen(&self, store: Opened, clock: Arc<dyn Clock>) -> Option<Opened> {
        store.close().await.unwrap();
        Some(self.start(clock))
    }
}

mod as_users_have_it {
    use super::InDirectory;

    engine_store::event_store_suite!(InDirectory::new(false, false));
}

mod with_small_segments {
    use super::InDirectory;

    engine_store::event_store_suite!(InDirectory::new(true, false));
}

mod compressed_and_chained {
    use super::InDirectory;

    engine_store::event_store_suite!(InDirectory::new(true, true));
}
