//! A file of the simulated disk.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use super::{Failure, Op, World, image};
use crate::disk::File;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) number: u64,
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.world.lock();
        let content = world.files.get(&self.number).map_or(&[][..], Vec::as_slice);
        let from = crate::units::index(offset).min(content.len());
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut world = self.world.lock();
        let bytes = match world.count()? {
            None => bytes,
            Some(Failure::Short(_)) if bytes.len() > 1 => &bytes[..bytes.len() / 2],
            Some(Failure::Error(kind) | Failure::Short(kind)) => return Err(kind.into()),
        };
        image::write(world.file(self.number), offset, bytes);
        world.journal.push(Op::Write(self.number, offset, bytes.to_vec()));
        Ok(bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world.lock();
        match world.change() {
            Ok(()) => {
                world.journal.push(Op::Sync(self.number));
                Ok(())
            }
            Err(error) => {
                world.journal.push(Op::LostSync(self.number));
                Err(error)
            }
        }
    }

    fn allocate(&self, _: u64, length: u64) -> io::Result<()> {
        let mut world = self.world.lock();
        world.change()?;
        let longer = crate::units::index(length).max(world.file(self.number).len());
        world.file(self.number).resize(longer, 0);
        world.journal.push(Op::SetLen(self.number, longer as u64));
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut world = self.world.lock();
        world.change()?;
        world.file(self.number).resize(crate::units::index(length), 0);
        world.journal.push(Op::SetLen(self.number, length));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let world = self.world.lock();
        Ok(world.files.get(&self.number).map_or(0, Vec::len) as u64)
    }
}
