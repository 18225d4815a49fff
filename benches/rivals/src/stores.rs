//! The stores that are compared, behind one trait: each does what it does best.

mod fjall;
mod group;
mod log;
mod redb;
mod sqlite;

use std::{path::Path, sync::Arc};

use crate::event::Append;

pub use group::Grouped;
pub use log::Log;

/// A store that keeps events by position and by stream.
pub trait Store: Send + 'static {
    /// Writes appends, all of them in one transaction that is on disk when this returns. Each is checked against the
    /// revision of its stream.
    fn append(&mut self, appends: &[Append]) -> anyhow::Result<()>;

    /// What reads while others append.
    fn reader(&self) -> anyhow::Result<Box<dyn Reader>>;
}

/// Reads of a store: events are made whole, as its users would have them, and counted.
pub trait Reader: Send {
    /// Reads all events in their order.
    fn scan(&mut self) -> anyhow::Result<u64>;

    /// Reads one stream.
    fn stream(&mut self, name: &str) -> anyhow::Result<u64>;
}

/// A store with its name.
pub enum Rival {
    Log(Log),
    /// One writer takes what has come together and writes it at once, as the log does by itself.
    Grouped(Arc<Grouped>),
}

/// All stores, empty, in folders below this one.
pub fn open_all(folder: &Path) -> anyhow::Result<Vec<(&'static str, Rival)>> {
    let grouped = |store: Box<dyn Store>| anyhow::Ok(Rival::Grouped(Arc::new(Grouped::start(store)?)));
    Ok(vec![
        ("log", Rival::Log(Log::open(&folder.join("log"))?)),
        ("fjall", grouped(Box::new(fjall::Fjall::open(&folder.join("fjall"))?))?),
        ("redb", grouped(Box::new(redb::Redb::open(&folder.join("redb"))?))?),
        ("sqlite", grouped(Box::new(sqlite::Sqlite::open(&folder.join("sqlite"))?))?),
    ])
}

impl Rival {
    /// Appends durably, waiting for the answer.
    pub async fn append(&self, append: Append) -> anyhow::Result<()> {
        match self {
            Rival::Log(log) => log.append(append).await,
            Rival::Grouped(grouped) => grouped.append(append).await,
        }
    }

    /// What reads.
    pub fn reader(&self) -> anyhow::Result<Box<dyn Reader>> {
        match self {
            Rival::Log(log) => Ok(Box::new(log.reader()?)),
            Rival::Grouped(grouped) => grouped.reader(),
        }
    }
}
