//! A store that somebody looks at from outside, and that does something meanwhile.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use engine_log::disk::{Disk, File, Held, Lock, LockError, Mode, sim::SimDisk};

/// A disk that can only be read, and on which something else happens before a certain call.
#[derive(Clone)]
pub struct Meddled {
    disk: SimDisk,
    calls: Arc<Calls>,
}

struct Calls {
    made: AtomicU64,
    /// Is told the number of the call that comes next.
    happens: Box<dyn Fn(u64) + Send + Sync>,
}

impl Meddled {
    /// Lets something happen before each call.
    pub fn always(disk: &SimDisk, happens: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let calls = Calls { made: AtomicU64::new(0), happens: Box::new(happens) };
        Meddled { disk: disk.clone(), calls: Arc::new(calls) }
    }

    /// Lets something happen before one call.
    pub fn before(disk: &SimDisk, before: u64, happens: impl Fn() + Send + Sync + 'static) -> Self {
        Meddled::always(disk, move |number| {
            if number == before {
                happens();
            }
        })
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.made.load(Ordering::Relaxed)
    }
}

impl Calls {
    fn count(&self) {
        (self.happens)(self.made.fetch_add(1, Ordering::Relaxed));
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} calls", self.made.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Meddled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.calls.fmt(formatter)
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "nothing may be written here")
}

impl Disk for Meddled {
    fn place(&self) -> &Path {
        self.disk.place()
    }

    fn create(&self) -> io::Result<()> {
        Err(refused())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.calls.count();
        self.disk.list()
    }

    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        self.calls.count();
        if mode != Mode::Read {
            return Err(refused());
        }
        Ok(Arc::new(MeddledFile { file: self.disk.open(name, mode)?, calls: self.calls.clone() }))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(refused())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(refused())
    }

    fn sync(&self) -> io::Result<()> {
        Err(refused())
    }

    fn lock(&self, _: &str, _: Lock) -> Result<Box<dyn Held>, LockError> {
        Err(LockError::Held(Some(1)))
    }
}

#[derive(Debug)]
struct MeddledFile {
    file: Arc<dyn File>,
    calls: Arc<Calls>,
}

impl File for MeddledFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.calls.count();
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(refused())
    }

    fn sync(&self) -> io::Result<()> {
        Err(refused())
    }

    fn allocate(&self, _: u64, _: u64) -> io::Result<()> {
        Err(refused())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(refused())
    }

    fn len(&self) -> io::Result<u64> {
        self.calls.count();
        self.file.len()
    }
}
