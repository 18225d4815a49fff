//! One event as one line of JSON.

use std::{borrow::Cow, io, io::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use engine_types::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{ContentType, NewEvent, RecordedEvent, Timestamp};

const BINARY: &str = "application/octet-stream";

/// An event on its way from one store to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferEvent {
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place among all events of the store that it comes from.
    pub position: Position,
    /// When it was first accepted.
    pub created: Timestamp,
    /// The event itself.
    pub event: NewEvent,
}

/// The form of a line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    stream: Cow<'a, str>,
    revision: u64,
    position: u64,
    id: Uuid,
    #[serde(rename = "type")]
    event_type: Cow<'a, str>,
    /// Data that is JSON on one line, byte for byte.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// All other data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata_base64: Option<String>,
    created: Cow<'a, str>,
    /// Absent where the data is meant to be JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<Cow<'a, str>>,
}

/// Why a line is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", .line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct LineError {
    /// Its number, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong with it.
    pub fault: String,
}

impl LineError {
    fn new(fault: impl std::fmt::Display) -> Self {
        LineError { line: None, fault: fault.to_string() }
    }

    /// The same, of the line with this number.
    #[must_use]
    pub fn at_line(self, line: u64) -> Self {
        LineError { line: Some(line), ..self }
    }
}

/// Writes an event as one line.
///
/// # Errors
/// Those of the writer.
pub fn write_line(event: &RecordedEvent, out: &mut impl Write) -> io::Result<()> {
    let (data, data_base64) = split(&event.data);
    let (metadata, metadata_base64) =
        if event.metadata.is_empty() { (None, None) } else { split(&event.metadata) };
    let line = Line {
        stream: event.stream.as_str().into(),
        revision: event.revision.0,
        position: event.position.0,
        id: event.id,
        event_type: Cow::Borrowed(&event.event_type),
        data,
        data_base64,
        metadata,
        metadata_base64,
        created: event.created.to_string().into(),
        content_type: (event.content_type == ContentType::Binary).then_some(BINARY.into()),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Bytes as JSON, if they are JSON and stand on one line, or else in base64.
fn split(bytes: &[u8]) -> (Option<&RawValue>, Option<String>) {
    let stays_as_it_is =
        |json: &&RawValue| json.get().len() == bytes.len() && !json.get().contains(['\n', '\r']);
    match serde_json::from_slice::<&RawValue>(bytes).ok().filter(stays_as_it_is) {
        Some(json) => (Some(json), None),
        None => (None, Some(STANDARD.encode(bytes))),
    }
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &[u8]) -> Result<TransferEvent, LineError> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(LineError::new)?;
    let content_type = match line.content_type.as_deref() {
        None | Some("application/json") => ContentType::Json,
        Some(BINARY) => ContentType::Binary,
        Some(other) => {
            return Err(LineError::new(format!("`{other}` is no content type that a store keeps")));
        }
    };
    let created: jiff::Timestamp =
        line.created.parse().map_err(|fault| LineError::new(format!("`created`: {fault}")))?;
    Ok(TransferEvent {
        stream: StreamName::new(&*line.stream)
            .map_err(|fault| LineError::new(format!("`stream`: {fault}")))?,
        revision: Revision(line.revision),
        position: Position(line.position),
        created: Timestamp::from_micros(created.as_microsecond()),
        event: NewEvent {
            id: line.id,
            event_type: (*line.event_type).into(),
            content_type,
            data: join("data", line.data, line.data_base64)?
                .ok_or_else(|| LineError::new("neither `data` nor `data_base64`"))?
                .into(),
            metadata: join("metadata", line.metadata, line.metadata_base64)?.unwrap_or_default().into(),
        },
    })
}

fn join(name: &str, json: Option<&RawValue>, base64: Option<String>) -> Result<Option<Vec<u8>>, LineError> {
    match (json, base64) {
        (None, None) => Ok(None),
        (Some(json), None) => Ok(Some(json.get().as_bytes().to_vec())),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(text);
            bytes.map(Some).map_err(|fault| LineError::new(format!("`{name}_base64`: {fault}")))
        }
        (Some(_), Some(_)) => Err(LineError::new(format!("both `{name}` and `{name}_base64`"))),
    }
}
