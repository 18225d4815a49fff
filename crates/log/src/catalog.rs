//! What is in the store: streams by name, documents by key, event types by category.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use engine_store::{DocumentKey, EventTypeCount, ReadError, StreamInfo, StreamQuery, StreamsPage};
use engine_types::{Revision, StreamName};

use crate::{
    decode::stream_name,
    error::Trouble,
    frame::Kind,
    scan,
    view::{Part, Step, View},
};

/// So many names are fetched from a part at once.
const CHUNK: usize = 256;

/// Merges the sorted names of all parts. Where several parts know a name, the newest tells.
struct Merge<'a, T, F> {
    fetch: F,
    cursors: Vec<Cursor<'a, T>>,
}

struct Cursor<'a, T> {
    step: Step<'a>,
    ready: VecDeque<(String, T)>,
    from: String,
    behind: bool,
    finished: bool,
}

impl<'a, T: Copy, F: Fn(Step<'a>, &str, bool) -> Result<Vec<(String, T)>, Trouble>> Merge<'a, T, F> {
    fn new(view: &'a View, from: &str, behind: bool, fetch: F) -> Self {
        let cursor =
            |step| Cursor { step, ready: VecDeque::new(), from: from.to_owned(), behind, finished: false };
        let mut cursors: Vec<_> = view.steps(0..view.parts.len()).map(cursor).collect();
        cursors.reverse();
        Merge { fetch, cursors }
    }

    fn next(&mut self) -> Result<Option<(String, T)>, Trouble> {
        let mut smallest: Option<(String, T)> = None;
        for cursor in &mut self.cursors {
            if cursor.ready.is_empty() && !cursor.finished {
                cursor.ready = (self.fetch)(cursor.step, &cursor.from, cursor.behind)?.into();
                cursor.finished = cursor.ready.len() < CHUNK;
                if let Some((last, _)) = cursor.ready.back() {
                    cursor.from.clone_from(last);
                    cursor.behind = true;
                }
            }
            let Some((name, value)) = cursor.ready.front() else { continue };
            if smallest.as_ref().is_none_or(|(smallest, _)| name <= smallest) {
                smallest = Some((name.clone(), *value));
            }
        }
        if let Some((name, _)) = &smallest {
            for cursor in &mut self.cursors {
                if cursor.ready.front().is_some_and(|(front, _)| front == name) {
                    cursor.ready.pop_front();
                }
            }
        }
        Ok(smallest)
    }
}

/// Lists streams by name.
pub(crate) fn streams(view: &View, query: &StreamQuery) -> Result<StreamsPage, ReadError> {
    let mut page = StreamsPage { streams: Vec::new(), more: false };
    let Some(prefix) = common_prefix(query) else { return Ok(page) };
    let after = query.after.as_ref().map_or("", StreamName::as_str);
    let (from, behind) = if after >= prefix.as_str() { (after, true) } else { (prefix.as_str(), false) };
    let fetch = |step, from: &str, behind| view.names(step, from, behind, CHUNK);
    let mut names = Merge::new(view, from, behind, fetch);
    while let Some((name, last)) = names.next()? {
        if !name.starts_with(&prefix) {
            break;
        }
        if name.starts_with('$') && !prefix.starts_with('$') {
            // The names of the system are passed over in one step.
            names = Merge::new(view, "%", false, fetch);
            continue;
        }
        let Some(stream) = stream_name(&name).filter(|stream| query.matches(stream)) else { continue };
        if is_gone(view, &stream)? {
            continue;
        }
        if page.streams.len() == query.effective_limit() {
            page.more = true;
            break;
        }
        page.streams.push(StreamInfo { stream, last: Revision(last) });
    }
    Ok(page)
}

/// What all names that are asked for begin with; absent where no name can be.
fn common_prefix(query: &StreamQuery) -> Option<String> {
    let of_category = query.category.as_ref().map(|category| format!("{category}-")).unwrap_or_default();
    let longer = if of_category.len() > query.prefix.len() { &of_category } else { &query.prefix };
    (longer.starts_with(&of_category) && longer.starts_with(&query.prefix)).then(|| longer.clone())
}

fn is_gone(view: &View, stream: &StreamName) -> Result<bool, Trouble> {
    let metadata = stream.metadata_stream();
    let [newest, described] = view.newest([stream.as_str(), metadata.as_str()])?;
    let tombstoned = newest.is_some_and(|newest| newest.span.tombstoned);
    Ok(tombstoned || (described.is_some() && view.stream(stream)?.metadata.is_deleted()))
}

/// Lists documents by key.
pub(crate) fn documents(
    view: &View,
    prefix: &str,
    after: Option<&DocumentKey>,
    limit: usize,
) -> Result<Vec<DocumentKey>, ReadError> {
    let after = after.map_or("", DocumentKey::as_str);
    let (from, behind) = if after >= prefix { (after, !after.is_empty()) } else { (prefix, false) };
    let fetch = |step, from: &str, behind| view.keys(step, from, behind, CHUNK);
    let mut merged = Merge::new(view, from, behind, fetch);
    let mut keys = Vec::new();
    while keys.len() < limit
        && let Some((key, removed)) = merged.next()?
    {
        if !key.starts_with(prefix) {
            break;
        }
        if !removed {
            keys.extend(DocumentKey::new(key));
        }
    }
    Ok(keys)
}

/// Calls `visit` with the names of all streams that begin with `prefix`, in order.
pub(crate) fn names(
    view: &View,
    prefix: &str,
    mut visit: impl FnMut(&str) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let fetch = |step, from: &str, behind| view.names(step, from, behind, CHUNK);
    let mut names = Merge::new(view, prefix, false, fetch);
    while let Some((name, _)) = names.next()? {
        if !name.starts_with(prefix) {
            break;
        }
        visit(&name)?;
    }
    Ok(())
}

type Counts = BTreeMap<(Option<Arc<str>>, Arc<str>), u64>;

/// Which event types occur, by category, and how often.
pub(crate) fn event_types(view: &View) -> Result<Vec<EventTypeCount>, ReadError> {
    let mut counts = Counts::new();
    for part in view.parts.iter() {
        match part.index.counts() {
            Some(kinds) => {
                for kind in kinds {
                    *counts.entry((kind.category, kind.event_type)).or_default() += kind.count;
                }
            }
            None => count_frames(part, &mut counts)?,
        }
    }
    let counts = counts.into_iter().map(|((category, event_type), count)| EventTypeCount {
        category: category.as_deref().map(str::to_owned),
        event_type: event_type.as_ref().to_owned(),
        count: Some(count),
    });
    Ok(counts.collect())
}

/// Counts in the frames themselves, where the index does not tell all kinds apart.
fn count_frames(part: &Part, counts: &mut Counts) -> Result<(), Trouble> {
    let end = part.index.end();
    let scanned = scan::frames(&part.segment, part.begin, end, |_, head, frame| {
        if head.kind == Kind::Event {
            let category = head.name(frame).split_once('-').map(|(category, _)| category.into());
            *counts.entry((category, head.event_type(frame).into())).or_default() += 1;
        }
        Ok(())
    })?;
    scanned.fault.map_or(Ok(()), |fault| Err(part.segment.damage(scanned.end, &fault)))
}
