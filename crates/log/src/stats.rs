//! How large a store is, and what could be given back.

use std::sync::Arc;

use engine_store::{MaintenanceError, Progress, SegmentReport, StoreStats};

use crate::{
    catalog,
    error::Trouble,
    scavenge,
    segment::Segment,
    shared::Shared,
    view::View,
    work::{Told, at_work},
};

/// Looks through a store.
pub(crate) async fn stats(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<StoreStats, MaintenanceError> {
    at_work(shared, progress, count).await
}

fn count(shared: &Arc<Shared>, told: &mut Told) -> Result<StoreStats, MaintenanceError> {
    let view = shared.view();
    told.total = scavenge::total(&view);
    let segments = view.segments();
    let (streams, system_streams) = streams(&view)?;
    let mut stats = StoreStats {
        segments: segments.len() as u64,
        events: view.parts.iter().map(|part| part.index.events()).sum(),
        next_position: view.next_position(),
        streams,
        system_streams,
        documents: catalog::documents(&view, "", None, usize::MAX)?.len() as u64,
        index_memory_bytes: shared.pages.held(),
        open_files: shared.pages.files.count() as u64,
        reclaimable: scavenge::reclaimable(&view, shared, told)?,
        ..StoreStats::default()
    };
    for (segment, end) in &segments {
        stats.frame_bytes += end;
        stats.segment_bytes += segment.file_len(*end);
        stats.rewritten_segments += u64::from(segment.rewritten.is_some());
        stats.index_bytes += index_bytes(shared, segment);
    }
    stats.index_bytes += view.runs.iter().map(|run| run.index.bytes()).sum::<u64>();
    told.tell(told.total);
    Ok(stats)
}

/// The segments, the oldest first.
pub(crate) async fn segments(shared: &Arc<Shared>) -> Result<Vec<SegmentReport>, MaintenanceError> {
    at_work(shared, &|_| {}, |shared, _| Ok(list(shared))).await
}

fn list(shared: &Shared) -> Vec<SegmentReport> {
    let view = shared.view();
    let events = |number: u64| -> u64 {
        let parts = view.parts.iter().filter(|part| part.segment.header.number == number);
        parts.map(|part| part.index.events()).sum()
    };
    let written = view.written().segment.header.number;
    let report = |(segment, end): (Arc<Segment>, u64)| SegmentReport {
        name: segment.name().log(),
        first_position: segment.header.first_position,
        events: events(segment.header.number),
        bytes: segment.file_len(end),
        frame_bytes: end,
        index_bytes: index_bytes(shared, &segment),
        rewritten: segment.header.generation,
        finished: segment.header.number != written,
    };
    view.segments().into_iter().map(report).collect()
}

/// The bytes of an index on the disk. One that is not written yet takes no room.
fn index_bytes(shared: &Shared, segment: &Segment) -> u64 {
    let index = shared.disk.open(&segment.name().idx(), crate::disk::Mode::Read);
    index.and_then(|file| file.len()).unwrap_or(0)
}

/// How many streams there are, those of users and those of the system.
fn streams(view: &View) -> Result<(u64, u64), Trouble> {
    let (mut users, mut system) = (0, 0);
    catalog::names(view, "", |name| {
        *if name.starts_with('$') { &mut system } else { &mut users } += 1;
        Ok(())
    })?;
    Ok((users, system))
}
