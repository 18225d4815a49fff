//! Frames: how one event, or one document, stands in a segment.
//!
//! The checksum covers the place of the frame too, so that bytes which are whole but stand where they do
//! not belong (a misdirected write, a copy inside the data of an event) are no frame.

mod head;
mod tie;

use crate::{
    chain::Link,
    units::{aligned, index, packed, short},
};

pub(crate) use head::{Fault, Head};
use tie::links;
pub(crate) use tie::{FOLLOWING, LINKED, Tie};

/// The bytes before the name.
pub(crate) const HEADER: usize = 64;

/// The longest frame: the header, the longest names, and the largest content.
pub(crate) const MAX_FRAME: u64 = 17 * 1024 * 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Event = 1,
    Document = 2,
    DocumentRemoval = 3,
    /// Keeps the revision and the id of the last event of its stream, which was removed.
    Removed = 4,
}

/// The last frame of its append: with it the append is complete.
pub(crate) const LAST: u8 = 1;
/// The data is not JSON.
pub(crate) const BINARY: u8 = 2;
/// The event closes its stream for ever.
pub(crate) const TOMBSTONE: u8 = 4;

/// What is written as one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub kind: Kind,
    pub flags: u8,
    /// Up to where the segment was surely on disk when this was written.
    pub synced: u64,
    /// The position of an event; of a document, that of the next event.
    pub position: u64,
    /// The revision of an event; the version of a document.
    pub revision: u64,
    pub created: i64,
    pub id: [u8; 16],
    pub name: &'a str,
    pub event_type: &'a str,
    pub metadata: &'a [u8],
    pub data: &'a [u8],
    pub tie: Tie,
}

impl Content<'_> {
    /// Adds the frame to `out`. `offset` is where it will stand in its segment. Answers its link, if it has one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, salt: u32, offset: u64) -> Option<Link> {
        let start = out.len();
        let sizes = [self.name.len(), self.event_type.len(), self.metadata.len(), self.data.len()];
        let flags = self.flags | self.tie.flags();
        let length = HEADER + sizes.iter().sum::<usize>() + links(flags);
        out.reserve(length + 8);
        out.extend_from_slice(&short(length).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[self.kind as u8, flags]);
        out.extend_from_slice(&narrow(self.name.len()).to_le_bytes());
        out.extend_from_slice(&packed(self.synced).to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.revision.to_le_bytes());
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&narrow(self.event_type.len()).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&short(self.metadata.len()).to_le_bytes());
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(self.event_type.as_bytes());
        out.extend_from_slice(self.metadata);
        out.extend_from_slice(self.data);
        let own = self.add_links(out, start);
        out.resize(start + index(aligned(length as u64)), 0);
        let checksum = checksum(&out[start..], salt, offset);
        out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
        own
    }
}

/// The bytes that a frame takes without links.
pub(crate) fn size(name: usize, event_type: usize, metadata: usize, data: usize) -> u64 {
    aligned((HEADER + name + event_type + metadata + data) as u64)
}

fn narrow(length: usize) -> u16 {
    u16::try_from(length).expect("names are bounded by their checks")
}

/// The checksum of a frame without its second four bytes, bound to its segment and its place.
pub(crate) fn checksum(frame: &[u8], salt: u32, offset: u64) -> u32 {
    let place = crc32c::crc32c_append(salt, &offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(place, &frame[..4]), &frame[8..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(name: &str, event_type: &str, metadata: &[u8], data: &[u8], offset: u64) -> Vec<u8> {
        tied(name, event_type, metadata, data, offset, Tie::Untied)
    }

    fn tied(name: &str, event_type: &str, metadata: &[u8], data: &[u8], offset: u64, tie: Tie) -> Vec<u8> {
        let mut bytes = Vec::new();
        let content = Content {
            kind: Kind::Event,
            flags: LAST,
            synced: offset,
            position: 7,
            revision: 3,
            created: -5,
            id: [9; 16],
            name,
            event_type,
            metadata,
            data,
            tie,
        };
        content.encode(&mut bytes, 1, offset);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            name in "[a-z]{1,80}", event_type in "[A-Za-z]{1,80}",
            metadata: Vec<u8>, data: Vec<u8>, place in 0..1_000_000_u64,
        ) {
            let bytes = encoded(&name, &event_type, &metadata, &data, place * 8);
            let head = Head::check(&bytes, 1, place * 8).unwrap();
            prop_assert_eq!(head.size, bytes.len() as u64);
            prop_assert_eq!(head.name(&bytes), name);
            prop_assert_eq!(head.event_type(&bytes), event_type);
            prop_assert_eq!(&bytes[head.metadata()], metadata);
            prop_assert_eq!(&bytes[head.data()], data);
            prop_assert_eq!((head.position, head.revision, head.created), (7, 3, -5));
            prop_assert_eq!((head.synced, head.id), (place * 8, [9; 16]));
        }

        #[test]
        fn a_link_is_the_same_wherever_its_frame_stands_and_another_for_any_other_content(
            metadata: Vec<u8>, data: Vec<u8>, place in 0..1_000_000_u64, at: prop::sample::Index,
        ) {
            let follows = Link::origin(uuid::Uuid::nil());
            let frame = |data: &[u8], place, tie| {
                let bytes = tied("account-1", "Created", &metadata, data, place, tie);
                (Head::check(&bytes, 1, place).unwrap(), bytes)
            };
            let (head, bytes) = frame(&data, 64, Tie::Next { follows, first: true });
            prop_assert_eq!((&bytes[head.metadata()], &bytes[head.data()]), (&metadata[..], &data[..]));
            prop_assert_eq!(head.follows(&bytes), Some(follows));
            let own = head.link(&bytes).unwrap();
            let (moved, bytes) = frame(&data, place * 8, Tie::Kept { own, follows: None });
            prop_assert_eq!((moved.follows(&bytes), moved.link(&bytes)), (None, Some(own)));
            prop_assert_eq!(moved.link_behind(follows, &bytes), own);
            prop_assert_ne!(moved.link_behind(own, &bytes), own);
            let mut other = data.clone();
            other.insert(at.index(data.len() + 1), 7);
            let (head, bytes) = frame(&other, 64, Tie::Next { follows, first: false });
            prop_assert_ne!(head.link(&bytes), Some(own));
        }

        #[test]
        fn a_frame_with_a_flipped_bit_is_no_frame(data: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = encoded("account-1", "Created", b"{}", &data, 64);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Head::check(&bytes, 1, 64).is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(Head::check(&bytes, 1, 64).is_err());
        }
    }

    #[test]
    fn a_frame_in_another_place_or_segment_is_no_frame() {
        let bytes = encoded("account-1", "Created", b"", b"{}", 64);
        assert_eq!(Head::check(&bytes, 1, 72), Err(Fault::Checksum));
        assert_eq!(Head::check(&bytes, 2, 64), Err(Fault::Checksum));
    }
}
