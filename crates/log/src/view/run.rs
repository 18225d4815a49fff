//! Neighbouring parts whose streams and documents are looked up at once, in a merged index.

use std::{ops::Range, sync::Arc};

use crate::{error::Trouble, index::merged::MergedIndex};

/// Parts that have a merged index.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub parts: Range<usize>,
    pub index: Arc<MergedIndex>,
}

impl Run {
    /// What the merged index says; absent where it cannot be asked any more.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&MergedIndex) -> Result<T, Trouble>) -> Option<T> {
        if !self.index.is_whole() {
            return None;
        }
        ask(&self.index).map_err(|trouble| self.index.give_up(&trouble)).ok()
    }
}

/// What is asked at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    Run(&'a Run),
    Part(usize),
}

/// Goes through parts, the newest first, in steps as large as the runs allow.
#[derive(Debug, Clone)]
pub(super) struct Steps<'a> {
    pub runs: &'a [Run],
    pub parts: Range<usize>,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if self.parts.is_empty() {
            return None;
        }
        while let Some((last, before)) = self.runs.split_last()
            && last.parts.end >= self.parts.end
        {
            self.runs = before;
            if last.parts.end == self.parts.end
                && last.parts.start >= self.parts.start
                && last.index.is_whole()
            {
                self.parts.end = last.parts.start;
                return Some(Step::Run(last));
            }
        }
        self.parts.end -= 1;
        Some(Step::Part(self.parts.end))
    }
}
