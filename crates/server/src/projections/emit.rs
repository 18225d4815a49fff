//! Which link an event asks for. Pure.

use engine_store::{ContentType, NewEvent, RecordedEvent, stream_metadata::TOMBSTONE_EVENT_TYPE};
use engine_types::StreamName;
use serde_json::{Map, Value, json};
use siphasher::sip128::{Hasher128, SipHasher13};
use uuid::Uuid;

use crate::grpc::links::LINK_EVENT_TYPE;

/// The type of an event that refers to a stream.
const STREAM_REFERENCE: &str = "$@";

/// The projections of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ByCategory,
    ByCorrelationId,
    ByEventType,
    StreamByCategory,
    Streams,
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] =
        [Kind::ByCategory, Kind::ByCorrelationId, Kind::ByEventType, Kind::StreamByCategory, Kind::Streams];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ByCategory => "$by_category",
            Kind::ByCorrelationId => "$by_correlation_id",
            Kind::ByEventType => "$by_event_type",
            Kind::StreamByCategory => "$stream_by_category",
            Kind::Streams => "$streams",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The link that an event asks for, and the stream for it.
    pub(super) fn emit(self, event: &RecordedEvent) -> Option<(StreamName, NewEvent)> {
        let stream = event.stream.as_str();
        let described = stream.strip_prefix("$$").unwrap_or(stream);
        // What projections and groups write themselves is not sorted again.
        if described.starts_with('$') || (self != Kind::ByEventType && event.stream.is_metadata()) {
            return None;
        }
        let is_first = event.revision.0 == 0;
        let (to, added) = match self {
            Kind::ByCategory => (format!("$ce-{}", event.stream.category()?), json!({ "$o": stream })),
            Kind::ByEventType if *event.event_type == *LINK_EVENT_TYPE => return None,
            Kind::ByEventType if is_tombstone(event) => ("$et-$deleted".to_owned(), json!({})),
            Kind::ByEventType => (format!("$et-{}", event.event_type), json!({})),
            Kind::ByCorrelationId => {
                (format!("$bc-{}", correlation(event)?), json!({ "$eventTimestamp": time(event) }))
            }
            Kind::Streams if is_first => ("$streams".to_owned(), json!({})),
            Kind::StreamByCategory if is_first => {
                (format!("$category-{}", event.stream.category()?), json!({}))
            }
            Kind::Streams | Kind::StreamByCategory => return None,
        };
        Some((StreamName::new(to).ok()?, self.link(event, added)))
    }

    fn link(self, event: &RecordedEvent, added: Value) -> NewEvent {
        let by_reference = self == Kind::StreamByCategory;
        let data = match self {
            Kind::StreamByCategory => event.stream.as_str().as_bytes().to_vec().into(),
            // A link leads to what it links to, not to itself.
            _ if *event.event_type == *LINK_EVENT_TYPE => event.data.clone(),
            _ => format!("{}@{}", event.revision, event.stream).into(),
        };
        NewEvent {
            id: self.id(event),
            event_type: if by_reference { STREAM_REFERENCE } else { LINK_EVENT_TYPE }.into(),
            content_type: ContentType::Binary,
            data,
            metadata: metadata(event, added).to_string().into(),
        }
    }

    /// The same for the same event, whenever it is sorted.
    fn id(self, event: &RecordedEvent) -> Uuid {
        use std::hash::Hasher;
        let mut hasher = SipHasher13::new();
        hasher.write(self.name().as_bytes());
        hasher.write_u64(event.position.0);
        hasher.write(event.id.as_bytes());
        uuid::Builder::from_random_bytes(hasher.finish128().as_bytes()).into_uuid()
    }
}

fn is_tombstone(event: &RecordedEvent) -> bool {
    *event.event_type == *TOMBSTONE_EVENT_TYPE
}

fn metadata(event: &RecordedEvent, added: Value) -> Value {
    let mut metadata = json!({
        "$v": "1:-1:1:4",
        "$c": event.position.0,
        "$p": event.position.0,
        "$causedBy": event.id,
    });
    if let (Some(all), Value::Object(added)) = (metadata.as_object_mut(), added) {
        all.extend(added);
        if let Some(correlation) = correlation(event) {
            all.insert("$correlationId".to_owned(), correlation.into());
        }
        if is_tombstone(event) {
            all.insert("$deleted".to_owned(), (-1).into());
        }
    }
    metadata
}

fn correlation(event: &RecordedEvent) -> Option<String> {
    let metadata: Map<String, Value> = serde_json::from_slice(&event.metadata).ok()?;
    metadata.get("$correlationId")?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn time(event: &RecordedEvent) -> String {
    event.created.to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use engine_store::Timestamp;
    use engine_types::{Position, Revision};

    use super::*;

    fn event(stream: &str, revision: u64, event_type: &str, metadata: &str) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new(stream).unwrap(),
            revision: Revision(revision),
            position: Position(7),
            id: Uuid::from_u128(9),
            event_type: event_type.into(),
            content_type: ContentType::Json,
            data: Bytes::from_static(b"3@other-1"),
            metadata: Bytes::copy_from_slice(metadata.as_bytes()),
            created: Timestamp::default(),
        }
    }

    fn told(kind: Kind, event: &RecordedEvent) -> Option<(String, String)> {
        let (stream, link) = kind.emit(event)?;
        Some((stream.to_string(), String::from_utf8(link.data.to_vec()).unwrap()))
    }

    fn pair(stream: &str, data: &str) -> (String, String) {
        (stream.to_owned(), data.to_owned())
    }

    #[test]
    fn each_projection_links_where_clients_look_for_it() {
        let event = event("account-1-a", 0, "Opened", r#"{"$correlationId":"c1"}"#);
        assert_eq!(told(Kind::ByCategory, &event), Some(pair("$ce-account", "0@account-1-a")));
        assert_eq!(told(Kind::ByEventType, &event), Some(pair("$et-Opened", "0@account-1-a")));
        assert_eq!(told(Kind::ByCorrelationId, &event), Some(pair("$bc-c1", "0@account-1-a")));
        assert_eq!(told(Kind::Streams, &event), Some(pair("$streams", "0@account-1-a")));
        assert_eq!(told(Kind::StreamByCategory, &event), Some(pair("$category-account", "account-1-a")));
    }

    #[test]
    fn what_has_no_category_no_correlation_or_is_not_the_first_is_passed_over() {
        let event = event("account", 1, "Opened", "");
        for kind in [Kind::ByCategory, Kind::ByCorrelationId, Kind::Streams, Kind::StreamByCategory] {
            assert_eq!(told(kind, &event), None, "{kind:?}");
        }
    }

    #[test]
    fn links_of_users_lead_to_what_they_link_to_and_those_of_the_system_are_left_alone() {
        let link = event("shelf-1", 0, LINK_EVENT_TYPE, "");
        assert_eq!(told(Kind::ByCategory, &link), Some(pair("$ce-shelf", "3@other-1")));
        assert_eq!(told(Kind::ByEventType, &link), None);
        let own = event("$ce-shelf", 0, LINK_EVENT_TYPE, "");
        assert!(Kind::ALL.into_iter().all(|kind| kind.emit(&own).is_none()));
    }

    #[test]
    fn a_link_is_the_same_whenever_it_is_made() {
        let event = event("account-1", 0, "Opened", "");
        assert_eq!(Kind::ByCategory.emit(&event), Kind::ByCategory.emit(&event));
        let ids = Kind::ALL.map(|kind| kind.id(&event));
        assert!(ids.iter().skip(1).all(|id| *id != ids[0]));
    }
}
