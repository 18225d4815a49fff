//! What the names of the files in a directory tell.

use std::collections::BTreeMap;

use crate::{
    disk::{Disk, Mode, UNFINISHED},
    error::OpenError,
    index::merged::layout::MergedName,
    segment::{SEGMENT_HEADER, name::SegmentName},
    store_file::{CLEAN, LOCK, STORE},
};

/// What is in the directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub has_store: bool,
    pub is_clean: bool,
    /// The names of the segments, in order.
    pub segments: Vec<String>,
    /// Files that were not finished when the process ended.
    pub unfinished: Vec<String>,
    /// Files in whose place others stand.
    pub superseded: Vec<String>,
    /// Indexes of several segments.
    pub merged: Vec<MergedName>,
    /// What a store has not.
    pub strangers: Vec<String>,
}

impl Found {
    /// What is in the directory of a store.
    ///
    /// # Errors
    /// There is no store.
    pub(crate) fn store(disk: &dyn Disk) -> Result<Self, OpenError> {
        let found = Found::look(disk)?;
        let directory = disk.place().to_owned();
        match found.content(disk)? {
            Content::Store => Ok(found),
            Content::Nothing => Err(OpenError::NotAStore { directory, found: "nothing".to_owned() }),
            Content::WithoutMarker => Err(OpenError::MarkerMissing { directory }),
        }
    }

    pub(crate) fn look(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut found = Found::default();
        for name in disk.list().map_err(|error| OpenError::io(disk.place(), error))? {
            match name.as_str() {
                STORE => found.has_store = true,
                CLEAN => found.is_clean = true,
                LOCK | "lost+found" => {}
                _ if name.ends_with(UNFINISHED) => found.unfinished.push(name),
                _ if SegmentName::parse_log(&name).is_some() => found.segments.push(name),
                _ => match MergedName::parse(&name) {
                    Some(merged) => found.merged.push(merged),
                    None => found.strangers.push(name),
                },
            }
        }
        found.set_aside_superseded();
        Ok(found)
    }

    /// Keeps of each segment what was written last.
    fn set_aside_superseded(&mut self) {
        let mut newest = BTreeMap::new();
        for name in self.segments.iter().filter_map(|name| SegmentName::parse_log(name)) {
            let known = newest.entry(name.number).or_insert(name);
            *known = name.max(*known);
        }
        let is_newest = |name: &SegmentName| newest.get(&name.number).is_none_or(|newest| newest == name);
        let is_old = |name: &String| {
            let name = SegmentName::parse_log(name).or_else(|| SegmentName::parse_idx(name));
            name.is_some_and(|name| !is_newest(&name))
        };
        self.superseded = self.segments.extract_if(.., |name| is_old(name)).collect();
        self.superseded.extend(self.strangers.extract_if(.., |name| is_old(name)));
        self.segments.sort();
    }

    /// Says what the files make of the directory.
    pub(crate) fn content(&self, disk: &dyn Disk) -> Result<Content, OpenError> {
        if self.has_store {
            return Ok(Content::Store);
        }
        let is_index = |name: &String| SegmentName::parse_idx(name).is_some();
        if self.is_clean || !self.merged.is_empty() || self.strangers.iter().any(is_index) {
            return Ok(Content::WithoutMarker);
        }
        if !self.segments.is_empty() {
            let begun = self.unfinished.iter().any(|name| *name == format!("{STORE}{UNFINISHED}"));
            return Ok(if begun && self.hold_nothing(disk)? {
                Content::Nothing
            } else {
                Content::WithoutMarker
            });
        }
        match self.strangers.first() {
            None => Ok(Content::Nothing),
            Some(found) => {
                Err(OpenError::NotAStore { directory: disk.place().to_owned(), found: found.clone() })
            }
        }
    }

    /// Whether there are no frames in the segments.
    fn hold_nothing(&self, disk: &dyn Disk) -> Result<bool, OpenError> {
        for name in &self.segments {
            let at = |error| OpenError::io(&disk.place().join(name), error);
            if disk.open(name, Mode::Read).and_then(|file| file.len()).map_err(at)? > SEGMENT_HEADER {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// A store.
    Store,
    /// Nothing, or the beginnings of a store that was never open.
    Nothing,
    /// What looks like a store, but the file `store` is missing.
    WithoutMarker,
}
