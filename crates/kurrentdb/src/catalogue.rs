//! The catalogue: which streams there are, and which types of events.
//!
//! The protocol has no call for it. So all events are read, once, and from then on those that came since: the first
//! list takes as long as reading the whole store.

use std::collections::{BTreeMap, btree_map::Entry};

use engine_store::{
    EventTypeCount, ReadAll, ReadError, RecordedEvent, StreamInfo, StreamMetadata, StreamQuery, StreamsPage,
    stream_metadata::{METADATA_EVENT_TYPE, TOMBSTONE_EVENT_TYPE},
};
use engine_types::{Position, Revision, StreamName};

use crate::{read, store::KurrentStore};

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    next: Option<Position>,
    streams: BTreeMap<StreamName, Known>,
    types: BTreeMap<(Option<String>, String), u64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// Absent where only the stream's metadata was seen.
    last: Option<Revision>,
    deleted: bool,
    tombstoned: bool,
}

impl Catalogue {
    /// Reads what came since the last time.
    async fn bring_up(&mut self, store: &KurrentStore) -> Result<(), ReadError> {
        loop {
            let request = ReadAll::forwards();
            let request = match self.next {
                Some(next) => request.from(next),
                None => request,
            };
            let page = read::all_page(store, request).await?;
            for event in &page.events {
                self.note(event, store.connection.options.catalogue_streams)?;
            }
            self.next = page.next;
            if page.end {
                return Ok(());
            }
        }
    }

    fn note(&mut self, event: &RecordedEvent, limit: usize) -> Result<(), ReadError> {
        let category = event.stream.category().map(str::to_owned);
        *self.types.entry((category, event.event_type.to_string())).or_default() += 1;
        let known = self.known(&event.stream, limit)?;
        if *event.event_type == *TOMBSTONE_EVENT_TYPE && !event.stream.is_metadata() {
            known.tombstoned = true;
        } else {
            known.last = Some(event.revision);
        }
        if let Some(described) =
            event.stream.described_stream().filter(|_| *event.event_type == *METADATA_EVENT_TYPE)
        {
            self.known(&described, limit)?.deleted = StreamMetadata::from_json(&event.data).is_deleted();
        }
        Ok(())
    }

    fn known(&mut self, stream: &StreamName, limit: usize) -> Result<&mut Known, ReadError> {
        let count = self.streams.len();
        match self.streams.entry(stream.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) if count < limit => Ok(free.insert(Known::default())),
            Entry::Vacant(_) => Err(ReadError::Unsupported(format!(
                "the server has more than {limit} streams, too many for a list of them in memory: raise \
                 `Options::catalogue_streams`"
            ))),
        }
    }

    fn page(&self, query: &StreamQuery) -> StreamsPage {
        let limit = query.effective_limit();
        let listed = |(stream, known): (&StreamName, &Known)| {
            let last = known.last.filter(|_| !known.deleted && !known.tombstoned && query.matches(stream))?;
            Some(StreamInfo { stream: stream.clone(), last })
        };
        let mut streams: Vec<_> =
            self.streams.iter().filter_map(listed).take(limit.saturating_add(1)).collect();
        let more = streams.len() > limit;
        streams.truncate(limit);
        StreamsPage { streams, more }
    }
}

pub(crate) async fn streams(store: &KurrentStore, query: &StreamQuery) -> Result<StreamsPage, ReadError> {
    let mut catalogue = store.catalogue.lock().await;
    catalogue.bring_up(store).await?;
    Ok(catalogue.page(query))
}

pub(crate) async fn event_types(store: &KurrentStore) -> Result<Vec<EventTypeCount>, ReadError> {
    let mut catalogue = store.catalogue.lock().await;
    catalogue.bring_up(store).await?;
    let counted = catalogue.types.iter().map(|((category, event_type), count)| EventTypeCount {
        category: category.clone(),
        event_type: event_type.clone(),
        count: Some(*count),
    });
    Ok(counted.collect())
}
