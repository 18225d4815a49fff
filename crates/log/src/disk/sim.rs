//! A disk in memory that fails on demand, and that remembers all that was done to it.
//!
//! From what it remembers, [`Replay`] makes the disks that a power cut may leave behind at any moment: with
//! what was not synced dropped, kept in part, torn within a write, or out of order.

mod file;
mod image;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Disk, File, Held, Lock, LockError, Mode};
use file::SimFile;
pub use image::{Loss, Replay};

/// What was done to the disk.
#[derive(Debug, Clone)]
pub enum Op {
    /// A file was created, or emptied, under a name.
    Create(String, u64),
    /// A file got another name.
    Rename(String, String),
    /// A name was removed.
    Remove(String),
    /// Creations, renames and removals were made durable.
    SyncNames,
    /// Bytes were written into a file at an offset.
    Write(u64, u64, Vec<u8>),
    /// A file was cut or extended to a length.
    SetLen(u64, u64),
    /// A file was made durable.
    Sync(u64),
    /// A file was to be made durable, and what was written since the last time was lost instead. The system
    /// still shows it, and will say that it is durable when it is asked again.
    LostSync(u64),
    /// The test says something, such as which answer it got.
    Note(u64),
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// With this error. A failed sync loses what it should have made durable.
    Error(io::ErrorKind),
    /// A write writes half of its bytes and says so; the second half meets the error.
    Short(io::ErrorKind),
}

/// When operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The number of the first operation that fails, counted from 0. Reading does not count.
    pub first: u64,
    /// How many fail.
    pub count: u64,
    /// How they fail.
    pub failure: Failure,
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    place: PathBuf,
}

#[derive(Debug, Default)]
struct World {
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Vec<u8>>,
    journal: Vec<Op>,
    operations: u64,
    plan: Option<Plan>,
    read_only: bool,
    room: Option<u64>,
    locked: bool,
}

impl Default for SimDisk {
    fn default() -> Self {
        SimDisk::new()
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        SimDisk::holding(BTreeMap::new())
    }

    /// A disk that holds these files, durably.
    pub fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut world = World::default();
        for (number, (name, content)) in (0..).zip(files) {
            world.names.insert(name, number);
            world.files.insert(number, content);
        }
        SimDisk { world: Arc::new(Mutex::new(world)), place: PathBuf::from("/simulated") }
    }

    /// The files as the system shows them now.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world.lock();
        let content = |(name, number): (&String, &u64)| (name.clone(), world.files[number].clone());
        world.names.iter().map(content).collect()
    }

    /// Lets operations fail.
    pub fn fail(&self, plan: Option<Plan>) {
        self.world.lock().plan = plan;
    }

    /// Refuses all changes, as a medium that cannot be written.
    pub fn set_read_only(&self, read_only: bool) {
        self.world.lock().read_only = read_only;
    }

    /// Says that so many bytes may be written. More may be, all the same.
    pub fn set_room(&self, room: Option<u64>) {
        self.world.lock().room = room;
    }

    /// How many operations there have been, without reads.
    pub fn operations(&self) -> u64 {
        self.world.lock().operations
    }

    /// Says something that stands between the operations.
    pub fn note(&self, note: u64) {
        self.world.lock().journal.push(Op::Note(note));
    }

    /// All that was done, in order.
    pub fn journal(&self) -> Vec<Op> {
        self.world.lock().journal.clone()
    }
}

impl World {
    /// Counts an operation, and says whether it is to fail.
    fn count(&mut self) -> io::Result<Option<Failure>> {
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let number = self.operations;
        self.operations += 1;
        let fails = |plan: &Plan| (plan.first..plan.first.saturating_add(plan.count)).contains(&number);
        Ok(self.plan.filter(fails).map(|plan| plan.failure))
    }

    fn change(&mut self) -> io::Result<()> {
        match self.count()? {
            None => Ok(()),
            Some(Failure::Error(kind) | Failure::Short(kind)) => Err(kind.into()),
        }
    }

    fn number(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, number: u64) -> &mut Vec<u8> {
        self.files.entry(number).or_default()
    }
}

impl Disk for SimDisk {
    fn place(&self) -> &Path {
        &self.place
    }

    fn create(&self) -> io::Result<()> {
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut world = self.world.lock();
        let number = match mode {
            Mode::Create => {
                world.change()?;
                let number = world.files.keys().next_back().map_or(0, |last| last + 1);
                world.names.insert(name.to_owned(), number);
                world.files.insert(number, Vec::new());
                world.journal.push(Op::Create(name.to_owned(), number));
                number
            }
            Mode::Write if world.read_only => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Mode::Read | Mode::Write => world.number(name)?,
        };
        Ok(Arc::new(SimFile { world: self.world.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world.lock();
        world.change()?;
        let number = world.number(from)?;
        world.names.remove(from);
        world.names.insert(to.to_owned(), number);
        world.journal.push(Op::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world.lock();
        world.change()?;
        world.number(name)?;
        world.names.remove(name);
        world.journal.push(Op::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world.lock();
        world.change()?;
        world.journal.push(Op::SyncNames);
        Ok(())
    }

    fn room(&self) -> Option<u64> {
        self.world.lock().room
    }

    fn lock(&self, _: &str, how: Lock) -> Result<Box<dyn Held>, LockError> {
        let mut world = self.world.lock();
        if world.locked {
            return Err(LockError::Held(None));
        }
        if world.read_only && how == Lock::Exclusive {
            return Err(LockError::Io(io::ErrorKind::ReadOnlyFilesystem.into()));
        }
        world.locked = true;
        Ok(Box::new(SimLock(self.world.clone())))
    }
}

#[derive(Debug)]
struct SimLock(Arc<Mutex<World>>);

impl Held for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}
