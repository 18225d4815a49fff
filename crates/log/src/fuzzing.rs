//! What the log makes of whatever bytes there are: for fuzzers (`fuzz/` in the repository), and the test that runs their
//! seeds.
//!
//! Checksums are made to fit first, or nothing would get past them. Then every answer is right, as long as it is one:
//! nothing here may panic, take memory without bound, or run for ever.

mod mend;
mod merged;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use engine_store::{Direction, Filter, filter::Choice};
use uuid::Uuid;

use crate::{
    chain::Link,
    disk::{Disk, Mode, shared_files::OpenFiles, sim::SimDisk},
    fetch::Fetch,
    frame::{Content, Head, LAST, Tie},
    index::{
        Index, Search, build, disk::DiskIndex, document_hash, memory::MemoryIndex, page::PageCache,
        stream_hash,
    },
    options::LogOptions,
    recovery,
    segment::{Segment, SegmentHeader, blocks::BlockCache, name::SegmentName},
    view::Part,
};

pub use merged::merged;

const STORE: Uuid = Uuid::from_u128(0x0192_c0de_7000_8000_8000_0000_0000_0001);
const PLACE: u64 = 64;
const SALT: u32 = 7;

/// Decodes bytes as one frame. What is decoded is encoded again, and is the same.
pub fn frame(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    // A long frame is filled up with zeros, which tells nothing and takes long.
    let Some(parsed) = Head::parse(&bytes).ok().filter(|head| head.size <= 1 << 16) else { return };
    bytes.resize(crate::units::index(parsed.size), 0);
    mend::frame(&mut bytes, SALT, PLACE);
    let Ok(head) = Head::check(&bytes, SALT, PLACE) else { return };
    let tie = match head.link(&bytes) {
        None => Tie::Untied,
        Some(own) => Tie::Kept { own, follows: head.follows(&bytes) },
    };
    let _link = head.link_behind(Link::origin(STORE), &bytes);
    let (name, event_type) = (head.name(&bytes), head.event_type(&bytes));
    let content = Content {
        kind: head.kind,
        flags: head.flags,
        synced: head.synced,
        position: head.position,
        revision: head.revision,
        created: head.created,
        id: head.id,
        name,
        event_type,
        metadata: &bytes[head.metadata()],
        data: &bytes[head.data()],
        tie,
    };
    let mut again = Vec::new();
    content.encode(&mut again, SALT, PLACE);
    let same = Head::check(&again, SALT, PLACE).expect("what was encoded is a frame");
    assert_eq!((same.name(&again), same.event_type(&again)), (name, event_type));
    assert_eq!(
        (&again[same.metadata()], &again[same.data()]),
        (&bytes[head.metadata()], &bytes[head.data()])
    );
    assert_eq!((same.link(&again), same.follows(&again)), (head.link(&bytes), head.follows(&bytes)));
}

/// Takes bytes for the segment of a store that was not closed in order, recovers and reads it.
pub fn segment(bytes: &[u8]) {
    let Some(bytes) = mend::segment(bytes, STORE) else { return };
    let name = mend::segment_name(&bytes);
    let disk = SimDisk::holding(BTreeMap::from([(name.log(), bytes)]));
    let Ok(segment) = Segment::open(&disk, &name.log(), Mode::Write, STORE) else { return };
    let index = MemoryIndex::of(&segment);
    let length = segment.len().expect("the disk is whole");
    let index = if segment.rewritten.is_some() {
        recovery::index_whole(&segment, index, length).ok()
    } else {
        recovery::recover(&segment, index).ok()
    };
    let Some(index) = index else { return };
    let encoded = build::encode(&segment, &index);
    assert_eq!(build::covered(&encoded, &segment), Some(index.end()));
    let part = Part::of(Arc::new(segment), Index::memory(index));
    let places: Vec<_> = (part.first_position..part.next_position().min(part.first_position + 1_000))
        .filter_map(|position| Some((position, part.index.offset(position).ok()?)))
        .filter(|(_, offset)| *offset < part.index.end())
        .collect();
    for direction in [Direction::Forwards, Direction::Backwards] {
        let mut fetch = Fetch::new(&LogOptions::default());
        let _read = fetch.read(&places, |_| &part, direction, |_| Ok(()));
    }
}

/// Takes bytes for the index of a segment, and asks it everything.
pub fn index(bytes: &[u8]) {
    let header = SegmentHeader {
        store: STORE,
        number: 0,
        first_position: 0,
        previous_length: 0,
        generation: bytes.get(56).map_or(0, |byte| u32::from(*byte % 2)),
        chained: false,
    };
    let bytes = mend::index_file(bytes, &header);
    let name = SegmentName::of(&header);
    let disk = SimDisk::holding(BTreeMap::from([(name.idx(), bytes)]));
    let file = disk.open(&name.idx(), Mode::Read).expect("it is there");
    let rewritten = (header.generation > 0).then(|| mend::rewritten(1_000));
    let segment = Segment::with(header, rewritten, Path::new("segment").to_owned(), file);
    let files = OpenFiles::new(Arc::new(disk.clone()), 4);
    let cache = Arc::new(PageCache::new(1 << 16, files, Arc::new(BlockCache::new(4))));
    if let Ok(Some(index)) = DiskIndex::open(&disk, &segment, &cache) {
        ask(&index);
    }
}

/// Asks an index everything. Whether the answers are errors is not looked at.
fn ask(index: &DiskIndex) {
    let names = index.names("", false, 100).unwrap_or_default();
    let keys = index.keys("", false, 100).unwrap_or_default();
    let known = names.iter().map(|(name, _)| name.as_str()).chain(["account-1", "$$account-1", ""]);
    for name in known {
        if let Ok(Some(span)) = index.stream(name, stream_hash(name)) {
            let end = span.last().min(span.first.saturating_add(1_000)) + 1;
            let _offsets = index.stream_offsets(&span, span.first..end);
        }
    }
    for key in keys.iter().map(|(key, _)| key.as_str()).chain(["document-1"]) {
        let _entry = index.document(key, document_hash(key));
    }
    for position in [0, 1, 2, index.events, index.next_position, u64::MAX] {
        let _offset = index.offset(position);
    }
    let _last = index.last_offset();
    let _ids = index.newest_ids(1_000);
    let _counts = index.dictionary.counts();
    let some = Filter::new(Choice { categories: vec!["account".to_owned()], ..Choice::default() });
    for filter in [Filter::everything(), some] {
        let kinds = index.dictionary.kinds(&filter);
        for direction in [Direction::Forwards, Direction::Backwards] {
            let positions = 0..index.next_position;
            let _found = index.search(&Search { kinds: &kinds, positions, direction, limit: 100 });
        }
    }
}

/// Bytes that [`frame`], [`segment`], [`index`] and [`merged()`] are begun with: a small store, chained or not.
pub fn seeds(chained: bool) -> [(&'static str, Vec<u8>); 4] {
    let header = SegmentHeader {
        store: STORE,
        number: 0,
        first_position: 0,
        previous_length: 0,
        generation: 0,
        chained,
    };
    let disk = SimDisk::new();
    let segment = Segment::prepare(&disk, header).expect("the disk is whole");
    let mut frames = header.encode().to_vec();
    let mut follows = Link::origin(STORE);
    for number in 0..6_u64 {
        let offset = frames.len() as u64;
        let tie = if chained { Tie::Next { follows, first: number == 0 } } else { Tie::Untied };
        let content = Content {
            kind: if number == 4 { crate::frame::Kind::Document } else { crate::frame::Kind::Event },
            flags: if number == 1 { 0 } else { LAST },
            synced: PLACE,
            position: number - u64::from(number > 4),
            revision: if number == 4 { 1 } else { number / 2 },
            created: 1_700_000_000_000_000,
            id: Uuid::from_u128(u128::from(number)).into_bytes(),
            name: ["account-1", "account-2"][crate::units::index(number % 2)],
            event_type: if number == 4 { "" } else { "MoneyDeposited" },
            metadata: if number == 3 { br#"{"$correlationId":"1"}"# } else { b"" },
            data: br#"{"amount":23}"#,
            tie,
        };
        follows = content.encode(&mut frames, segment.salt, offset).unwrap_or(follows);
    }
    crate::disk::write_full(&*segment.file, &frames, 0).expect("the disk is whole");
    let end = frames.len() as u64;
    let index =
        recovery::index_whole(&segment, MemoryIndex::of(&segment), end).expect("the frames are whole");
    let index = build::encode(&segment, &index);
    let first = crate::units::index(PLACE);
    let merged = merged::seed(if chained { 16 } else { 4 });
    [("frame", frames[first..].to_vec()), ("segment", frames), ("index", index), ("merged", merged)]
}
