//! Copying files from one directory to another.

use std::io;

use engine_store::MaintenanceError;
use uuid::Uuid;

use super::unusable;
use crate::{
    disk::{self, Disk, File, Mode, UNFINISHED},
    error::{OpenError, Trouble},
    opening::Found,
    segment::{Segment, name::SegmentName},
    units::index,
};

/// So many bytes are copied at once, and so many of the end of a file are compared.
const CHUNK: u64 = 1 << 20;
const COMPARED: u64 = 64 << 10;

/// From where to where, and what is told meanwhile.
pub(super) struct Copying<'a> {
    pub(super) from: &'a dyn Disk,
    pub(super) to: &'a dyn Disk,
    pub(super) pass: &'a mut dyn FnMut(u64) -> Result<(), MaintenanceError>,
}

impl Copying<'_> {
    /// Copies a segment up to `length`, unless it is there already; answers whether it was copied.
    pub(super) fn segment(&mut self, segment: &Segment, length: u64) -> Result<bool, MaintenanceError> {
        let name = segment.name();
        if self.is_there(&*segment.file, &name.log(), length)? {
            (self.pass)(length)?;
            return Ok(false);
        }
        // An older index tells of a shorter segment.
        self.remove(&name.idx())?;
        self.file(&*segment.file, &name.log(), length)?;
        Ok(true)
    }

    /// Copies the index of a segment that is finished; one that is missing is built when the backup is opened.
    pub(super) fn index(&mut self, name: SegmentName) -> Result<(), MaintenanceError> {
        let Ok(file) = self.from.open(&name.idx(), Mode::Read) else { return Ok(()) };
        let length = file.len().map_err(|error| self.unreadable(&name.idx(), error))?;
        let silent = &mut |_| Ok(());
        Copying { from: self.from, to: self.to, pass: silent }.file(&*file, &name.idx(), length)
    }

    /// Whether a file of this name, length and end is there. What has a name only grows.
    pub(super) fn is_there(
        &self,
        from: &dyn File,
        name: &str,
        length: u64,
    ) -> Result<bool, MaintenanceError> {
        let Ok(there) = self.to.open(name, Mode::Read) else { return Ok(false) };
        if there.len().map_err(|error| self.unwritable(name, length, error))? != length {
            return Ok(false);
        }
        let begin = length.saturating_sub(COMPARED);
        let read = |file: &dyn File| {
            let mut bytes = vec![0; index(length - begin)];
            disk::read_full(file, &mut bytes, begin).map(|_| bytes)
        };
        let ours = read(from).map_err(|error| self.unreadable(name, error))?;
        let theirs = read(&*there).map_err(|error| self.unwritable(name, length, error))?;
        Ok(ours == theirs)
    }

    /// Copies a file up to `length`. It gets its name when it is whole.
    pub(super) fn file(&mut self, from: &dyn File, name: &str, length: u64) -> Result<(), MaintenanceError> {
        let copied = self.copy(from, name, length);
        if copied.is_err() {
            // What stays is removed by the next backup.
            let _stays = self.to.remove(&format!("{name}{UNFINISHED}"));
        }
        copied
    }

    fn copy(&mut self, from: &dyn File, name: &str, length: u64) -> Result<(), MaintenanceError> {
        let unfinished = format!("{name}{UNFINISHED}");
        let file = self.to.open(&unfinished, Mode::Create);
        let file = file.map_err(|error| self.unwritable(name, length, error))?;
        let mut done = 0;
        while done < length {
            let mut bytes = vec![0; index(CHUNK.min(length - done))];
            let read = disk::read_full(from, &mut bytes, done);
            if read.map_err(|error| self.unreadable(name, error))? < bytes.len() {
                let path = self.from.place().join(name);
                return Err(Trouble::damage(&path, done, "the file is cut off").into());
            }
            let written = disk::write_full(&*file, &bytes, done);
            written.map_err(|error| self.unwritable(name, length, error))?;
            done += bytes.len() as u64;
            (self.pass)(bytes.len() as u64)?;
        }
        let named =
            file.sync().and_then(|()| self.to.rename(&unfinished, name)).and_then(|()| self.to.sync());
        named.map_err(|error| self.unwritable(name, length, error))
    }

    fn remove(&self, name: &str) -> Result<(), MaintenanceError> {
        match self.to.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.unwritable(name, 0, error)),
            _ => Ok(()),
        }
    }

    fn unreadable(&self, name: &str, error: io::Error) -> MaintenanceError {
        Trouble::io(&self.from.place().join(name), error).into()
    }

    fn unwritable(&self, name: &str, needed_bytes: u64, error: io::Error) -> MaintenanceError {
        if error.kind() == io::ErrorKind::StorageFull {
            let what = format!("`{}`", self.to.place().join(name).display());
            return MaintenanceError::NoRoom { what, needed_bytes };
        }
        unusable(OpenError::io(&self.to.place().join(name), error))
    }
}

/// The store of the segments that are in a directory, if there are any.
pub(super) fn store_of(disk: &dyn Disk, found: &Found) -> Result<Option<Uuid>, OpenError> {
    let Some(name) = found.segments.first() else { return Ok(None) };
    let path = disk.place().join(name);
    let bytes = disk::read_small(disk, name).map_err(|error| OpenError::io(&path, error))?;
    let id = bytes.get(16..32).and_then(|id| Uuid::from_slice(id).ok());
    Ok(id)
}
