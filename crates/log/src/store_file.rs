//! The small files of a store: what it is (`store`), and that it was closed in order (`clean`).

use std::path::Path;

use uuid::Uuid;

use crate::{
    error::OpenError,
    segment::{VERSION, check_header, header, seal_header},
    units::le,
};

/// The name of the file that makes a directory a store.
pub(crate) const STORE: &str = "store";

/// The name of the file that says that the store was closed in order. It is removed before the first write.
pub(crate) const CLEAN: &str = "clean";

/// The name of the file that is locked.
pub(crate) const LOCK: &str = "lock";

const STORE_MAGIC: [u8; 8] = *b"cqrsSTO\n";
const CLEAN_MAGIC: [u8; 8] = *b"cqrsCLN\n";

/// The content of `store`.
pub(crate) fn encode_store(store: Uuid) -> [u8; 64] {
    let mut bytes = header(STORE_MAGIC, VERSION);
    bytes[16..32].copy_from_slice(store.as_bytes());
    seal_header(bytes)
}

/// Reads `store`.
pub(crate) fn decode_store(bytes: &[u8], file: &Path) -> Result<Uuid, OpenError> {
    check_header(bytes, STORE_MAGIC, VERSION, file)?;
    Ok(Uuid::from_slice(&bytes[16..32]).unwrap_or_default())
}

/// Where a store ended when it was closed in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CleanMark {
    pub store: Uuid,
    /// The number of the last segment.
    pub segment: u64,
    /// Its length.
    pub length: u64,
    /// The position of the next event.
    pub next_position: u64,
}

impl CleanMark {
    pub(crate) fn encode(&self) -> [u8; 64] {
        let mut bytes = header(CLEAN_MAGIC, VERSION);
        bytes[16..32].copy_from_slice(self.store.as_bytes());
        bytes[32..40].copy_from_slice(&self.segment.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.length.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.next_position.to_le_bytes());
        seal_header(bytes)
    }

    pub(crate) fn decode(bytes: &[u8], file: &Path) -> Result<Self, OpenError> {
        check_header(bytes, CLEAN_MAGIC, VERSION, file)?;
        Ok(CleanMark {
            store: Uuid::from_slice(&bytes[16..32]).unwrap_or_default(),
            segment: le!(u64, bytes, 32),
            length: le!(u64, bytes, 40),
            next_position: le!(u64, bytes, 48),
        })
    }
}
