//! Files that are read now and then: so many of them are kept open, and the others are opened again when they are
//! needed.

use std::{
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::{Disk, File, Mode};

/// The files that are kept open.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    disk: Arc<dyn Disk>,
    open: Cache<u64, Arc<dyn File>, UnitWeighter, RandomState>,
    numbers: AtomicU64,
}

impl OpenFiles {
    /// Keeps about `limit` files open, and at least one: each part of the cache rounds its share up.
    pub(crate) fn new(disk: Arc<dyn Disk>, limit: usize) -> Arc<Self> {
        let limit = limit.max(1);
        let (random, lifecycle) = (RandomState::default(), DefaultLifecycle::default());
        let open = Cache::with(limit, limit as u64, UnitWeighter, random, lifecycle);
        Arc::new(OpenFiles { disk, open, numbers: AtomicU64::new(0) })
    }

    /// A file that is read by its name, which must stand for the same content as long as the file is used.
    ///
    /// # Errors
    /// Those of the file system, as when the file is not there.
    pub(crate) fn open(self: &Arc<Self>, name: String) -> io::Result<Arc<dyn File>> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let file = SharedFile { files: self.clone(), number, name };
        file.opened()?;
        Ok(Arc::new(file))
    }

    /// How many files are open.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }
}

/// A file that may be closed, and opened again, behind its user's back.
#[derive(Debug)]
struct SharedFile {
    files: Arc<OpenFiles>,
    number: u64,
    name: String,
}

impl SharedFile {
    fn opened(&self) -> io::Result<Arc<dyn File>> {
        if let Some(file) = self.files.open.get(&self.number) {
            return Ok(file);
        }
        let file = self.files.disk.open(&self.name, Mode::Read)?;
        self.files.open.insert(self.number, file.clone());
        Ok(file)
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        self.files.open.remove(&self.number);
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the file was opened to be read")
}

impl File for SharedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.opened()?.read_at(buffer, offset)
    }

    fn will_read(&self, range: Range<u64>) {
        // What cannot be opened is told by the read.
        if let Ok(file) = self.opened() {
            file.will_read(range);
        }
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(read_only())
    }

    fn sync(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn len(&self) -> io::Result<u64> {
        self.opened()?.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::disk::{sim::SimDisk, write_full};

    #[test]
    fn no_more_files_are_open_than_the_bound_and_all_can_be_read() {
        let disk = SimDisk::new();
        for number in 0..5_u8 {
            let file = disk.open(&number.to_string(), Mode::Create).unwrap();
            write_full(&*file, &[number], 0).unwrap();
        }
        let files = OpenFiles::new(Arc::new(disk), 2);
        let opened: Vec<_> = (0..5).map(|number| files.open(number.to_string()).unwrap()).collect();
        for round in 0..20_usize {
            let number = round * 3 % 5;
            let mut byte = [9];
            assert_eq!(opened[number].read_at(&mut byte, 0).unwrap(), 1);
            assert_eq!(usize::from(byte[0]), number);
            assert!(files.count() <= 2);
        }
        drop(opened);
        assert_eq!(files.count(), 0, "a file that nobody uses is not kept open");
    }

    #[test]
    fn a_file_that_is_not_there_is_told_at_once() {
        let files = OpenFiles::new(Arc::new(SimDisk::new()), 2);
        assert_eq!(files.open("letter".to_owned()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
