//! How a frame is tied into the hash chain: its links stand at its end.

use super::{Content, Head};
use crate::chain::{LINK, Link};

/// The frame ends with its link of the hash chain.
pub(crate) const LINKED: u8 = 8;
/// Before its own link the frame has that which it follows, for the frame with that link does not stand before it.
pub(crate) const FOLLOWING: u8 = 16;

/// How a frame is tied into the hash chain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tie {
    /// Not at all: the store has no chain.
    Untied,
    /// It is the next; the first of its segment says what it follows.
    Next { follows: Link, first: bool },
    /// It was tied when it was written, and stands in another place now. It says what it follows where that is gone.
    Kept { own: Link, follows: Option<Link> },
}

impl Tie {
    pub(super) const fn flags(&self) -> u8 {
        match self {
            Tie::Untied => 0,
            Tie::Next { first: false, .. } | Tie::Kept { follows: None, .. } => LINKED,
            Tie::Next { first: true, .. } | Tie::Kept { follows: Some(_), .. } => LINKED | FOLLOWING,
        }
    }
}

/// The bytes of the links at the end of a frame with these flags.
pub(super) const fn links(flags: u8) -> usize {
    if flags & LINKED == 0 {
        0
    } else if flags & FOLLOWING == 0 {
        LINK
    } else {
        2 * LINK
    }
}

impl Content<'_> {
    /// Adds the links of the frame that began at `start`, and answers its own.
    pub(super) fn add_links(&self, out: &mut Vec<u8>, start: usize) -> Option<Link> {
        let (follows, own) = match self.tie {
            Tie::Untied => return None,
            Tie::Next { follows, first } => (first.then_some(follows), follows.next(&out[start..])),
            Tie::Kept { own, follows } => (follows, own),
        };
        if let Some(follows) = follows {
            out.extend_from_slice(follows.as_bytes());
        }
        out.extend_from_slice(own.as_bytes());
        Some(own)
    }
}

impl Head {
    /// The link of the frame, if it has one.
    pub(crate) fn link(&self, frame: &[u8]) -> Option<Link> {
        self.is(LINKED).then(|| Link::at(frame, self.length - LINK))
    }

    /// The link that the frame says it follows, if it does.
    pub(crate) fn follows(&self, frame: &[u8]) -> Option<Link> {
        self.is(FOLLOWING).then(|| Link::at(frame, self.length - 2 * LINK))
    }

    /// The link that a frame with this content has behind another.
    pub(crate) fn link_behind(&self, follows: Link, frame: &[u8]) -> Link {
        follows.next(&frame[..self.data().end])
    }
}
