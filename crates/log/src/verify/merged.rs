//! Checking merged indexes: each must be what its segments' own indexes make.

use std::{io, sync::Arc};

use super::check::Check;
use crate::{
    disk::{self, Disk, File, Mode, shared_files::OpenFiles},
    index::{
        Index,
        file::FileIndex,
        merged::{MergedIndex, layout::MergedName, merge::Failure},
        page::{PageCache, Sink},
    },
    merging::{self, in_files},
    segment::{Segment, blocks::BlockCache},
    view::{Part, Run},
};

/// Few pages are read more than once.
const CACHE: usize = 1 << 20;

/// Checks the merged indexes of segments that are not written any more.
pub(super) fn check(
    check: &mut Check<'_>,
    disk: &Arc<dyn Disk>,
    segments: &[Arc<Segment>],
    names: &[MergedName],
) {
    if names.is_empty() {
        return;
    }
    let pages =
        Arc::new(PageCache::new(CACHE, OpenFiles::new(disk.clone(), 64), Arc::new(BlockCache::new(1))));
    let part = |segment: &Arc<Segment>| {
        // What is wrong with the index of a segment is told as such; it is not mended here, which asking it would do.
        let index = FileIndex::open(disk, segment, &pages).ok()??;
        index.disk.newest_ids(1).ok()?;
        Some(Arc::new(Part::of(segment.clone(), Index::File(Box::new(index)))))
    };
    let parts: Vec<_> = segments.iter().filter_map(part).collect();
    for opened in merging::read_only(disk, names, &parts, &pages) {
        match opened {
            Ok(run) => check_run(check, &**disk, &run, &parts),
            // Where the store is open, one that was superseded may be gone by now.
            Err((name, _)) if is_gone(&**disk, name) => {}
            Err((name, why)) => tell(check, &**disk, name, &why),
        }
    }
}

/// Checks one merged index.
pub(super) fn check_run(check: &mut Check<'_>, disk: &dyn Disk, run: &Run, parts: &[Arc<Part>]) {
    let name = run.index.name;
    match differs(disk, &run.index, &parts[run.parts.clone()]) {
        Ok(true) => tell(check, disk, name, "it is not that of its segments"),
        // Damage of segments and their indexes has been told.
        Ok(false) | Err(Failure::Trouble(_) | Failure::GivenUp) => {}
        Err(Failure::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(Failure::Disk(error)) => tell(check, disk, name, &error.to_string()),
        Err(Failure::Contradiction(why)) => tell(check, disk, name, &why),
    }
}

/// Whether a merged index is other than what its segments make.
fn differs(disk: &dyn Disk, index: &MergedIndex, parts: &[Arc<Part>]) -> Result<bool, Failure> {
    let Some(indexes) = in_files(parts) else { return Ok(false) };
    let file = disk.open(&index.name.file(), Mode::Read).map_err(Failure::Disk)?;
    let length = file.len().map_err(Failure::Disk)?;
    let mut known = Known { file, end: 0, differs: false };
    let store = parts[0].segment.header.store;
    match index.sources(store, &indexes).merge(&mut known, &|| true) {
        Err(Failure::Disk(_)) if known.differs => Ok(true),
        merged => merged.map(|()| known.end != length),
    }
}

/// What pages are compared with.
#[derive(Debug)]
struct Known {
    file: Arc<dyn File>,
    end: u64,
    differs: bool,
}

impl Sink for Known {
    fn take(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut known = vec![0; bytes.len()];
        let read = disk::read_full(&*self.file, &mut known, offset)?;
        self.end = self.end.max(offset + bytes.len() as u64);
        self.differs |= read < known.len() || known != bytes;
        if self.differs { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }
}

fn is_gone(disk: &dyn Disk, name: MergedName) -> bool {
    matches!(disk.open(&name.file(), Mode::Read), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn tell(check: &mut Check<'_>, disk: &dyn Disk, name: MergedName, why: &str) {
    let fault = format!(
        "the merged index cannot be used ({why}); remove this file, which nothing depends on: it is made again"
    );
    check.index_fault(&disk.place().join(name.file()), fault);
}
