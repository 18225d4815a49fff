//! Making one index of the indexes of neighbouring segments.
//!
//! Everything is read twice and never held: the places of the events come before the table that tells where they begin.

use std::{cmp::Reverse, collections::BinaryHeap, io};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    super::{
        Span,
        bloom::{self, Lines, Of},
        build,
        disk::DiskIndex,
        page::{Ahead, Pages, Sink},
        table::{Extent, TableWriter, Walk},
    },
    layout::{Covered, DOCUMENT, Layout, MergedName, POSTINGS, STREAM},
};
use crate::{error::Trouble, units::le};

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An index could not be read.
    Trouble(Trouble),
    /// The merged one could not be written.
    Disk(io::Error),
    /// The segments do not fit together.
    Contradiction(String),
    /// Nobody needs it any more.
    GivenUp,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Trouble(trouble)
    }
}

/// So many names are passed between two questions whether to go on.
const STEP: usize = 4_096;

/// What is merged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub store: Uuid,
    pub name: MergedName,
    /// The indexes of the segments, the oldest first.
    pub indexes: &'a [&'a DiskIndex],
    pub covered: &'a [Covered],
}

impl Sources<'_> {
    /// Hands the pages of the merged index to `sink`. The same segments make the same pages.
    pub(crate) fn merge(&self, sink: &mut dyn Sink, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
        let mut pages = Pages::going_to(sink, self.name.salt(self.store));
        pages.push(&[]);
        let covered = build::bytes(&mut pages, &Covered::encode_all(self.covered));
        let (postings, streams) = self.postings(&mut pages, goes_on)?;
        let documents = self.count_documents(goes_on)?;
        let mut lines = Lines::for_keys(streams + documents);
        let (streams, stream_fences) = self.streams(&mut pages, &mut lines, goes_on)?;
        let (documents, document_fences) = self.documents(&mut pages, &mut lines, goes_on)?;
        let stream_fences = build::bytes(&mut pages, &stream_fences);
        let document_fences = build::bytes(&mut pages, &document_fences);
        let bloom = lines.write(&mut pages);
        let layout = Layout { covered, postings, streams, documents, stream_fences, document_fences, bloom };
        pages.finish(&layout.first_page(&self.name, self.store)).map_err(Failure::Disk)
    }

    /// Writes where the events of all streams stand that have more than one, and answers how many streams there are.
    fn postings(&self, pages: &mut Pages<'_>, goes_on: &dyn Fn() -> bool) -> Result<(Extent, u64), Failure> {
        let first_page = pages.next();
        let mut all = Streams::of(self, goes_on)?;
        let (mut page, mut streams) = (Vec::with_capacity(POSTINGS * 8), 0);
        let mut write = |pages: &mut Pages<'_>, place: u64| {
            page.extend_from_slice(&place.to_le_bytes());
            if page.len() == POSTINGS * 8 {
                pages.push(&page);
                page.clear();
            }
        };
        loop {
            let (mut count, mut first) = (0_u64, 0);
            let next = all.next(|place| {
                if count == 0 {
                    first = place;
                }
                if count == 1 {
                    write(pages, first);
                }
                if count >= 1 {
                    write(pages, place);
                }
                count += 1;
            })?;
            if next.is_none() || pages.has_failed() {
                break;
            }
            streams += 1;
        }
        if !page.is_empty() {
            pages.push(&page);
        }
        Ok((Extent { first_page, length: pages.next() - first_page }, streams))
    }

    fn streams(
        &self,
        pages: &mut Pages<'_>,
        lines: &mut Lines,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(Extent, Vec<u8>), Failure> {
        let mut all = Streams::of(self, goes_on)?;
        let mut table = TableWriter::new(pages);
        let (mut posting, mut last) = (0, 0);
        while let Some((name, span)) = all.next(|place| last = place)? {
            lines.add(bloom::hash(Of::Stream, &name));
            if span.count == 1 {
                table.add(&name, &stream_value(&span, last));
            } else {
                table.add(&name, &stream_value(&span, posting));
                posting += span.count;
            }
        }
        Ok(table.finish())
    }

    /// What one index says of a stream, which must follow what the one before it says.
    fn follows(&self, name: &[u8], ahead: usize, value: &[u8], last: Option<Span>) -> Result<Span, Failure> {
        let contradiction = || {
            let name = String::from_utf8_lossy(name);
            let segment = self.name.first + ahead as u64;
            Failure::Contradiction(format!("what segment {segment} has of stream `{name}` follows nothing"))
        };
        let span = self.indexes[ahead].span(value).ok_or_else(contradiction)?;
        let fits = last.is_none_or(|last| last.last() + 1 == span.first && !last.tombstoned && !span.removed);
        if fits { Ok(span) } else { Err(contradiction()) }
    }

    fn count_documents(&self, goes_on: &dyn Fn() -> bool) -> Result<u64, Failure> {
        let mut keys = Together::of(self.walk_documents(), goes_on)?;
        let mut count = 0;
        while keys.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn documents(
        &self,
        pages: &mut Pages<'_>,
        lines: &mut Lines,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(Extent, Vec<u8>), Failure> {
        let mut keys = Together::of(self.walk_documents(), goes_on)?;
        let mut table = TableWriter::new(pages);
        while let Some(key) = keys.next()? {
            let Some((ahead, newest)) = keys.found.last() else { continue };
            let mut value = [0; DOCUMENT];
            value[..build::DOCUMENT].copy_from_slice(newest);
            value[build::DOCUMENT..].copy_from_slice(&crate::units::short(*ahead).to_le_bytes());
            lines.add(bloom::hash(Of::Document, &key));
            table.add(&key, &value);
        }
        Ok(table.finish())
    }

    fn walk_documents(&self) -> Vec<Walk<'_>> {
        self.indexes.iter().map(|index| index.walk_documents()).collect()
    }
}

/// `place` is where its only event stands, or the number of the first of its postings.
fn stream_value(span: &Span, place: u64) -> [u8; STREAM] {
    let mut value = [0; STREAM];
    value[..8].copy_from_slice(&span.first.to_le_bytes());
    value[8..16].copy_from_slice(&span.count.to_le_bytes());
    value[16..24].copy_from_slice(&place.to_le_bytes());
    value[24] = u8::from(span.tombstoned) | (u8::from(span.removed) << 1);
    value
}

/// All streams of the segments in order.
struct Streams<'a> {
    sources: &'a Sources<'a>,
    names: Together<'a>,
    places: Vec<Places<'a>>,
}

impl<'a> Streams<'a> {
    fn of(sources: &'a Sources<'a>, goes_on: &'a dyn Fn() -> bool) -> Result<Self, Failure> {
        let walk = |index: &&'a DiskIndex| {
            let (walk, pages) = index.walk_streams();
            (walk, Places { pages, page: Bytes::new(), passed: 0 })
        };
        let (walks, places) = sources.indexes.iter().map(walk).unzip();
        Ok(Streams { sources, names: Together::of(walks, goes_on)?, places })
    }

    /// The next name and what all segments say of it. Each place of its events is told, the oldest first: the offset in
    /// units of 8, and above 32 bits how far behind the first segment.
    fn next(&mut self, mut tell: impl FnMut(u64)) -> Result<Option<(Bytes, Span)>, Failure> {
        let Some(name) = self.names.next()? else { return Ok(None) };
        let (mut all, mut last): (Option<Span>, Option<Span>) = (None, None);
        for (ahead, value) in &self.names.found {
            let span = self.sources.follows(&name, *ahead, value, last)?;
            for _ in 0..span.count {
                tell(u64::from(self.places[*ahead].next(&span)?) | ((*ahead as u64) << 32));
            }
            let all = all.get_or_insert(Span { count: 0, ..span });
            all.count += span.count;
            all.tombstoned = span.tombstoned;
            last = Some(span);
        }
        Ok(all.map(|all| (name, all)))
    }
}

/// Where the events of one segment stand, stream by stream.
struct Places<'a> {
    pages: Ahead<'a>,
    page: Bytes,
    passed: u64,
}

impl Places<'_> {
    /// The next offset, in units of 8: one of this span, which is the next one that was not passed whole.
    fn next(&mut self, span: &Span) -> Result<u32, Trouble> {
        if !(span.postings..span.postings + span.count).contains(&self.passed) {
            return Err(self.pages.damage());
        }
        let at = crate::units::index(self.passed % build::U32S as u64) * 4;
        if at == 0 {
            self.page = self.pages.next()?.ok_or_else(|| self.pages.damage())?;
        }
        self.passed += 1;
        Ok(le!(u32, self.page, at))
    }
}

/// The entries of several tables in the order of their keys, those of one key together.
struct Together<'a> {
    walks: Vec<Walk<'a>>,
    goes_on: &'a dyn Fn() -> bool,
    passed: usize,
    /// The next key of each table, and which table.
    next: BinaryHeap<Reverse<(Bytes, usize)>>,
    /// The values of these keys.
    values: Vec<Bytes>,
    /// What the tables say of the key that was passed last, the oldest first.
    found: Vec<(usize, Bytes)>,
}

impl<'a> Together<'a> {
    fn of(walks: Vec<Walk<'a>>, goes_on: &'a dyn Fn() -> bool) -> Result<Self, Trouble> {
        let values = vec![Bytes::new(); walks.len()];
        let next = BinaryHeap::with_capacity(walks.len());
        let mut all = Together { walks, goes_on, passed: 0, next, values, found: Vec::new() };
        (0..all.walks.len()).try_for_each(|table| all.advance(table))?;
        Ok(all)
    }

    fn advance(&mut self, table: usize) -> Result<(), Trouble> {
        if let Some((key, value)) = self.walks[table].next()? {
            self.values[table] = value;
            self.next.push(Reverse((key, table)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.passed += 1;
        if self.passed.is_multiple_of(STEP) && !(self.goes_on)() {
            return Err(Failure::GivenUp);
        }
        self.found.clear();
        let Some(Reverse((key, mut table))) = self.next.pop() else { return Ok(None) };
        loop {
            self.found.push((table, std::mem::take(&mut self.values[table])));
            self.advance(table)?;
            match self.next.peek() {
                Some(Reverse((same, another))) if *same == key => table = *another,
                _ => return Ok(Some(key)),
            }
            self.next.pop();
        }
    }
}
