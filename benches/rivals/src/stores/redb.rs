//! redb: a copy-on-write B-tree.

use std::{hint::black_box, path::Path, sync::Arc};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Reader, Store};
use crate::event::{self, Append};

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const STREAMS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("streams");
const HEADS: TableDefinition<'_, &str, u64> = TableDefinition::new("heads");

/// Events by position, positions by stream and revision, and the next revision of each stream.
pub struct Redb {
    database: Arc<Database>,
    next: u64,
}

impl Redb {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let database = Database::create(folder.join("events.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(STREAMS)?;
        transaction.open_table(HEADS)?;
        transaction.commit()?;
        Ok(Redb { database: Arc::new(database), next: 0 })
    }
}

impl Store for Redb {
    fn append(&mut self, appends: &[Append]) -> anyhow::Result<()> {
        // Its default durability is that a commit is on disk.
        let transaction = self.database.begin_write()?;
        let mut next = self.next;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut streams = transaction.open_table(STREAMS)?;
            let mut heads = transaction.open_table(HEADS)?;
            for append in appends {
                let head = heads.get(append.stream.as_str())?.map_or(0, |head| head.value());
                for (revision, (id, data)) in (head..).zip(&append.events) {
                    let value = event::encode(&append.stream, revision, *id, data);
                    events.insert(next, value.as_slice())?;
                    streams.insert(event::stream_key(&append.stream, revision).as_slice(), next)?;
                    next += 1;
                }
                heads.insert(append.stream.as_str(), head + append.events.len() as u64)?;
            }
        }
        transaction.commit()?;
        self.next = next;
        Ok(())
    }

    fn reader(&self) -> anyhow::Result<Box<dyn Reader>> {
        Ok(Box::new(RedbReader { database: self.database.clone() }))
    }
}

struct RedbReader {
    database: Arc<Database>,
}

impl Reader for RedbReader {
    fn scan(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        let transaction = self.database.begin_read()?;
        for entry in transaction.open_table(EVENTS)?.iter()? {
            black_box(event::decode(entry?.1.value())?);
            count += 1;
        }
        Ok(count)
    }

    fn stream(&mut self, name: &str) -> anyhow::Result<u64> {
        let mut count = 0;
        let transaction = self.database.begin_read()?;
        let (events, streams) = (transaction.open_table(EVENTS)?, transaction.open_table(STREAMS)?);
        let (from, to) = (event::stream_key(name, 0), event::stream_key(name, u64::MAX));
        for entry in streams.range(from.as_slice()..to.as_slice())? {
            let value =
                events.get(entry?.1.value())?.ok_or_else(|| anyhow::anyhow!("an event is missing"))?;
            black_box(event::decode(value.value())?);
            count += 1;
        }
        Ok(count)
    }
}
