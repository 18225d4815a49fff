//! Merged indexes, made of whatever bytes there are.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use super::{STORE, mend};
use crate::{
    disk::{Disk, Mode, shared_files::OpenFiles, sim::SimDisk},
    index::{
        DocumentEntry, Index, build,
        disk::DiskIndex,
        document_hash,
        memory::{Entry, MemoryIndex, Run},
        merged::{
            MergedIndex,
            layout::{Covered, MergedName},
            merge::Sources,
        },
        page::{PageCache, Sink},
        stream_hash,
    },
    segment::{Segment, SegmentHeader, blocks::BlockCache},
    view::Part,
};

const NAME: MergedName = MergedName { first: 0, last: 3, number: 1 };

/// Takes bytes for a merged index of four segments, and asks it everything.
pub fn merged(bytes: &[u8]) {
    let bytes = mend::merged_file(bytes, &NAME, STORE);
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::holding(BTreeMap::from([(NAME.file(), bytes)])));
    let Ok(index) = MergedIndex::open(&disk, STORE, NAME, &cache(&disk)) else { return };
    let names = index.names("", false, 100).unwrap_or_default();
    let keys = index.keys("", false, 100).unwrap_or_default();
    let known = names.iter().map(|(name, _)| name.as_str()).chain(["account-1", "$$account-1", ""]);
    for name in known {
        if let Ok(Some(span)) = index.stream(name, stream_hash(name)) {
            let end = span.last().min(span.first.saturating_add(1_000)) + 1;
            let postings = index.postings(&span, span.first..end).unwrap_or_default();
            assert!(postings.iter().all(|(ahead, _)| *ahead < 4), "all events stand in the segments");
        }
    }
    for key in keys.iter().map(|(key, _)| key.as_str()).chain(["document-1"]) {
        let entry = index.document(key, document_hash(key));
        assert!(entry.ok().flatten().is_none_or(|(ahead, _)| ahead < 4), "it stands in one of the segments");
    }
    let _names_behind = index.names("account-1", true, 100);
    let _bytes = index.bytes();
}

fn cache(disk: &Arc<dyn Disk>) -> Arc<PageCache> {
    Arc::new(PageCache::new(1 << 16, OpenFiles::new(disk.clone(), 4), Arc::new(BlockCache::new(4))))
}

/// The merged index of four small segments, with so many streams in each.
pub(super) fn seed(streams: u64) -> Vec<u8> {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let cache = cache(&disk);
    let parts: Vec<_> = (0..4).map(|number| part(&disk, &cache, number, streams)).collect();
    let covered: Vec<_> =
        parts.iter().map(|(part, _)| Covered::of(part).expect("an index in memory can be read")).collect();
    let indexes: Vec<_> = parts.iter().map(|(_, index)| index).collect();
    let mut merged = Memory(Vec::new());
    let sources = Sources { store: STORE, name: NAME, indexes: &indexes, covered: &covered };
    sources.merge(&mut merged, &|| true).expect("the indexes are whole");
    merged.0
}

fn part(disk: &Arc<dyn Disk>, cache: &Arc<PageCache>, number: u64, streams: u64) -> (Part, DiskIndex) {
    // One stream has one event, in the third segment.
    let (has_one, behind_one) = (number == 2, u64::from(number > 2));
    let (first_position, previous_length, generation, chained) =
        (number * streams * 2 + behind_one, 0, 0, false);
    let header = SegmentHeader { store: STORE, number, first_position, previous_length, generation, chained };
    let file = disk.open("segment", Mode::Create).expect("the disk is whole");
    let segment = Arc::new(Segment::with(header, None, Path::new("segment").to_owned(), file));
    let mut index = MemoryIndex::starting(first_position, 64);
    for stream in 0..streams {
        let name = engine_types::StreamName::new(format!("account-{stream}")).expect("it can be a name");
        let entry = |ahead: u64| Entry {
            offset: 64 + (stream * 2 + ahead) * 128,
            id: first_position + stream * 2 + ahead,
            event_type: "MoneyDeposited".into(),
        };
        index.add(&Run { stream: &name, first: number * 2, tombstone: false, events: &[entry(0), entry(1)] });
    }
    let end = 64 + streams * 256;
    if has_one {
        let name = engine_types::StreamName::new("brief-1").expect("it can be a name");
        let entry = Entry { offset: end, id: first_position + streams * 2, event_type: "Noted".into() };
        index.add(&Run { stream: &name, first: 0, tombstone: false, events: &[entry] });
    }
    let document = DocumentEntry { version: number, offset: 64, removed: number == 3 };
    index.add_document(&format!("document-{}", number % 2), document);
    index.reach(end + u64::from(has_one) * 128);
    let bytes = build::encode(&segment, &index);
    crate::disk::write_whole(&**disk, &segment.name().idx(), &bytes).expect("the disk is whole");
    let opened = DiskIndex::open(&**disk, &segment, cache).expect("it was just made");
    (Part::of(segment, Index::memory(index)), opened.expect("it is there"))
}

#[derive(Debug)]
struct Memory(Vec<u8>);

impl Sink for Memory {
    fn take(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (begin, end) = (crate::units::index(offset), crate::units::index(offset) + bytes.len());
        self.0.resize(self.0.len().max(end), 0);
        self.0[begin..end].copy_from_slice(bytes);
        Ok(())
    }
}
