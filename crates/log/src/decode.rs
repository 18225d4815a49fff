//! From frames to events.

use std::sync::Arc;

use bytes::Bytes;
use engine_store::{ContentType, Direction, RecordedEvent, Timestamp};
use engine_types::{Position, Revision, StreamName};
use uuid::Uuid;

use crate::{
    error::Trouble,
    frame::{BINARY, Fault, Head, Kind},
    units::index,
    view::Part,
};

/// How much is read at once.
const RUN: u64 = 256 * 1024;

/// Event types that occurred lately, so that most events share theirs.
const TYPES: usize = 16;

/// Makes events of frames, sharing names among them.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    stream: Option<StreamName>,
    types: Vec<Arc<str>>,
}

impl Decoder {
    fn event(&mut self, head: &Head, frame: &Bytes) -> Result<RecordedEvent, &'static str> {
        if head.kind != Kind::Event {
            return Err("the index points to what is no event");
        }
        Ok(RecordedEvent {
            stream: self.stream(head.name(frame))?,
            revision: Revision(head.revision),
            position: Position(head.position),
            id: Uuid::from_bytes(head.id),
            event_type: self.event_type(head.event_type(frame)),
            content_type: if head.is(BINARY) { ContentType::Binary } else { ContentType::Json },
            data: frame.slice(head.data()),
            metadata: frame.slice(head.metadata()),
            created: Timestamp::from_micros(head.created),
        })
    }

    fn stream(&mut self, name: &str) -> Result<StreamName, &'static str> {
        match &self.stream {
            Some(stream) if stream.as_str() == name => Ok(stream.clone()),
            _ => {
                let stream = stream_name(name).ok_or("the stream has a name that cannot be")?;
                self.stream = Some(stream.clone());
                Ok(stream)
            }
        }
    }

    fn event_type(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.types.iter().find(|known| known.as_ref() == name) {
            return known.clone();
        }
        if self.types.len() == TYPES {
            self.types.clear();
        }
        let fresh: Arc<str> = name.into();
        self.types.push(fresh.clone());
        fresh
    }
}

/// The name of a stream. That of a metadata stream may be longer than a name that is asked for may be.
pub(crate) fn stream_name(name: &str) -> Option<StreamName> {
    let described = || Some(stream_name(name.strip_prefix("$$")?)?.metadata_stream());
    StreamName::new(name).ok().or_else(described)
}

/// Reads events of one part, at most about `budget` bytes of them, and answers how many it read.
///
/// `offsets` are ascending. They are read from the beginning or from the end, and events that stand close to
/// each other are read together.
pub(crate) fn events(
    part: &Part,
    offsets: &[u64],
    direction: Direction,
    budget: &mut u64,
    decoder: &mut Decoder,
    out: &mut Vec<RecordedEvent>,
) -> Result<usize, Trouble> {
    let gap = part.typical_frame() * 3;
    let mut runs = Vec::new();
    let mut start = 0;
    for next in 1..=offsets.len() {
        let near = next < offsets.len()
            && offsets[next] - offsets[next - 1] <= gap
            && offsets[next] - offsets[start] <= RUN;
        if !near {
            runs.push(start..next);
            start = next;
        }
    }
    if direction == Direction::Backwards {
        runs.reverse();
    }
    let mut done = 0;
    for run in runs {
        let before = out.len();
        done += run.len();
        read_run(part, &offsets[run], decoder, out)?;
        if direction == Direction::Backwards {
            out[before..].reverse();
        }
        let bytes: usize =
            out[before..].iter().map(|event| event.data.len() + event.metadata.len() + 256).sum();
        *budget = budget.saturating_sub(bytes as u64);
        if *budget == 0 {
            break;
        }
    }
    Ok(done)
}

/// Reads events that stand close to each other.
fn read_run(
    part: &Part,
    offsets: &[u64],
    decoder: &mut Decoder,
    out: &mut Vec<RecordedEvent>,
) -> Result<(), Trouble> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    let segment = &part.segment;
    let behind = part.index.end().min(last + part.typical_frame() * 2);
    let bytes = segment.read(*first, behind)?;
    out.reserve(offsets.len());
    for offset in offsets {
        let ahead = index(offset - first).min(bytes.len());
        let damage = |fault: Fault| segment.damage(*offset, &fault);
        let (head, frame) = match Head::check(&bytes[ahead..], segment.salt, *offset) {
            // The guess was too short: this one is read alone.
            Err(Fault::Cut) => segment.frame(*offset, u64::MAX, part.typical_frame() * 4)?,
            checked => {
                let head = checked.map_err(damage)?;
                (head, bytes.slice(ahead..ahead + index(head.size)))
            }
        };
        let event = decoder.event(&head, &frame);
        out.push(event.map_err(|fault| Trouble::damage(&segment.path, *offset, fault))?);
    }
    Ok(())
}
