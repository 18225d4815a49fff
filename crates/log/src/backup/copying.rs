//! Copying files from one directory to another.

use std::io;

use engine_store::MaintenanceError;

use super::unusable;
use crate::{
    disk::{self, Disk, File, Mode, UNFINISHED},
    error::{OpenError, Trouble},
    segment::{Segment, name::SegmentName, rewritten::BEGIN},
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

/// What became of a file that was to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// It was there already.
    WasThere,
    /// It is there now.
    Anew,
    /// It is not there: the file to be copied ends before it should.
    CutOff,
}

impl Copying<'_> {
    /// Copies a segment up to `length`, unless it is there already.
    pub(super) fn segment(&mut self, segment: &Segment, length: u64) -> Result<Copied, MaintenanceError> {
        let name = segment.name();
        if self.is_there(&*segment.file, &name.log(), length)? {
            (self.pass)(length)?;
            return Ok(Copied::WasThere);
        }
        // An older index tells of a shorter segment.
        self.remove(&name.idx())?;
        self.file(&*segment.file, &name.log(), length)
    }

    /// Says that a segment is shorter than it was.
    pub(super) fn cut_off(&self, segment: &Segment) -> MaintenanceError {
        let length = segment.file.len().unwrap_or_default();
        Trouble::damage(&self.from.place().join(segment.name().log()), length, "the file is cut off").into()
    }

    /// Copies the index of a segment that is finished; one that is missing is built when the backup is opened.
    pub(super) fn index(&mut self, name: SegmentName) -> Result<(), MaintenanceError> {
        let Ok(file) = self.from.open(&name.idx(), Mode::Read) else { return Ok(()) };
        let length = file.len().map_err(|error| self.unreadable(&name.idx(), error))?;
        let silent = &mut |_| Ok(());
        // One that is cut off is not copied: it is built again.
        Copying { from: self.from, to: self.to, pass: silent }.file(&*file, &name.idx(), length).map(drop)
    }

    /// Whether a file of this name, length, beginning and end is there. What has a name only grows.
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
        // When a segment was written anew stands in its headers.
        let ours = ends(from, length).map_err(|error| self.unreadable(name, error))?;
        let theirs = ends(&*there, length).map_err(|error| self.unwritable(name, length, error))?;
        Ok(ours == theirs)
    }

    /// Copies a file up to `length`. It gets its name when it is whole.
    fn file(&mut self, from: &dyn File, name: &str, length: u64) -> Result<Copied, MaintenanceError> {
        let copied = self.copy(from, name, length);
        if !matches!(copied, Ok(Copied::Anew)) {
            // What stays is removed by the next backup.
            let _stays = self.to.remove(&format!("{name}{UNFINISHED}"));
        }
        copied
    }

    fn copy(&mut self, from: &dyn File, name: &str, length: u64) -> Result<Copied, MaintenanceError> {
        let unfinished = format!("{name}{UNFINISHED}");
        let file = self.to.open(&unfinished, Mode::Create);
        let file = file.map_err(|error| self.unwritable(name, length, error))?;
        let mut done = 0;
        while done < length {
            let mut bytes = vec![0; index(CHUNK.min(length - done))];
            let read = disk::read_full(from, &mut bytes, done);
            if read.map_err(|error| self.unreadable(name, error))? < bytes.len() {
                return Ok(Copied::CutOff);
            }
            let written = disk::write_full(&*file, &bytes, done);
            written.map_err(|error| self.unwritable(name, length, error))?;
            done += bytes.len() as u64;
            (self.pass)(bytes.len() as u64)?;
        }
        let named =
            file.sync().and_then(|()| self.to.rename(&unfinished, name)).and_then(|()| self.to.sync());
        named.map(|()| Copied::Anew).map_err(|error| self.unwritable(name, length, error))
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

/// The headers of a file, and the end of what it holds in front of `length`.
pub(super) fn ends(file: &dyn File, length: u64) -> io::Result<[Vec<u8>; 2]> {
    let read = |from: u64, to: u64| {
        let mut bytes = vec![0; index(to - from)];
        let count = disk::read_full(file, &mut bytes, from)?;
        bytes.truncate(count);
        Ok::<_, io::Error>(bytes)
    };
    Ok([read(0, BEGIN.min(length))?, read(length.saturating_sub(COMPARED), length)?])
}
