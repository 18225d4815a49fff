//! Which events may be removed, stream by stream.

use std::collections::HashMap;

use engine_store::{
    Filter, ReadAll, ReadError, StreamMetadata, Timestamp, filter::Choice, stream_metadata,
    stream_metadata::TOMBSTONE_EVENT_TYPE,
};
use engine_types::StreamName;
use foldhash::fast::RandomState;

use crate::{
    catalog,
    error::Trouble,
    options::LogOptions,
    read,
    view::{StreamView, View},
};

/// What may be removed of the streams of which anything may be. Takes memory for each of those.
#[derive(Debug)]
pub(super) struct Rules {
    streams: HashMap<Box<str>, Rule, RandomState>,
    now: Timestamp,
}

/// What may be removed of one stream.
#[derive(Debug)]
struct Rule {
    /// Everything before this revision.
    keep_from: u64,
    /// The last revision, whose number is kept; absent where the stream is closed for ever, and needs none.
    last: Option<u64>,
    /// The oldest events too, as long as each is too old.
    max_age: Option<StreamMetadata>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
    /// It goes, and its number stays.
    LeavesItsNumber,
}

impl Rules {
    /// The rules that follow from what is in a view.
    pub(super) fn of(view: &View, options: &LogOptions) -> Result<Self, ReadError> {
        let mut rules = Rules { streams: HashMap::default(), now: options.clock.now() };
        catalog::names(view, "$$", |name| {
            let described = name.strip_prefix("$$").and_then(crate::decode::stream_name);
            described.map_or(Ok(()), |stream| rules.add(view, &stream))
        })?;
        rules.add_tombstoned(view, options)?;
        Ok(rules)
    }

    fn add_tombstoned(&mut self, view: &View, options: &LogOptions) -> Result<(), ReadError> {
        let tombstones = Filter::new(Choice {
            event_types: vec![TOMBSTONE_EVENT_TYPE.to_owned()],
            system: true,
            ..Choice::default()
        });
        let mut request = ReadAll::forwards().filter(tombstones);
        loop {
            let page = read::all_page(view, options, &request)?;
            for event in &page.events {
                if !self.streams.contains_key(event.stream.as_str()) {
                    self.add(view, &event.stream)?;
                }
            }
            match page.next {
                Some(next) if !page.end => request = request.from(next),
                _ => return Ok(()),
            }
        }
    }

    /// Adds what may be removed of a stream and of its metadata.
    fn add(&mut self, view: &View, stream: &StreamName) -> Result<(), Trouble> {
        let known = view.stream(stream)?;
        let own_tombstone = known.newest.is_some_and(|newest| newest.span.tombstoned);
        if let Some(last) = known.current().revision() {
            let state = known.state();
            let keep_from = stream_metadata::first_kept(&known.metadata, &state, own_tombstone, last).0;
            let max_age = Some(&known.metadata).filter(|it| it.max_age_seconds.is_some() && !own_tombstone);
            let rule = Rule { keep_from, last: Some(last.0), max_age: max_age.cloned() };
            if keep_from > 0 || rule.max_age.is_some() {
                self.streams.insert(stream.as_str().into(), rule);
            }
        }
        self.add_metadata(stream, &known);
        Ok(())
    }

    /// Of metadata only the newest counts, and none of a stream that is closed for ever.
    fn add_metadata(&mut self, stream: &StreamName, known: &StreamView) {
        let Some(last) = known.metadata_revision.revision() else { return };
        let rule = if known.tombstoned {
            Rule { keep_from: last.0 + 1, last: None, max_age: None }
        } else {
            Rule { keep_from: last.0, last: Some(last.0), max_age: None }
        };
        if rule.keep_from > 0 {
            self.streams.insert(stream.metadata_stream().as_str().into(), rule);
        }
    }

    /// What becomes of an event. Events are asked for in their order; those that are too old are found on the way.
    pub(super) fn meet(&mut self, stream: &str, revision: u64, created: i64) -> Fate {
        let Some(rule) = self.streams.get_mut(stream) else { return Fate::Stays };
        if let Some(limit) = &rule.max_age
            && revision >= rule.keep_from
        {
            if limit.is_expired(Timestamp::from_micros(created), self.now) {
                rule.keep_from = revision + 1;
            } else {
                rule.max_age = None;
            }
        }
        rule.fate(revision)
    }

    /// What became of an event that was met before.
    pub(super) fn fate(&self, stream: &str, revision: u64) -> Fate {
        self.streams.get(stream).map_or(Fate::Stays, |rule| rule.fate(revision))
    }

    /// What becomes of what keeps only the number of an event that was removed.
    pub(super) fn fate_of_number(&self, stream: &str, last_is_behind: bool) -> Fate {
        let closed = self.streams.get(stream).is_some_and(|rule| rule.last.is_none());
        if closed || last_is_behind { Fate::Goes } else { Fate::Stays }
    }
}

impl Rule {
    fn fate(&self, revision: u64) -> Fate {
        match self.last {
            _ if revision >= self.keep_from => Fate::Stays,
            Some(last) if revision == last => Fate::LeavesItsNumber,
            _ => Fate::Goes,
        }
    }
}
