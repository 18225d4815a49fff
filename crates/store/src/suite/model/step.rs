//! The steps of a random walk: what may be asked of a store, and how the next question is chosen.

use std::time::Duration;

use bytes::Bytes;
use engine_types::{ExpectedRevision, Revision, StreamName};

use super::{
    super::{Opened, kit::*},
    answer,
    random::Random,
};
use crate::{
    AppendRequest, DeleteMode, Direction, DocumentKey, ExpectedVersion, Filter, NewEvent, ReadFrom,
    ReadStream, StreamAppend, StreamMetadata, StreamQuery,
};

/// Something that is asked of a store.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Append(Vec<StreamAppend>),
    Delete(StreamName, ExpectedRevision, DeleteMode),
    Describe(StreamName, ExpectedRevision, StreamMetadata),
    Read(ReadStream),
    Save(DocumentKey, ExpectedVersion, Bytes),
    Discard(DocumentKey),
    Advance(Duration),
    Scavenge,
    Reopen,
}

impl Step {
    /// Asks, and gives the answer as text.
    pub(super) async fn take(&self, store: &Opened) -> String {
        match self.clone() {
            Step::Append(parts) if parts.len() == 1 => {
                answer::of_append(store.append(AppendRequest::to_many(parts)).await)
            }
            Step::Append(parts) => {
                answer::of_append_to_many(store.append(AppendRequest::to_many(parts)).await)
            }
            Step::Delete(stream, expected, mode) => {
                answer::of_write(store.delete_stream(&stream, expected, mode).await)
            }
            Step::Describe(stream, expected, metadata) => {
                answer::of_append(store.set_stream_metadata(&stream, expected, metadata).await)
            }
            Step::Read(request) => answer::of_events(read_by(store, request).await),
            Step::Save(key, expected, content) => {
                answer::of_write(store.save_document(&key, expected, content).await)
            }
            Step::Discard(key) => answer::of_write(store.delete_document(&key).await),
            Step::Scavenge => {
                let scavenged = store.scavenge(&|_| {}).await.map_err(|error| error.to_string());
                format!("{:?}", scavenged.map(|_| ()))
            }
            Step::Advance(_) | Step::Reopen => String::new(),
        }
    }
}

/// What can be asked of the store of this walk.
#[allow(clippy::struct_excessive_bools)] // each answers a question of its own
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    pub(super) drives_clock: bool,
    pub(super) appends_to_many: bool,
    pub(super) reopens: bool,
    pub(super) scavenges: bool,
}

/// The streams and documents of one walk, and the appends that were tried.
#[derive(Debug)]
pub(super) struct Streets {
    category: String,
    streams: Vec<StreamName>,
    documents: Vec<DocumentKey>,
    tried: Vec<StreamAppend>,
}

impl Streets {
    pub(super) fn new(number: u64) -> Self {
        let key = |name| DocumentKey::new(format!("walk{number}/{name}")).expect("a valid key");
        Streets {
            category: format!("walk{number}"),
            streams: (0..4).map(|name| stream(&format!("walk{number}-{name}"))).collect(),
            documents: ["a", "b"].map(key).into(),
            tried: Vec::new(),
        }
    }

    /// Chooses what to ask next.
    pub(super) async fn next_step(
        &mut self,
        random: &mut Random,
        model: &Opened,
        abilities: Abilities,
    ) -> Step {
        let stream = random.one_of(&self.streams);
        match random.below(20) {
            0..9 => Step::Append(self.parts(random, model, abilities).await),
            9 if random.once_in(3) => {
                Step::Delete(stream.clone(), expected(random, model, &stream).await, DeleteMode::Tombstone)
            }
            9..12 => Step::Delete(stream.clone(), expected(random, model, &stream).await, DeleteMode::Soft),
            12..14 => {
                let belief = expected(random, model, &stream.metadata_stream()).await;
                Step::Describe(stream, belief, metadata(random, abilities))
            }
            14 => self.document(random),
            15 if abilities.drives_clock => Step::Advance(Duration::from_millis(random.below(3_000) as u64)),
            16 if abilities.reopens => Step::Reopen,
            17 if abilities.scavenges && random.once_in(2) => Step::Scavenge,
            _ => Step::Read(read_of(random, stream)),
        }
    }

    /// The parts of an append, each to another stream.
    async fn parts(
        &mut self,
        random: &mut Random,
        model: &Opened,
        abilities: Abilities,
    ) -> Vec<StreamAppend> {
        let count = if abilities.appends_to_many && random.once_in(4) { 1 + random.below(3) } else { 1 };
        let first = random.below(self.streams.len());
        let mut parts = Vec::new();
        for offset in 0..count {
            let stream = self.streams[(first + offset) % self.streams.len()].clone();
            parts.push(self.part(random, model, stream).await);
        }
        self.tried.extend(parts.iter().cloned());
        parts
    }

    /// Mostly fresh events; sometimes those of an earlier try, alone or with another end.
    ///
    /// Known events are never sent where they would be written to their stream a second time: which of the two
    /// a store remembers is left open.
    async fn part(&self, random: &mut Random, model: &Opened, stream: StreamName) -> StreamAppend {
        let fresh: Vec<_> = (0..random.below(4)).map(|number| fresh_event(random, number)).collect();
        if self.tried.is_empty() || !random.once_in(4) {
            let expected = expected(random, model, &stream).await;
            return StreamAppend { stream, expected, events: fresh };
        }
        let mut again = random.one_of(&self.tried);
        if again.stream != stream || random.once_in(3) {
            again.expected = Any;
        }
        match random.below(9) {
            0..3 => again.events.extend(fresh),
            3 | 4 => again.events.truncate(1),
            _ => {}
        }
        again.stream = stream;
        again
    }

    fn document(&self, random: &mut Random) -> Step {
        let key = random.one_of(&self.documents);
        if random.once_in(4) {
            return Step::Discard(key);
        }
        let version = random.below(4) as u64;
        let beliefs = [ExpectedVersion::Any, ExpectedVersion::Absent, ExpectedVersion::Exact(version)];
        Step::Save(key, random.one_of(&beliefs), Bytes::from(vec![b'x'; random.below(9)]))
    }

    /// Everything that can be seen of this walk.
    pub(super) async fn survey(&self, model: &Opened) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        for what in ["all streams", "the catalogue", "the documents"] {
            seen.push((what.to_owned(), self.look(model, what).await));
        }
        for stream in &self.streams {
            seen.push((stream.to_string(), self.look(model, stream.as_str()).await));
        }
        seen
    }

    /// Looks at one of the things of the survey.
    pub(super) async fn look(&self, store: &Opened, what: &str) -> String {
        match what {
            "all streams" => answer::of_events(Ok(read_all(store, Filter::category(&*self.category)).await)),
            "the catalogue" => {
                let query = StreamQuery { category: Some(self.category.clone()), ..StreamQuery::default() };
                format!("{:?}", store.streams(query).await.expect("a list of streams"))
            }
            "the documents" => {
                let mut documents = Vec::new();
                for key in &self.documents {
                    documents.push(store.load_document(key).await.expect("a document or none"));
                }
                format!("{documents:?}")
            }
            name => {
                let stream = stream(name);
                let current = store.current_revision(&stream).await.map_err(|error| error.to_string());
                let events = answer::of_events(read(store, &stream).await);
                let metadata = answer::of_metadata(store.stream_metadata(&stream).await);
                let described = answer::of_events(read(store, &stream.metadata_stream()).await);
                format!("{current:?} {events} {metadata} {described}")
            }
        }
    }
}

/// What a writer might believe: often right, sometimes a little wrong.
async fn expected(random: &mut Random, model: &Opened, stream: &StreamName) -> ExpectedRevision {
    let current = model.current_revision(stream).await.unwrap_or_default();
    let last = current.revision().map_or(0, |revision| revision.0);
    match random.below(10) {
        0 | 1 => Any,
        2 => NoStream,
        3 => StreamExists,
        4 => exact(last + 1),
        5 => exact(last.saturating_sub(1)),
        _ => current.into(),
    }
}

fn fresh_event(random: &mut Random, number: usize) -> NewEvent {
    NewEvent { id: random.id(), ..event(["Opened", "Deposited", "Withdrawn"][number % 3]) }
}

fn metadata(random: &mut Random, abilities: Abilities) -> StreamMetadata {
    let mut metadata = StreamMetadata::default();
    match random.below(6) {
        0 | 1 => metadata.max_count = Some(1 + random.below(4) as u64),
        2 | 3 => metadata.truncate_before = Some(random.below(8) as u64),
        4 if abilities.drives_clock => metadata.max_age_seconds = Some(1 + random.below(5) as u64),
        _ => drop(metadata.user.insert("note".to_owned(), random.below(9).into())),
    }
    metadata
}

fn read_of(random: &mut Random, stream: StreamName) -> ReadStream {
    let revision = Revision(random.below(12) as u64);
    let direction = random.one_of(&[Direction::Forwards, Direction::Backwards]);
    // From the other end there is at most one event, and no page behind it.
    let whole = if direction == Direction::Forwards { ReadFrom::Start } else { ReadFrom::End };
    let from = random.one_of(&[whole, ReadFrom::At(revision)]);
    ReadStream { stream, from, direction, limit: 1 + random.below(5) }
}
