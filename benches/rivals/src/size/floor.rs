//! What the files give of themselves: the same reads and writes, without a store.

use std::{
    fs::File,
    hint::black_box,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

/// The bytes of a raw append: about what an event of the benchmark takes.
const FRAME: usize = 384;

/// Bytes that are read at once where all are read.
const CHUNK: usize = 1 << 20;

/// The segments of a store, as files.
pub struct Segments {
    files: Vec<(File, u64)>,
    random: u64,
}

impl Segments {
    /// Those in a folder that hold anything worth reading.
    pub fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let file = File::open(path)?;
                let length = file.metadata()?.len();
                files.push((file, length));
            }
        }
        files.retain(|(_, length)| *length > 16 * FRAME as u64);
        anyhow::ensure!(!files.is_empty(), "there are no segments");
        let mut segments = Segments { files, random: 0 };
        segments.begin_again();
        Ok(segments)
    }

    /// Reads at the same places again.
    pub fn begin_again(&mut self) {
        self.random = 0x9E37_79B9_7F4A_7C15;
    }

    /// Reads as many bytes as an event has, at so many places, and answers how long it took.
    pub fn read_at_random(&mut self, places: u64) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        for _ in 0..places {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            let (file, length) = &self.files[usize::try_from(self.random >> 40)? % self.files.len()];
            let mut bytes = vec![0; FRAME];
            file.read_exact_at(&mut bytes, self.random % (length - FRAME as u64))?;
            black_box(bytes);
        }
        Ok(begin.elapsed())
    }

    /// Reads everything, with a checksum over all of it.
    pub fn read_all(&self) -> anyhow::Result<Duration> {
        let (begin, mut bytes) = (Instant::now(), vec![0; CHUNK]);
        for (file, length) in &self.files {
            for offset in (0..*length).step_by(CHUNK) {
                let piece = &mut bytes[..CHUNK.min(usize::try_from(length - offset)?)];
                file.read_exact_at(piece, offset)?;
                black_box(crc32c::crc32c(piece));
            }
        }
        Ok(begin.elapsed())
    }
}

/// A file that is written and synced piece by piece.
pub struct Appends {
    file: File,
    end: u64,
}

impl Appends {
    /// A new file over zeros, as the log has them behind a small append.
    pub fn to(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path)?;
        file.write_all_at(&vec![0; 16 << 20], 0)?;
        file.sync_all()?;
        Ok(Appends { file, end: 0 })
    }

    /// Writes and syncs so many times, and answers how long it took.
    pub fn append(&mut self, times: u64) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        for _ in 0..times {
            self.file.write_all_at(&[7; FRAME], self.end)?;
            self.file.sync_data()?;
            self.end += FRAME as u64;
        }
        Ok(begin.elapsed())
    }
}
