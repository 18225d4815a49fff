//! Streams: their names, and the places in them.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest stream name, in bytes; the name of a metadata stream has two more.
pub const MAX_STREAM_NAME_BYTES: usize = 512;

/// The longest aggregate id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// What an aggregate id may not hold, because a stream name or a path to it could not.
const NOT_IN_AN_ID: [char; 5] = ['/', '\\', '?', '#', '%'];

/// The name of a stream: `<category>-<id>`, such as `account-jsdf`.
///
/// Any text of 1 to 512 bytes without control characters, except `$all` and `$$`. Names that begin with
/// `$` belong to the system; `$$name` holds the metadata of `name`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// See [`InvalidName`].
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
        let name = name.as_ref();
        if name.is_empty() || name == "$$" {
            return Err(InvalidName::Empty);
        }
        let limit = if name.starts_with("$$") { MAX_STREAM_NAME_BYTES + 2 } else { MAX_STREAM_NAME_BYTES };
        if name.len() > limit {
            return Err(InvalidName::TooLong { bytes: name.len(), limit });
        }
        if name == "$all" {
            return Err(InvalidName::Reserved);
        }
        if let Some(character) = name.chars().find(|character| character.is_control()) {
            return Err(InvalidName::Character(character));
        }
        Ok(StreamName(name.into()))
    }

    /// The stream of one aggregate instance.
    ///
    /// An id is text of 1 to 256 bytes without white space, control characters and `/ \ ? # %`, and neither
    /// `.` nor `..`, so that it can be a part of a path.
    ///
    /// # Errors
    /// The category is none ([`Category::is_valid`]), or the id cannot be part of a stream name.
    pub fn of_instance(category: &str, id: &str) -> Result<Self, InvalidName> {
        if !Category::is_valid(category) {
            return Err(InvalidName::Category(category.to_owned()));
        }
        if id == "." || id == ".." {
            return Err(InvalidName::Dots);
        }
        if id.is_empty() {
            return Err(InvalidName::Empty);
        }
        if id.len() > MAX_ID_BYTES {
            return Err(InvalidName::TooLong { bytes: id.len(), limit: MAX_ID_BYTES });
        }
        let forbidden = |c: char| {
            !c.is_ascii_alphanumeric() && (c.is_whitespace() || c.is_control() || NOT_IN_AN_ID.contains(&c))
        };
        if let Some(character) = id.chars().find(|character| forbidden(*character)) {
            return Err(InvalidName::Character(character));
        }
        let mut name = String::with_capacity(category.len() + 1 + id.len());
        name.push_str(category);
        name.push('-');
        name.push_str(id);
        Ok(StreamName(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `-`, if there is one: the category `account` of `account-jsdf`.
    pub fn category(&self) -> Option<&str> {
        self.0.split_once('-').map(|(category, _)| category)
    }

    /// The part after the first `-`, if there is one.
    pub fn id(&self) -> Option<&str> {
        self.0.split_once('-').map(|(_, id)| id)
    }

    /// Whether the stream belongs to the system, not to the domain.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('$')
    }

    /// Whether this is the metadata stream of another stream.
    pub fn is_metadata(&self) -> bool {
        self.0.starts_with("$$")
    }

    /// The stream that holds this stream's metadata.
    #[must_use]
    pub fn metadata_stream(&self) -> StreamName {
        StreamName(format!("$${}", self.0).into())
    }

    /// The stream that this metadata stream describes.
    pub fn described_stream(&self) -> Option<StreamName> {
        self.0.strip_prefix("$$").and_then(|name| StreamName::new(name).ok())
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for StreamName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = InvalidName;
    fn from_str(name: &str) -> Result<Self, InvalidName> {
        StreamName::new(name)
    }
}

impl TryFrom<String> for StreamName {
    type Error = InvalidName;
    fn try_from(name: String) -> Result<Self, InvalidName> {
        StreamName::new(name)
    }
}

impl TryFrom<&str> for StreamName {
    type Error = InvalidName;
    fn try_from(name: &str) -> Result<Self, InvalidName> {
        StreamName::new(name)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> String {
        name.0.as_ref().to_owned()
    }
}

/// Why a text cannot be the name of a stream, or an id in one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// There is nothing.
    #[error("must not be empty")]
    Empty,
    /// There is too much.
    #[error("has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// How long the text is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A character that has no place in a name.
    #[error("must not contain {0:?}; use letters, digits, `-`, `_`, `.`, `@` and the like")]
    Character(char),
    /// The category cannot be one.
    #[error("`{0}` cannot be a category")]
    Category(String),
    /// The id means a folder where it is part of a path.
    #[error("must not be `.` or `..`")]
    Dots,
    /// The name means something else.
    #[error("`$all` is the name of all streams together")]
    Reserved,
}

/// The name of an aggregate's category, checked where it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category;

impl Category {
    /// Whether the text can be a category: 1 to 128 printable ASCII characters without white space, `-` and
    /// `/ \ ? # %`, not beginning with `$`. A `const fn`, so that a wrong one does not compile.
    pub const fn is_valid(category: &str) -> bool {
        let bytes = category.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            let byte = bytes[index];
            if !byte.is_ascii_graphic() || matches!(byte, b'-' | b'/' | b'\\' | b'?' | b'#' | b'%') {
                return false;
            }
            index += 1;
        }
        !bytes.is_empty() && bytes[0] != b'$' && bytes.len() <= 128
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The first.
            pub const FIRST: Self = Self(0);

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before this, if there is one.
            #[must_use]
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number! {
    /// The place of an event in its stream: 0, 1, 2 … without gap.
    Revision
}

number! {
    /// The place of an event among all events of a store, in the order in which they were committed.
    Position
}

/// What the writer of an append believes about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpectedRevision {
    /// Nothing: append whatever is there.
    Any,
    /// The stream has no events.
    NoStream,
    /// The stream has at least one event.
    StreamExists,
    /// The last event of the stream has this revision.
    Exact(Revision),
}

impl From<CurrentRevision> for ExpectedRevision {
    fn from(current: CurrentRevision) -> Self {
        match current {
            CurrentRevision::NoStream => ExpectedRevision::NoStream,
            CurrentRevision::At(revision) => ExpectedRevision::Exact(revision),
        }
    }
}

impl fmt::Display for ExpectedRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpectedRevision::Any => formatter.write_str("any"),
            ExpectedRevision::NoStream => formatter.write_str("none"),
            ExpectedRevision::StreamExists => formatter.write_str("exists"),
            ExpectedRevision::Exact(revision) => revision.fmt(formatter),
        }
    }
}

impl FromStr for ExpectedRevision {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(ExpectedRevision::Any),
            "none" => Ok(ExpectedRevision::NoStream),
            "exists" => Ok(ExpectedRevision::StreamExists),
            number => {
                number.parse().map(|revision| ExpectedRevision::Exact(Revision(revision))).map_err(|_| {
                    format!("`{text}` is not an expected revision: use a number, `none`, `any` or `exists`")
                })
            }
        }
    }
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum CurrentRevision {
    /// It has no events.
    #[default]
    NoStream,
    /// Its last event has this revision.
    At(Revision),
}

impl CurrentRevision {
    /// The revision of the next event.
    pub const fn next(self) -> Revision {
        match self {
            CurrentRevision::NoStream => Revision::FIRST,
            CurrentRevision::At(revision) => revision.next(),
        }
    }

    /// The revision of the last event, if there is one.
    pub const fn revision(self) -> Option<Revision> {
        match self {
            CurrentRevision::NoStream => None,
            CurrentRevision::At(revision) => Some(revision),
        }
    }
}

impl From<Option<Revision>> for CurrentRevision {
    fn from(revision: Option<Revision>) -> Self {
        revision.map_or(CurrentRevision::NoStream, CurrentRevision::At)
    }
}

impl fmt::Display for CurrentRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CurrentRevision::NoStream => formatter.write_str("none"),
            CurrentRevision::At(revision) => revision.fmt(formatter),
        }
    }
}
