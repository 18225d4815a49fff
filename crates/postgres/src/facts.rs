//! What is known of streams while appends are decided: as it was read, or as their writers say.
//!
//! Facts may be old when the events are written. The server compares them under its lock, and writes nothing where
//! they are wrong; so that a guess costs nothing where it is right, and one more look where it is not.

use std::collections::{BTreeSet, HashMap, HashSet};

use engine_store::StreamMetadata;
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::{
    content,
    error::Trouble,
    pool::Connection,
    read::octets,
    url::Schema,
    values::{signed, unsigned},
};

/// What is known of one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StreamFacts {
    pub(crate) current: CurrentRevision,
    /// How often its row was changed.
    pub(crate) changes: i64,
    pub(crate) is_closed: bool,
    pub(crate) metadata: StreamMetadata,
    /// Nobody has looked: this is what the writer says.
    is_guess: bool,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    streams: HashMap<StreamName, StreamFacts>,
    /// The events at some places; none where there is no event.
    places: HashMap<(StreamName, Revision), Option<(Uuid, Position)>>,
    /// Where some events stand first in some streams.
    found: HashMap<(StreamName, Uuid), Option<Revision>>,
}

/// Something must be known first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unknown;

/// What must be known for a decision.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) streams: BTreeSet<StreamName>,
    pub(crate) places: HashSet<(StreamName, Revision)>,
    pub(crate) ids: HashSet<(StreamName, Uuid)>,
}

impl Wanted {
    pub(crate) fn is_nothing(&self) -> bool {
        self.streams.is_empty() && self.places.is_empty() && self.ids.is_empty()
    }
}

impl Facts {
    pub(crate) fn stream(&self, name: &StreamName) -> Option<&StreamFacts> {
        self.streams.get(name)
    }

    /// The event at a place, if there is one.
    pub(crate) fn place(
        &self,
        name: &StreamName,
        revision: Revision,
    ) -> Result<Option<(Uuid, Position)>, Unknown> {
        self.places.get(&(name.clone(), revision)).copied().ok_or(Unknown)
    }

    /// Where an event stands first in a stream, if it does.
    pub(crate) fn found(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Unknown> {
        self.found.get(&(name.clone(), id)).copied().ok_or(Unknown)
    }

    /// Believes what a writer says of a stream, if nothing is known of it yet.
    pub(crate) fn guess(&mut self, name: &StreamName, expected: ExpectedRevision) {
        let current = match expected {
            ExpectedRevision::NoStream => CurrentRevision::NoStream,
            ExpectedRevision::Exact(revision) => CurrentRevision::At(revision),
            ExpectedRevision::Any | ExpectedRevision::StreamExists => return,
        };
        if !name.is_metadata() && !self.streams.contains_key(name) {
            let guess = StreamFacts { current, is_guess: true, ..StreamFacts::default() };
            self.streams.insert(name.clone(), guess);
        }
    }

    /// Whether what is known of a stream is what a writer says.
    pub(crate) fn is_guess(&self, name: &StreamName) -> bool {
        self.streams.get(name).is_some_and(|facts| facts.is_guess)
    }

    /// Forgets all about streams that are otherwise than was believed.
    pub(crate) fn forget(&mut self, names: &HashSet<StreamName>) {
        self.streams.retain(|name, _| !names.contains(name));
        self.places.retain(|(name, _), _| !names.contains(name));
        self.found.retain(|(name, _), _| !names.contains(name));
    }

    /// What is believed of streams, for the server to compare.
    pub(crate) fn believed(&self) -> Vec<(&StreamName, i64, i64)> {
        let last = |facts: &StreamFacts| facts.current.revision().map_or(-1, |last| signed(last.0));
        self.streams.iter().map(|(name, facts)| (name, last(facts), facts.changes)).collect()
    }

    /// Looks for what is wanted. Streams first: what is found at places may be newer than what is known of where
    /// they end, which is noticed; the other way round it would not be.
    pub(crate) async fn look_up(
        &mut self,
        wanted: Wanted,
        schema: &Schema,
        connection: &mut Connection<'_>,
    ) -> Result<(), Trouble> {
        if !wanted.streams.is_empty() {
            self.look_up_streams(wanted.streams.into_iter().collect(), schema, connection).await?;
        }
        if !wanted.places.is_empty() {
            self.look_up_places(wanted.places.into_iter().collect(), schema, connection).await?;
        }
        if !wanted.ids.is_empty() {
            self.look_up_ids(wanted.ids.into_iter().collect(), schema, connection).await?;
        }
        Ok(())
    }

    async fn look_up_streams(
        &mut self,
        names: Vec<StreamName>,
        schema: &Schema,
        connection: &mut Connection<'_>,
    ) -> Result<(), Trouble> {
        let texts: Vec<_> = names.iter().map(StreamName::as_str).collect();
        let sql = format!("SELECT * FROM {schema}.look_up($1)");
        for row in connection.query(&sql, &[(&texts, Type::TEXT_ARRAY)]).await? {
            let metadata = content::join(octets(&row, 3)?, octets(&row, 4)?);
            let facts = StreamFacts {
                current: row.try_get::<_, Option<i64>>(1)?.map(|last| Revision(unsigned(last))).into(),
                changes: row.try_get::<_, Option<i64>>(2)?.unwrap_or(0),
                metadata: if metadata.is_empty() {
                    StreamMetadata::default()
                } else {
                    StreamMetadata::from_json(&metadata)
                },
                is_closed: row.try_get::<_, Option<bool>>(5)?.unwrap_or(false),
                is_guess: false,
            };
            if let Some(name) = numbered(&names, row.try_get(0)?) {
                self.streams.insert(name.clone(), facts);
            }
        }
        Ok(())
    }

    async fn look_up_places(
        &mut self,
        places: Vec<(StreamName, Revision)>,
        schema: &Schema,
        connection: &mut Connection<'_>,
    ) -> Result<(), Trouble> {
        let texts: Vec<_> = places.iter().map(|(name, _)| name.as_str()).collect();
        let revisions: Vec<_> = places.iter().map(|(_, revision)| signed(revision.0)).collect();
        let sql = format!("SELECT * FROM {schema}.events_at($1, $2)");
        let values = [(&texts as _, Type::TEXT_ARRAY), (&revisions as _, Type::INT8_ARRAY)];
        let rows = connection.query(&sql, &values).await?;
        self.places.extend(places.iter().map(|place| (place.clone(), None)));
        for row in rows {
            if let Some(place) = numbered(&places, row.try_get(0)?) {
                let event = (row.try_get(1)?, Position(unsigned(row.try_get(2)?)));
                self.places.insert(place.clone(), Some(event));
            }
        }
        Ok(())
    }

    async fn look_up_ids(
        &mut self,
        ids: Vec<(StreamName, Uuid)>,
        schema: &Schema,
        connection: &mut Connection<'_>,
    ) -> Result<(), Trouble> {
        let texts: Vec<_> = ids.iter().map(|(name, _)| name.as_str()).collect();
        let uuids: Vec<_> = ids.iter().map(|(_, id)| *id).collect();
        let sql = format!("SELECT * FROM {schema}.find($1, $2)");
        let values = [(&texts as _, Type::TEXT_ARRAY), (&uuids as _, Type::UUID_ARRAY)];
        let rows = connection.query(&sql, &values).await?;
        self.found.extend(ids.iter().map(|id| (id.clone(), None)));
        for row in rows {
            if let Some(id) = numbered(&ids, row.try_get(0)?) {
                self.found.insert(id.clone(), Some(Revision(unsigned(row.try_get(1)?))));
            }
        }
        Ok(())
    }
}

/// The entry of this number, from 1.
pub(crate) fn numbered<T>(entries: &[T], number: i64) -> Option<&T> {
    entries.get(usize::try_from(number).ok()?.checked_sub(1)?)
}
