//! Leaving a store in order, so that the next start need not look for what was half written.

use std::io;

use crate::{
    disk,
    shared::Shared,
    store_file::{CLEAN, CleanMark},
    writer::tail::Tail,
};

/// Says that the log ends where it ends. The tail has been cut and synced.
pub(crate) fn leave_clean_mark(tail: &Tail, shared: &Shared) -> io::Result<()> {
    let mark = CleanMark {
        store: tail.segment.header.store,
        segment: tail.segment.header.number,
        length: tail.end,
        next_position: shared.view().next_position(),
    };
    disk::write_whole(&*tail.disk, CLEAN, &mark.encode())
}
