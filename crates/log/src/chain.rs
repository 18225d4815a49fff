//! The hash chain: each frame may end with a link, a hash over the link before it and its own content.
//!
//! A link covers what was said, not where it stands: a frame that a scavenge moves keeps its link. Checksums find
//! what the disk changes; links find what somebody changed who knows how to make checksums.

use std::fmt;

use uuid::Uuid;

use crate::{
    error::Trouble,
    frame::{BINARY, HEADER, TOMBSTONE},
    scan,
    view::Part,
};

/// The bytes of a link.
pub(crate) const LINK: usize = 32;

/// One link of the chain: BLAKE3 over the link before it and the content of its frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link([u8; LINK]);

impl Link {
    /// What the first frame of the chain of a store follows.
    pub(crate) fn origin(store: Uuid) -> Self {
        Link(blake3::derive_key("cqrs-engine, the hash chain of a log, version 1", store.as_bytes()))
    }

    /// Reads a link; the caller has checked that it is there.
    pub(crate) fn at(bytes: &[u8], at: usize) -> Self {
        let mut link = [0; LINK];
        link.copy_from_slice(&bytes[at..at + LINK]);
        Link(link)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; LINK] {
        &self.0
    }

    /// The link of the frame that follows this one: `frame` from its beginning to the end of its data.
    ///
    /// Not covered is what says only where the frame stands: its length and checksum, the flags of its append and of
    /// its links, and up to where the segment had been synced.
    pub(crate) fn next(self, frame: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut head = [0; LINK + 4 + HEADER - 16];
        head[..LINK].copy_from_slice(&self.0);
        head[LINK..LINK + 2].copy_from_slice(&[frame[8], frame[9] & (BINARY | TOMBSTONE)]);
        head[LINK + 2..LINK + 4].copy_from_slice(&frame[10..12]);
        head[LINK + 4..].copy_from_slice(&frame[16..HEADER]);
        hasher.update(&head);
        hasher.update(&frame[HEADER..]);
        Link(*hasher.finalize().as_bytes())
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Link(*hash.as_bytes()))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The link that the next frame of a store follows; none where the store has no chain.
pub(crate) fn last(parts: &[std::sync::Arc<Part>]) -> Result<Option<Link>, Trouble> {
    let Some(store) = parts.last().map(|part| &part.segment.header).filter(|header| header.chained) else {
        return Ok(None);
    };
    for part in parts.iter().rev().take_while(|part| part.segment.header.chained) {
        if let Some(link) = last_of(part)? {
            return Ok(Some(link));
        }
    }
    Ok(Some(Link::origin(store.store)))
}

/// The link of the last frame of a part: that of the last event, or of a document behind it.
fn last_of(part: &Part) -> Result<Option<Link>, Trouble> {
    let end = part.index.end();
    let last_event = part.index.last_offset()?.unwrap_or(part.begin);
    let mut link = None;
    let scanned = scan::frames(&part.segment, last_event, end, |_, head, frame| {
        link = head.link(frame);
        Ok(())
    })?;
    match scanned.fault {
        Some(fault) => Err(part.segment.damage(scanned.end, &fault)),
        None => Ok(link),
    }
}
