//! The room behind the last frame: reserved in large steps, and filled with zeros a little ahead.
//!
//! File systems note of reserved room that it holds nothing yet. What is written there first changes that note, and a
//! sync then waits for it, too: a commit of 16 KiB takes half as long again. Over zeros, only the frames are waited for.
//! Nothing but speed depends on zeros that were written: reserved room reads the same.

use std::{io, ops::Range};

use crate::{
    disk::{self, File},
    options::LogOptions,
};

/// So many commits of a size find zeros before more are written. Commits of which fewer would fit are written to reserved
/// room as it is: as many zeros again would cost more than they spare.
const COMMITS: u64 = 16;

/// This part of what may be filled is filled for the smallest of them.
const PART: u64 = 4;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    /// Up to where room is reserved.
    reserved: u64,
    /// Up to where it is filled.
    filled: u64,
    /// Room is reserved in steps of so many bytes.
    step: u64,
    /// So far ahead it is filled at most.
    ahead: u64,
}

impl Room {
    /// What is behind `end` in a file of this length. Whether any of it is filled is not known.
    pub(crate) fn behind(end: u64, length: u64, options: &LogOptions) -> Self {
        Room { reserved: length, filled: end, step: options.reserve_bytes, ahead: options.fill_bytes }
    }

    /// Forgets what is behind `end`: it was cut off.
    pub(crate) fn cut(&mut self, end: u64) {
        (self.reserved, self.filled) = (end, end);
    }

    /// Whether frames can be written here and nothing else need be done.
    pub(crate) fn is_ready(&self, frames: &Range<u64>) -> bool {
        frames.end <= self.reserved && !self.wants_zeros(frames)
    }

    fn wants_zeros(&self, frames: &Range<u64>) -> bool {
        frames.end > self.filled && worth(frames) <= self.ahead
    }

    /// Reserves room up to `end`: a step ahead, or where the disk is almost full, just so.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn reserve(&mut self, file: &dyn File, end: u64) -> io::Result<()> {
        if end <= self.reserved {
            return Ok(());
        }
        let ahead = end.next_multiple_of(self.step);
        self.reserved = match file.allocate(self.reserved, ahead) {
            Ok(()) => ahead,
            Err(_) => file.allocate(self.reserved, end).map(|()| end)?,
        };
        Ok(())
    }

    /// Fills what comes behind frames that were written here, if there are too few zeros. Where that fails, whatever the
    /// reason, it is left until more room is reserved: what matters is written and synced by others, who tell.
    pub(crate) fn fill(&mut self, file: &dyn File, frames: &Range<u64>) {
        if !self.wants_zeros(frames) {
            return;
        }
        let ahead = worth(frames).max(self.ahead / PART);
        let until = frames.end.saturating_add(ahead).min(self.reserved);
        self.filled = frames.end;
        while self.filled < until {
            let zeros = &ZEROS[..crate::units::index(until - self.filled).min(ZEROS.len())];
            match disk::write_full(file, zeros, self.filled) {
                Ok(()) => self.filled += zeros.len() as u64,
                Err(_) => self.filled = self.reserved,
            }
        }
    }
}

/// The zeros that frames of this size are worth.
fn worth(frames: &Range<u64>) -> u64 {
    (frames.end - frames.start).saturating_mul(COMMITS)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    const KIB: u64 = 1 << 10;

    /// Notes what is asked of a file.
    #[derive(Debug, Default)]
    struct Noted {
        written: Mutex<Vec<Range<u64>>>,
        refuses: bool,
    }

    impl File for Noted {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            assert!(bytes.iter().all(|byte| *byte == 0));
            if self.refuses {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut written = self.written.lock();
            match written.last_mut().filter(|before| before.end == offset) {
                Some(before) => before.end += bytes.len() as u64,
                None => written.push(offset..offset + bytes.len() as u64),
            }
            Ok(bytes.len())
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(0)
        }
    }

    fn options(fill_bytes: u64) -> LogOptions {
        LogOptions { fill_bytes, ..LogOptions::default() }
    }

    /// Makes room for commits of these sizes, one after the other; answers from where to where was filled.
    fn filled(room: &mut Room, file: &Noted, sizes: &[u64]) -> Vec<(u64, u64)> {
        let mut end = 0;
        for size in sizes {
            let frames = end..end + size;
            room.reserve(file, frames.end).unwrap();
            room.fill(file, &frames);
            assert!(room.is_ready(&frames));
            end = frames.end;
        }
        file.written.lock().drain(..).map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn zeros_are_written_once_in_a_while_and_only_behind_the_frames() {
        let (file, mut room) = (Noted::default(), Room::behind(0, 0, &options(1_024 * KIB)));
        let commits = [KIB; 300];
        let expected = [(KIB, 257 * KIB), (258 * KIB, 514 * KIB)];
        assert_eq!(filled(&mut room, &file, &commits), expected);
    }

    #[test]
    fn larger_commits_find_more_of_them_and_the_largest_none() {
        let (file, mut room) = (Noted::default(), Room::behind(0, 0, &options(1_024 * KIB)));
        assert_eq!(filled(&mut room, &file, &[32 * KIB]), [(32 * KIB, 544 * KIB)]);
        assert_eq!(filled(&mut room, &file, &[600 * KIB, 65 * KIB]), []);
    }

    #[test]
    fn nothing_is_filled_beyond_what_is_reserved() {
        let options = LogOptions { reserve_bytes: 64 * KIB, ..options(1_024 * KIB) };
        let (file, mut room) = (Noted::default(), Room::behind(0, 0, &options));
        assert_eq!(filled(&mut room, &file, &[KIB]), [(KIB, 64 * KIB)]);
    }

    #[test]
    fn what_was_cut_off_is_filled_again() {
        let (file, mut room) = (Noted::default(), Room::behind(0, 0, &options(1_024 * KIB)));
        filled(&mut room, &file, &[KIB]);
        room.cut(0);
        assert!(!room.is_ready(&(0..KIB)));
        assert_eq!(filled(&mut room, &file, &[KIB]), [(KIB, 257 * KIB)]);
    }

    #[test]
    fn frames_can_be_written_where_zeros_cannot() {
        let file = Noted { refuses: true, ..Noted::default() };
        let mut room = Room::behind(0, 0, &options(1_024 * KIB));
        assert_eq!(filled(&mut room, &file, &[KIB; 3]), []);
    }

    #[test]
    fn nothing_is_filled_where_nobody_wants_it() {
        let (file, mut room) = (Noted::default(), Room::behind(0, 0, &options(0)));
        assert_eq!(filled(&mut room, &file, &[KIB; 3]), []);
    }

    #[test]
    fn what_a_store_finds_when_it_opens_is_not_taken_for_filled() {
        let file = Noted::default();
        let mut room = Room::behind(8 * KIB, 64 * KIB, &options(1_024 * KIB));
        let frames = 8 * KIB..9 * KIB;
        assert!(!room.is_ready(&frames));
        room.fill(&file, &frames);
        assert!(room.is_ready(&(9 * KIB..64 * KIB)));
    }
}
