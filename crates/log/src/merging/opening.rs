//! Opening the merged indexes that are there, and removing those that are of no use any more.

use std::sync::Arc;

use tracing::{info, warn};

use super::Bell;
use crate::{
    disk::Disk,
    error::Trouble,
    index::{
        merged::{
            MergedIndex,
            layout::{Covered, MergedName},
        },
        page::PageCache,
    },
    view::{Part, Run},
};

/// Opens the merged indexes of these parts, and removes all others.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    names: &[MergedName],
    parts: &[Arc<Part>],
    pages: &Arc<PageCache>,
    bell: &Bell,
) -> Vec<Run> {
    let mut runs = Vec::new();
    for name in largest_first(names) {
        bell.passes(name.number);
        match run(disk, name, parts, pages) {
            Ok(Some(run)) if !overlaps(&runs, &run) => runs.push(run),
            Ok(_) => remove(disk, name),
            Err(why) => {
                warn!("the merged index `{}` is made again: {why}", name.file());
                remove(disk, name);
            }
        }
    }
    runs.sort_unstable_by_key(|run| run.parts.start);
    runs
}

/// Opens the merged indexes of these parts that can be used, and changes nothing.
pub(crate) fn read_only(
    disk: &Arc<dyn Disk>,
    names: &[MergedName],
    parts: &[Arc<Part>],
    pages: &Arc<PageCache>,
) -> Vec<Result<Run, (MergedName, String)>> {
    let open = |name: MergedName| run(disk, name, parts, pages).map_err(|why| (name, why)).transpose();
    largest_first(names).into_iter().filter_map(open).collect()
}

fn largest_first(names: &[MergedName]) -> Vec<MergedName> {
    let mut names = names.to_vec();
    names.sort_unstable_by_key(|name| (std::cmp::Reverse(name.segments()), std::cmp::Reverse(name.number)));
    names
}

/// Opens a merged index; absent where the segments are not those any more of which it was made.
fn run(
    disk: &Arc<dyn Disk>,
    name: MergedName,
    parts: &[Arc<Part>],
    pages: &Arc<PageCache>,
) -> Result<Option<Run>, String> {
    let number = |part: &Arc<Part>| part.segment.header.number;
    let start = parts.partition_point(|part| number(part) < name.first);
    let end = parts.partition_point(|part| number(part) <= name.last);
    let of = &parts[start..end];
    if of.len() as u64 != name.segments() || !of.iter().all(|part| Covered::tells_apart(part)) {
        return Ok(None);
    }
    let index = MergedIndex::open(disk, of[0].segment.header.store, name, pages)?;
    let now = of.iter().map(|part| Covered::of(part)).collect::<Result<Vec<_>, Trouble>>();
    let same = now.map_err(|trouble| trouble.to_string())? == index.covered;
    Ok(same.then(|| Run { parts: start..end, index: Arc::new(index) }))
}

fn overlaps(runs: &[Run], run: &Run) -> bool {
    runs.iter().any(|known| known.parts.start < run.parts.end && run.parts.start < known.parts.end)
}

fn remove(disk: &Arc<dyn Disk>, name: MergedName) {
    if let Err(error) = disk.remove(&name.file()) {
        info!("the merged index `{}`, which nobody needs, could not be removed: {error}", name.file());
    }
}
