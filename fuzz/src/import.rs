//! What an import makes of whatever bytes there are. The fuzzer and the test of its seeds share this.

use engine_store::{RecordedEvent, transfer};

/// Parses bytes as a line. What is parsed is written again, and is the same.
pub fn import(bytes: &[u8]) {
    let Ok(parsed) = transfer::parse(bytes) else { return };
    let event = RecordedEvent {
        stream: parsed.stream.clone(),
        revision: parsed.revision,
        position: parsed.position,
        id: parsed.event.id,
        event_type: parsed.event.event_type.clone(),
        content_type: parsed.event.content_type,
        data: parsed.event.data.clone(),
        metadata: parsed.event.metadata.clone(),
        created: parsed.created,
    };
    let mut line = Vec::new();
    transfer::write_line(&event, &mut line).expect("memory can be written");
    assert_eq!(transfer::parse(&line), Ok(parsed), "{}", String::from_utf8_lossy(&line));
}
