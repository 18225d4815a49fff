//! What a check finds at fault, and how that is told.

use std::path::Path;

use engine_store::Fault;

use super::check::Check;
use crate::error::OpenError;

/// What is wrong with a segment, as far as it matters whether its end was taken back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wrong {
    /// The first place at fault.
    pub(super) first: Option<u64>,
    /// Whether there was no frame where one should be, or no end of an append.
    pub(super) gap: bool,
}

impl Wrong {
    fn at(&mut self, offset: u64) {
        self.first = Some(self.first.map_or(offset, |first| first.min(offset)));
    }
}

impl Check<'_> {
    pub(super) fn fault(&mut self, file: &Path, offset: u64, fault: &str) {
        let fault = format!("{fault}; keep a copy of the files, then restore a backup");
        self.at(file, offset, fault);
    }

    /// Tells that somebody changed what was written.
    pub(super) fn tampered(&mut self, file: &Path, offset: u64, fault: &str) {
        let fault = format!("{fault}; keep a copy of the files, then compare with a backup");
        self.at(file, offset, fault);
    }

    /// Tells that the chain as a whole is not what it was.
    pub(super) fn tampered_chain(&mut self, fault: &str) {
        let fault = format!("{fault}; keep a copy of the files, then compare with a backup");
        self.course.report.faults.push(Fault { place: "the hash chain".to_owned(), fault });
    }

    /// Tells that the mark of closing is damaged, which is no damage to the events.
    pub(super) fn damaged_mark(&mut self, file: &Path, fault: &str) {
        let fault =
            format!("{fault}; nothing is lost: open the store and close it, which makes the file anew");
        self.at(file, 0, fault);
    }

    /// Tells of an index that can be removed, and is made again.
    pub(super) fn index_fault(&mut self, file: &Path, fault: String) {
        self.course.report.faults.push(Fault { place: format!("{} at offset 0", file.display()), fault });
    }

    fn at(&mut self, file: &Path, offset: u64, fault: String) {
        self.wrong.at(offset);
        let place = format!("{} at offset {offset}", file.display());
        self.course.report.faults.push(Fault { place, fault });
    }

    /// Makes damage an entry of the report.
    pub(super) fn or_fault<T>(&mut self, result: Result<T, OpenError>) -> Result<Option<T>, OpenError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(OpenError::Corrupt { file, offset, fault }) => {
                self.fault(&file, offset, &fault);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
