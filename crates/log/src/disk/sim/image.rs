//! What a power cut may leave behind.

use std::collections::BTreeMap;

use super::{Op, SimDisk};
use crate::units::index;

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it is lost.
    Everything,
    /// Nothing is lost.
    Nothing,
    /// Of each file an arbitrary beginning of what was written is kept, and the last write of it is torn at a
    /// multiple of so many bytes.
    Torn(u64),
    /// Arbitrary pieces of so many bytes are kept, in no order.
    Scattered(u64),
}

/// Goes through what was done to a disk, step by step.
#[derive(Debug, Default, Clone)]
pub struct Replay {
    /// The names and the files as they surely are on the disk.
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Vec<u8>>,
    pending_names: Vec<Op>,
    pending: BTreeMap<u64, Vec<Op>>,
}

impl Replay {
    /// Begins with the files of a disk that were there before what is replayed.
    pub fn starting(files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut replay = Replay::default();
        for (number, (name, content)) in (0..).zip(files) {
            replay.names.insert(name, number);
            replay.files.insert(number, content);
        }
        replay
    }

    /// Takes the next step.
    pub fn step(&mut self, op: &Op) {
        match op {
            Op::Create(..) | Op::Rename(..) | Op::Remove(_) => self.pending_names.push(op.clone()),
            Op::SyncNames => {
                for op in std::mem::take(&mut self.pending_names) {
                    apply_name(&mut self.names, &op);
                }
            }
            Op::Write(number, ..) | Op::SetLen(number, _) => {
                self.pending.entry(*number).or_default().push(op.clone());
            }
            Op::Sync(number) => {
                let file = self.files.entry(*number).or_default();
                for op in self.pending.remove(number).unwrap_or_default() {
                    apply(file, &op);
                }
            }
            Op::LostSync(number) => drop(self.pending.remove(number)),
            Op::Note(_) => {}
        }
    }

    /// The disk after a power cut now. `random` answers numbers below its argument.
    pub fn image(&self, loss: Loss, mut random: impl FnMut(u64) -> u64) -> SimDisk {
        let mut names = self.names.clone();
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Nothing => self.pending_names.len(),
            Loss::Torn(_) | Loss::Scattered(_) => index(random(self.pending_names.len() as u64 + 1)),
        };
        for op in &self.pending_names[..kept] {
            apply_name(&mut names, op);
        }
        let mut files = BTreeMap::new();
        for (name, number) in names {
            let mut file = self.files.get(&number).cloned().unwrap_or_default();
            if let Some(pending) = self.pending.get(&number) {
                lose(&mut file, pending, loss, &mut random);
            }
            files.insert(name, file);
        }
        SimDisk::holding(files)
    }
}

/// Applies what is left of the operations.
fn lose(file: &mut Vec<u8>, pending: &[Op], loss: Loss, random: &mut impl FnMut(u64) -> u64) {
    match loss {
        Loss::Everything => {}
        Loss::Nothing => pending.iter().for_each(|op| apply(file, op)),
        Loss::Torn(piece) => {
            let kept = index(random(pending.len() as u64 + 1));
            pending[..kept].iter().for_each(|op| apply(file, op));
            if let Some(Op::Write(_, offset, bytes)) = pending.get(kept) {
                let pieces = pieces(*offset, bytes, piece);
                let kept = index(random(pieces.len() as u64 + 1));
                pieces[..kept].iter().for_each(|(offset, bytes)| write(file, *offset, bytes));
            }
        }
        Loss::Scattered(piece) => {
            for op in pending {
                match op {
                    Op::Write(_, offset, bytes) => {
                        for (offset, bytes) in pieces(*offset, bytes, piece) {
                            if random(2) == 0 {
                                write(file, offset, bytes);
                            }
                        }
                    }
                    _ if random(2) == 0 => apply(file, op),
                    _ => {}
                }
            }
        }
    }
}

/// A write as the disk does it, piece by piece.
fn pieces(offset: u64, bytes: &[u8], piece: u64) -> Vec<(u64, &[u8])> {
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let (first, behind) = rest.split_at(index(piece - at % piece).min(rest.len()));
        pieces.push((at, first));
        at += first.len() as u64;
        rest = behind;
    }
    pieces
}

fn apply(file: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(_, offset, bytes) => write(file, *offset, bytes),
        Op::SetLen(_, length) => file.resize(index(*length), 0),
        _ => {}
    }
}

fn apply_name(names: &mut BTreeMap<String, u64>, op: &Op) {
    match op {
        Op::Create(name, number) => drop(names.insert(name.clone(), *number)),
        Op::Rename(from, to) => {
            if let Some(number) = names.remove(from) {
                names.insert(to.clone(), number);
            }
        }
        Op::Remove(name) => drop(names.remove(name)),
        _ => {}
    }
}

/// Writes into a file in memory.
pub(super) fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = index(offset);
    if file.len() < from + bytes.len() {
        file.resize(from + bytes.len(), 0);
    }
    file[from..from + bytes.len()].copy_from_slice(bytes);
}
