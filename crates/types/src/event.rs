//! Events: facts, in the past tense, with a name on disk that never changes.

use crate::upcast::{RawEvent, UpcastError, Upcasters};

/// The facts that one aggregate emits, usually an enum with one variant per event.
///
/// Derive it. Each variant's name on disk is its identifier, or what `#[event(name = "…")]` says; never
/// a Rust path, so modules and types can be renamed freely. `#[event(version = 2)]` on a variant tells
/// that its form changed; older forms are brought up to date by `#[event(upcasters = path)]` on the enum.
/// `#[event(flatten)]` on a variant around another such enum gathers its events, names and upcasters.
pub trait Event: Sized + Send + Sync + 'static {
    /// Every event type that this enum reads and writes, at its present version.
    const TYPES: &'static [EventType];

    /// Which of [`Event::TYPES`] this event is.
    fn event_type(&self) -> &'static EventType;

    /// The event's data as JSON: the fields of the variant, without the type's name.
    ///
    /// # Errors
    /// A field that JSON cannot hold, such as a map whose keys are not text.
    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error>;

    /// Reads the data of an event of this type at its present version.
    ///
    /// # Errors
    /// The type is not one of [`Event::TYPES`], or the data is not of its form.
    fn from_json(event_type: &str, data: &[u8]) -> Result<Self, DecodeError>;

    /// How events of older versions and former names are read.
    fn upcasters() -> Upcasters<'static> {
        Upcasters::new()
    }
}

/// The stable name of an event on disk, and the version of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct EventType {
    /// The name on disk.
    pub name: &'static str,
    /// The version of the form that is written today, from 1.
    pub version: u32,
    /// What the event states, from the variant's doc comment.
    pub doc: &'static str,
}

/// Why a stored event could not be read. Nothing is lost: the event stays as it is in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No type and no upcaster of this name is registered.
    #[error(
        "nobody can read events of type `{event_type}` (version {version}): add the type, or an upcaster for it"
    )]
    UnknownType {
        /// The name on disk.
        event_type: String,
        /// The version on disk.
        version: u32,
    },
    /// The data does not have the form of its type.
    #[error("an event of type `{event_type}` does not have the expected form")]
    Malformed {
        /// The name on disk.
        event_type: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// An upcaster refused the event, or upcasters call each other without end.
    #[error(transparent)]
    Upcast(#[from] UpcastError),
}

impl DecodeError {
    /// The error of a type that is not among [`Event::TYPES`].
    pub fn unknown(event_type: &str, version: u32) -> Self {
        DecodeError::UnknownType { event_type: event_type.to_owned(), version }
    }

    /// The error of data that is not of its type's form.
    pub fn malformed(event_type: &str, source: serde_json::Error) -> Self {
        DecodeError::Malformed { event_type: event_type.to_owned(), source }
    }
}

/// Reads stored events of one enum, bringing old versions up to date.
///
/// Built once and kept, because the upcasters are built with it.
#[derive(Debug)]
pub struct Decoder<E> {
    upcasters: Upcasters<'static>,
    events: std::marker::PhantomData<fn() -> E>,
}

impl<E: Event> Default for Decoder<E> {
    fn default() -> Self {
        Decoder { upcasters: E::upcasters(), events: std::marker::PhantomData }
    }
}

impl<E: Event> Decoder<E> {
    /// Reads one stored event: as one event of today, or none, or several.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(&self, event_type: &str, version: u32, data: &[u8]) -> Result<Vec<E>, DecodeError> {
        let is_current = current::<E>(event_type).is_some_and(|current| current.version == version);
        if is_current && !self.upcasters.knows(event_type, version) {
            return E::from_json(event_type, data).map(|event| vec![event]);
        }
        let data =
            serde_json::from_slice(data).map_err(|source| DecodeError::malformed(event_type, source))?;
        let raw = RawEvent { event_type: event_type.to_owned().into(), version, data };
        self.upcasters
            .bring_up_to_date(raw)?
            .into_iter()
            .map(|raw| match current::<E>(&raw.event_type) {
                Some(current) if current.version == raw.version => from_value(&raw),
                _ => Err(DecodeError::unknown(&raw.event_type, raw.version)),
            })
            .collect()
    }

    /// Whether events with this name can be read, at some version at least.
    pub fn reads(&self, event_type: &str) -> bool {
        current::<E>(event_type).is_some() || self.upcasters.touches(event_type)
    }

    /// Every name on disk that can be read, at some version at least: those of today and those of old.
    pub fn readable_types(&self) -> Vec<String> {
        let today = E::TYPES.iter().map(|current| current.name);
        let names: std::collections::BTreeSet<_> = today.chain(self.upcasters.types()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The first type of today that an upcaster takes away, by renaming it, dropping it or reading its
    /// present version as another: a version that was not raised, or a former name of one gathered enum
    /// that is a present name of another.
    pub fn unreachable_type(&self) -> Option<&'static str> {
        E::TYPES
            .iter()
            .find(|current| self.upcasters.knows(current.name, current.version))
            .map(|current| current.name)
    }

    /// The first gap in the versions: a type and an older version of it that no upcaster reads.
    pub fn unreadable_version(&self) -> Option<(&'static str, u32)> {
        E::TYPES.iter().find_map(|current| {
            (1..current.version)
                .find(|version| !self.upcasters.knows(current.name, *version))
                .map(|version| (current.name, version))
        })
    }
}

fn current<E: Event>(event_type: &str) -> Option<&'static EventType> {
    E::TYPES.iter().find(|current| current.name == event_type)
}

fn from_value<E: Event>(raw: &RawEvent) -> Result<E, DecodeError> {
    let data =
        serde_json::to_vec(&raw.data).map_err(|source| DecodeError::malformed(&raw.event_type, source))?;
    E::from_json(&raw.event_type, &data)
}
