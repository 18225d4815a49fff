//! fjall: an LSM tree.

use std::hint::black_box;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Reader, Store};
use crate::event::{self, Append};

/// Events by position, positions by stream and revision, and the next revision of each stream.
pub struct Fjall {
    database: Database,
    events: Keyspace,
    streams: Keyspace,
    heads: Keyspace,
    next: u64,
}

impl Fjall {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let database = Database::builder(folder).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let (events, streams, heads) = (keyspace("events")?, keyspace("streams")?, keyspace("heads")?);
        Ok(Fjall { database, events, streams, heads, next: 0 })
    }
}

impl Store for Fjall {
    fn append(&mut self, appends: &[Append]) -> anyhow::Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let mut heads = std::collections::HashMap::new();
        let mut next = self.next;
        for append in appends {
            let head = match heads.get(&append.stream) {
                Some(head) => *head,
                None => match self.heads.get(&append.stream)? {
                    Some(head) => u64::from_be_bytes(head.as_ref().try_into()?),
                    None => 0,
                },
            };
            for (revision, (id, data)) in (head..).zip(&append.events) {
                let value = event::encode(&append.stream, revision, *id, data);
                batch.insert(&self.events, next.to_be_bytes(), value);
                batch.insert(&self.streams, event::stream_key(&append.stream, revision), next.to_be_bytes());
                next += 1;
            }
            heads.insert(append.stream.clone(), head + append.events.len() as u64);
        }
        for (stream, head) in heads {
            batch.insert(&self.heads, stream, head.to_be_bytes());
        }
        batch.commit()?;
        self.next = next;
        Ok(())
    }

    fn reader(&self) -> anyhow::Result<Box<dyn Reader>> {
        Ok(Box::new(FjallReader { events: self.events.clone(), streams: self.streams.clone() }))
    }
}

struct FjallReader {
    events: Keyspace,
    streams: Keyspace,
}

impl Reader for FjallReader {
    fn scan(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        for entry in self.events.iter() {
            let (_, value) = entry.into_inner()?;
            black_box(event::decode(&value)?);
            count += 1;
        }
        Ok(count)
    }

    fn stream(&mut self, name: &str) -> anyhow::Result<u64> {
        let mut count = 0;
        let mut prefix = name.as_bytes().to_vec();
        prefix.push(0);
        for entry in self.streams.prefix(prefix) {
            let (_, position) = entry.into_inner()?;
            let value = self.events.get(&position)?.ok_or_else(|| anyhow::anyhow!("an event is missing"))?;
            black_box(event::decode(&value)?);
            count += 1;
        }
        Ok(count)
    }
}
