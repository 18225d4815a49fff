//! Removing what can no longer be read. The place of an event stays, so that positions and revisions do.

use bytes::Bytes;
use engine_types::{Revision, StreamName};

use super::state::{State, index};
use crate::{Timestamp, stream_metadata};

impl State {
    /// Removes what can no longer be read at this time, and answers how many events that were.
    pub(super) fn scavenge(&mut self, now: Timestamp) -> u64 {
        let names: Vec<_> = self.streams.keys().cloned().collect();
        names.iter().map(|name| self.scavenge_stream(name, now)).sum()
    }

    fn scavenge_stream(&mut self, name: &StreamName, now: Timestamp) -> u64 {
        let state = self.stream_state(name);
        let metadata = self.metadata_of(name);
        let Some(stream) = self.streams.get_mut(name) else { return 0 };
        let Some(last) = stream.current().revision() else { return 0 };
        let (from, behind) = (stream.kept_from, last.0 + 1);
        let mut keep_from = stream_metadata::first_kept(&metadata, &state, stream.tombstoned, last).0;
        keep_from = keep_from.clamp(from, behind);
        let created = |revision: u64| self.all[index(stream.positions[index(revision)])].created;
        // A tombstone never becomes too old.
        while !state.tombstoned && keep_from < behind && metadata.is_expired(created(keep_from), now) {
            keep_from += 1;
        }
        for revision in from..keep_from {
            let position = stream.positions[index(revision)];
            let event = &mut self.all[index(position)];
            (event.data, event.metadata) = (Bytes::new(), Bytes::new());
            self.removed.insert(position);
        }
        // A stream whose events are all gone is numbered by the last of them.
        stream.numbered_by = (keep_from == behind).then_some(last);
        if from < keep_from {
            stream.keep_from(Revision(keep_from));
        }
        keep_from - from
    }
}
