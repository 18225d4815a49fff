//! Looking up streams and documents by name, from the newest part to the oldest.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Fact, Newest, Stretch, View,
    run::{Run, Step, Steps},
};
use crate::{
    error::Trouble,
    index::{DocumentEntry, Index, document_hash, merged::MergedIndex, stream_hash},
};

impl View {
    /// Goes through some parts, the newest first.
    pub(crate) fn steps(&self, parts: Range<usize>) -> impl Iterator<Item = Step<'_>> + Clone {
        Steps { runs: &self.runs, parts }
    }

    /// The newest events of streams, all at one moment.
    pub(crate) fn newest<const N: usize>(&self, names: [&str; N]) -> Result<[Newest; N], Trouble> {
        let last = self.parts.len() - 1;
        let mut newest: [Newest; N] = [None; N];
        self.written().index.with_memory(|memory| {
            for (newest, name) in newest.iter_mut().zip(names) {
                *newest = memory.stream(name).map(|span| Stretch::in_part(last, span));
            }
        });
        for (newest, name) in newest.iter_mut().zip(names) {
            if newest.is_none() && !name.is_empty() {
                *newest = self.newest_finished(name)?;
            }
        }
        Ok(newest)
    }

    /// The newest events of a stream in all parts but the last, which are remembered.
    fn newest_finished(&self, name: &str) -> Result<Newest, Trouble> {
        let parts = self.parts.len() - 1;
        if parts == 0 {
            return Ok(None);
        }
        let known = self.facts.get(name, parts);
        if let Some(known) = known.filter(|known| known.parts == parts) {
            return Ok(known.newest);
        }
        let unknown = known.map_or(0, |known| known.parts)..parts;
        let newest = match self.newest_in(unknown, name)? {
            Some(found) => Some(found),
            None => known.and_then(|known| known.newest),
        };
        self.facts.found(name, Fact { parts, newest });
        Ok(newest)
    }

    /// The newest events of a stream in some parts.
    fn newest_in(&self, parts: Range<usize>, name: &str) -> Result<Newest, Trouble> {
        let hash = stream_hash(name);
        let in_run = |run: &Run, merged: &MergedIndex| {
            let told = |span| Stretch { parts: (run.parts.start, run.parts.end - 1), merged: true, span };
            Ok(merged.stream(name, hash)?.map(told))
        };
        let in_part =
            |part, index: &Index| Ok(index.stream(name, hash)?.map(|span| Stretch::in_part(part, span)));
        self.find_newest(parts, in_run, in_part)
    }

    /// Asks some parts, the newest first, and all that have a merged index at once.
    fn find_newest<T>(
        &self,
        parts: Range<usize>,
        in_run: impl Fn(&Run, &MergedIndex) -> Result<Option<T>, Trouble>,
        in_part: impl Fn(usize, &Index) -> Result<Option<T>, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        for step in self.steps(parts) {
            let parts = match step {
                Step::Part(part) => part..part + 1,
                Step::Run(run) => match run.ask(|merged| in_run(run, merged)) {
                    Some(None) => continue,
                    Some(found) => return Ok(found),
                    None => run.parts.clone(),
                },
            };
            for part in parts.rev() {
                if let Some(found) = in_part(part, &self.parts[part].index)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Where the revisions from `first` on stand, oldest first.
    pub(crate) fn stretches(&self, name: &str, newest: Stretch, first: u64) -> Result<Vec<Stretch>, Trouble> {
        let mut stretches = vec![newest];
        let mut oldest = newest;
        while oldest.span.first > first {
            let Some(older) = self.newest_in(0..oldest.parts.0, name)? else { break };
            stretches.push(older);
            oldest = older;
        }
        stretches.reverse();
        Ok(stretches)
    }

    /// In which parts and at which offsets these revisions of a stream stand, which are within the stretch.
    pub(crate) fn places(
        &self,
        name: &str,
        stretch: &Stretch,
        revisions: Range<u64>,
    ) -> Result<Vec<(usize, u64)>, Trouble> {
        let in_part = |part: usize, stretch: &Stretch, revisions| {
            let offsets = self.parts[part].index.stream_offsets(name, &stretch.span, revisions)?;
            Ok::<_, Trouble>(offsets.into_iter().map(move |offset| (part, offset)))
        };
        if !stretch.merged {
            return Ok(in_part(stretch.parts.0, stretch, revisions)?.collect());
        }
        let (first_part, last_part) = stretch.parts;
        let run = self.runs.iter().find(|run| run.parts.start == first_part);
        let told = run.and_then(|run| run.ask(|merged| merged.postings(&stretch.span, revisions.clone())));
        if let Some(postings) = told {
            let place = |(ahead, offset)| (first_part + ahead, offset);
            return Ok(postings.into_iter().map(place).collect());
        }
        // The merged index could not be read: the parts are asked one by one.
        let mut places = Vec::new();
        let Some(newest) = self.newest_in(first_part..last_part + 1, name)? else {
            return Ok(places);
        };
        for stretch in self.stretches(name, newest, revisions.start)? {
            let span = stretch.span;
            let here = revisions.start.max(span.first)..revisions.end.min(span.last() + 1);
            if !here.is_empty() {
                places.extend(in_part(stretch.parts.0, &stretch, here)?);
            }
        }
        Ok(places)
    }

    /// What is wrong when the events of a stream have a gap.
    pub(crate) fn unknown(&self, name: &str, revision: u64) -> Trouble {
        let fault = format!("no index knows revision {revision} of stream `{name}`");
        Trouble::damage(&self.written().segment.path, 0, fault)
    }

    /// The newest of a document, and the part where it stands.
    pub(crate) fn document_entry(&self, key: &str) -> Result<Option<(usize, DocumentEntry)>, Trouble> {
        Ok(self.newest_of_document(key, self.parts.len())?.filter(|(_, entry)| !entry.removed))
    }

    /// The newest of a document in the first so many parts, its removal too, and the part where it stands.
    pub(crate) fn newest_of_document(
        &self,
        key: &str,
        parts: usize,
    ) -> Result<Option<(usize, DocumentEntry)>, Trouble> {
        let hash = document_hash(key);
        let in_run = |run: &Run, merged: &MergedIndex| {
            Ok(merged.document(key, hash)?.map(|(ahead, entry)| (run.parts.start + ahead, entry)))
        };
        let in_part = |part, index: &Index| Ok(index.document(key, hash)?.map(|entry| (part, entry)));
        self.find_newest(0..parts, in_run, in_part)
    }
}

impl Stretch {
    fn in_part(part: usize, span: crate::index::Span) -> Self {
        Stretch { parts: (part, part), merged: false, span }
    }
}

impl View {
    /// Names of streams and their last revisions in one step, in order, from `from` on (or behind it), at most `limit`.
    pub(crate) fn names(
        &self,
        step: Step<'_>,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Trouble> {
        let merged = |merged: &MergedIndex| merged.names(from, behind, limit);
        self.list(step, limit, merged, |index| index.names(from, behind, limit))
    }

    /// Keys of documents in one step, and whether the document was removed.
    pub(crate) fn keys(
        &self,
        step: Step<'_>,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, bool)>, Trouble> {
        let merged = |merged: &MergedIndex| merged.keys(from, behind, limit);
        self.list(step, limit, merged, |index| index.keys(from, behind, limit))
    }

    fn list<T>(
        &self,
        step: Step<'_>,
        limit: usize,
        merged: impl FnOnce(&MergedIndex) -> Result<Vec<(String, T)>, Trouble>,
        of_part: impl Fn(&Index) -> Result<Vec<(String, T)>, Trouble>,
    ) -> Result<Vec<(String, T)>, Trouble> {
        let run = match step {
            Step::Part(part) => return of_part(&self.parts[part].index),
            Step::Run(run) => run,
        };
        if let Some(listed) = run.ask(merged) {
            return Ok(listed);
        }
        // Each part tells its first names, so that the first of all are among them; the newest part has the last word.
        let mut all = BTreeMap::new();
        for part in run.parts.clone() {
            all.extend(of_part(&self.parts[part].index)?);
        }
        Ok(all.into_iter().take(limit).collect())
    }
}
