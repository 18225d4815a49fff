//! Rows in memory, saved as documents of the store: in pieces, and then one document that names them.

use std::{collections::BTreeMap, sync::Arc};

use engine_store::{
    DocumentKey, EventStore, ExpectedVersion,
    rows::{RowError, RowKey},
};
use engine_types::Position;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::{
    Row,
    home::{unreachable_store, unwritable_store},
    memory::{Kept, MemoryRows},
};

/// How large a piece is, about: well below the limit of a document.
const PIECE_BYTES: usize = 1024 * 1024;

/// How many documents are listed at a time.
const PAGE: usize = 1_000;

/// What stands beside the pieces.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Index {
    version: u32,
    generation: u64,
    position: Option<Position>,
    ready: bool,
    late: BTreeMap<String, Position>,
    /// Which saving this was; the pieces carry its number.
    saving: u64,
    pieces: usize,
}

/// Saves and loads the rows of one projection.
pub(super) struct Snapshots {
    store: Arc<dyn EventStore>,
    /// One saving at a time. What was saved last, once known.
    last: Mutex<Index>,
}

impl Snapshots {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Snapshots { store, last: Mutex::default() }
    }

    /// The generation that was saved, if it is of this version and whole; else a new one without rows.
    pub(super) async fn load<R: Row>(&self, name: &str, version: u32) -> Result<(u64, Kept<R>), RowError> {
        let index = match self.read::<Index>(&index_key(name)?).await {
            Ok(Some(index)) => index,
            Ok(None) | Err(RowError::Damaged(_)) => return Ok((1, Kept::default())),
            Err(error) => return Err(error),
        };
        *self.last.lock().await = index.clone();
        if index.version != version {
            return Ok((index.generation + 1, Kept::default()));
        }
        match self.read_pieces(name, &index).await {
            Ok(rows) => {
                let Index { position, ready, late, .. } = index;
                Ok((index.generation, Kept::saved(rows, position, ready, late)))
            }
            Err(RowError::Damaged(fault)) => {
                tracing::warn!(projection = name, %fault, "the saved rows cannot be read, and are built anew");
                Ok((index.generation + 1, Kept::default()))
            }
            Err(error) => Err(error),
        }
    }

    async fn read_pieces<R: Row>(&self, name: &str, index: &Index) -> Result<BTreeMap<RowKey, R>, RowError> {
        let mut rows = BTreeMap::new();
        for number in 0..index.pieces {
            let key = piece_key(name, index.saving, number)?;
            let piece: Option<Vec<(RowKey, R)>> = self.read(&key).await?;
            rows.extend(piece.ok_or_else(|| RowError::damaged(format!("document `{key}` is missing")))?);
        }
        Ok(rows)
    }

    /// Saves a generation, unless it, or a newer one, is saved already, or the store does not last.
    pub(super) async fn save<R: Row>(
        &self,
        name: &str,
        version: u32,
        rows: &MemoryRows<R>,
    ) -> Result<(), RowError> {
        if !self.store.properties().durable {
            return Ok(());
        }
        let mut last = self.last.lock().await;
        let kept = rows.copy();
        let is_saved = rows.number() == last.generation
            && (kept.position, kept.ready, &kept.late) == (last.position, last.ready, &last.late);
        if is_saved || rows.number() < last.generation {
            return Ok(());
        }
        let saving = last.saving + 1;
        let pieces = self.write_pieces(name, saving, &kept.rows).await?;
        let Kept { position, ready, late, .. } = kept;
        let index = Index { version, generation: rows.number(), position, ready, late, saving, pieces };
        self.write(&index_key(name)?, to_json(&index)?).await?;
        *last = index;
        self.remove_old_pieces(name, saving).await
    }

    async fn write_pieces<R: Row>(
        &self,
        name: &str,
        saving: u64,
        rows: &BTreeMap<RowKey, R>,
    ) -> Result<usize, RowError> {
        let (mut piece, mut pieces) = (b"[".to_vec(), 0);
        for row in rows {
            if piece.len() > 1 {
                piece.push(b',');
            }
            serde_json::to_writer(&mut piece, &row).map_err(|fault| RowError::damaged(fault.to_string()))?;
            if piece.len() >= PIECE_BYTES {
                self.write_piece(name, saving, pieces, &mut piece).await?;
                pieces += 1;
            }
        }
        if piece.len() > 1 {
            self.write_piece(name, saving, pieces, &mut piece).await?;
            pieces += 1;
        }
        Ok(pieces)
    }

    async fn write_piece(
        &self,
        name: &str,
        saving: u64,
        number: usize,
        piece: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        piece.push(b']');
        self.write(&piece_key(name, saving, number)?, std::mem::replace(piece, b"[".to_vec())).await
    }

    async fn remove_old_pieces(&self, name: &str, saving: u64) -> Result<(), RowError> {
        let (prefix, present) = (pieces_prefix(name), format!("{}{saving:020}/", pieces_prefix(name)));
        let mut after = None;
        loop {
            let keys =
                self.store.documents(&prefix, after.as_ref(), PAGE).await.map_err(unreachable_store)?;
            let Some(last) = keys.last().cloned() else { return Ok(()) };
            for key in keys.iter().filter(|key| !key.as_str().starts_with(&present)) {
                self.store.delete_document(key).await.map_err(unwritable_store)?;
            }
            after = Some(last);
        }
    }

    async fn read<T: DeserializeOwned>(&self, key: &DocumentKey) -> Result<Option<T>, RowError> {
        let document = self.store.load_document(key).await.map_err(unreachable_store)?;
        let parse = |content: &[u8]| {
            serde_json::from_slice(content)
                .map_err(|fault| RowError::damaged(format!("document `{key}`: {fault}")))
        };
        document.map(|document| parse(&document.content)).transpose()
    }

    async fn write(&self, key: &DocumentKey, content: Vec<u8>) -> Result<(), RowError> {
        let saved = self.store.save_document(key, ExpectedVersion::Any, content.into()).await;
        saved.map(drop).map_err(unwritable_store)
    }
}

fn index_key(name: &str) -> Result<DocumentKey, RowError> {
    key(format!("read-model/{name}/index"))
}

fn pieces_prefix(name: &str) -> String {
    format!("read-model/{name}/piece/")
}

fn piece_key(name: &str, saving: u64, number: usize) -> Result<DocumentKey, RowError> {
    key(format!("{}{saving:020}/{number:08}", pieces_prefix(name)))
}

fn key(text: String) -> Result<DocumentKey, RowError> {
    DocumentKey::new(text).map_err(RowError::damaged)
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, RowError> {
    serde_json::to_vec(value).map_err(RowError::damaged)
}
