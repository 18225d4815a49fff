//! The events that are appended, and how a store of keys and values keeps one.

use bytes::Bytes;
use uuid::Uuid;

/// The bytes of the data of an event.
pub const DATA: usize = 256;

pub const TYPE: &str = "MoneyDeposited";

/// Events for one stream, written all or none.
#[derive(Debug, Clone)]
pub struct Append {
    pub stream: String,
    pub events: Vec<(Uuid, Bytes)>,
}

/// An append of so many events.
pub fn append(stream: u64, events: usize) -> Append {
    let data = Bytes::from_static(&[b'x'; DATA]);
    let events = (0..events).map(|_| (Uuid::now_v7(), data.clone())).collect();
    Append { stream: format!("account-{stream}"), events }
}

/// The value of an event in a store of keys and values: revision, id, time, and name, type and data behind their lengths.
pub fn encode(stream: &str, revision: u64, id: Uuid, data: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(48 + stream.len() + TYPE.len() + data.len());
    value.extend_from_slice(&revision.to_be_bytes());
    value.extend_from_slice(id.as_bytes());
    value.extend_from_slice(&0_u64.to_be_bytes());
    for part in [stream.as_bytes(), TYPE.as_bytes(), data] {
        value.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        value.extend_from_slice(part);
    }
    value
}

/// An event that was read from a store of keys and values: its own, as the events of the log are.
#[derive(Debug)]
#[expect(dead_code, reason = "what is measured is that they are there")]
pub struct Read {
    pub stream: String,
    pub revision: u64,
    pub event_type: String,
    pub data: Bytes,
}

/// Reads what [`encode`] wrote.
pub fn decode(value: &[u8]) -> anyhow::Result<Read> {
    let short = || anyhow::anyhow!("a value is too short");
    let revision = u64::from_be_bytes(value.get(..8).ok_or_else(short)?.try_into()?);
    let mut rest = value.get(32..).ok_or_else(short)?;
    let mut parts = [&[][..]; 3];
    for part in &mut parts {
        let length = u32::from_be_bytes(rest.get(..4).ok_or_else(short)?.try_into()?) as usize;
        *part = rest.get(4..4 + length).ok_or_else(short)?;
        rest = &rest[4 + length..];
    }
    Ok(Read {
        stream: std::str::from_utf8(parts[0])?.to_owned(),
        revision,
        event_type: std::str::from_utf8(parts[1])?.to_owned(),
        data: Bytes::copy_from_slice(parts[2]),
    })
}

/// The key of an event in the index of streams.
pub fn stream_key(stream: &str, revision: u64) -> Vec<u8> {
    let mut key = stream.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&revision.to_be_bytes());
    key
}
