//! Answers for people about the upkeep of a store.

use std::{
    io::{self, Write},
    path::Path,
};

use engine::store::{BackupReport, ScavengeReport, StoreStats};

use super::human::counted;

/// Writes what a scavenge gave back.
pub(super) fn write_scavenged(out: &mut impl Write, report: &ScavengeReport) -> io::Result<()> {
    if report.events == 0 && report.documents == 0 {
        return writeln!(out, "nothing to remove");
    }
    write!(out, "removed {}", counted(report.events, "event"))?;
    if report.documents > 0 {
        write!(out, " and {} of documents", counted(report.documents, "old version"))?;
    }
    match report.bytes {
        0 => writeln!(out),
        bytes => writeln!(out, ", {} given back", size(bytes)),
    }
}

/// Writes what a backup copied.
pub(super) fn write_backed_up(
    out: &mut impl Write,
    report: &BackupReport,
    destination: &Path,
) -> io::Result<()> {
    let (copied, all) = (report.copied, counted(report.segments, "segment"));
    let (bytes, place) = (size(report.bytes), destination.display());
    writeln!(out, "copied {copied} of {all}, {bytes}, to {place}")
}

/// Writes what a store was made of.
pub(super) fn write_restored(out: &mut impl Write, report: &BackupReport, source: &Path) -> io::Result<()> {
    let (all, bytes) = (counted(report.segments, "segment"), size(report.bytes));
    writeln!(out, "restored {all}, {bytes}, from {}", source.display())
}

/// Writes how large a store is.
pub(super) fn write_stats(out: &mut impl Write, stats: &StoreStats) -> io::Result<()> {
    let gone = &stats.reclaimable;
    writeln!(out, "events       {}, up to position {}", stats.events, stats.next_position)?;
    writeln!(out, "streams      {}, and {} of the system", stats.streams, stats.system_streams)?;
    writeln!(out, "documents    {}", stats.documents)?;
    let rewritten = stats.rewritten_segments;
    writeln!(out, "segments     {}, of which {rewritten} were written anew", stats.segments)?;
    write!(
        out,
        "on the disk  {} of events, {} of indexes",
        size(stats.segment_bytes),
        size(stats.index_bytes)
    )?;
    if stats.segment_bytes < stats.frame_bytes && stats.frame_bytes > 0 {
        let percent = stats.segment_bytes.saturating_mul(100) / stats.frame_bytes;
        write!(out, "; compressed to {percent} %")?;
    }
    writeln!(out)?;
    let (memory, open) = (size(stats.index_memory_bytes), counted(stats.open_files, "file"));
    writeln!(out, "in memory    {memory} of indexes, {open} of finished segments open")?;
    let old = counted(gone.documents, "old version");
    writeln!(out, "reclaimable  {}, {old} of documents, {}", counted(gone.events, "event"), size(gone.bytes))
}

/// A number of bytes as people say it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return counted(bytes, "byte");
    }
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1_024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        let said = [1, 1_023, 1_024, 1_536, 5 << 20, 3 << 30, u64::MAX / 16].map(size);
        let wanted = ["1 byte", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB", "1048576.0 TiB"];
        assert_eq!(said[..6], wanted[..6]);
        assert!(said[6].ends_with("TiB"), "{}", said[6]);
    }

    #[test]
    fn what_was_removed_is_told_in_words() {
        let told = |report: ScavengeReport| {
            let mut out = Vec::new();
            write_scavenged(&mut out, &report).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(ScavengeReport::default()), "nothing to remove\n");
        let report = ScavengeReport { events: 1, documents: 2, bytes: 2_048, ..ScavengeReport::default() };
        assert_eq!(told(report), "removed 1 event and 2 old versions of documents, 2.0 KiB given back\n");
    }
}
