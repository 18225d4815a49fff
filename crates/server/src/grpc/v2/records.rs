//! Records of the second protocol as events.

use bytes::Bytes;
use engine_store::{ContentType, NewEvent};
use engine_types::StreamName;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};
use tonic::Status;
use uuid::Uuid;

use super::errors;
use crate::{
    grpc::convert,
    limits::Limits,
    proto::kurrentdb::protocol::v2::streams::{AppendRecord, SchemaFormat},
};

/// How large an append may become, and how large it is.
pub(super) struct Sizes<'a> {
    limits: &'a Limits,
    bytes: usize,
}

impl<'a> Sizes<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Sizes { limits, bytes: 0 }
    }

    fn add(&mut self, stream: &StreamName, event: &NewEvent) -> Result<(), Status> {
        let bytes = convert::size(event);
        if bytes > self.limits.event_bytes {
            return Err(errors::record_too_large(stream, event.id, bytes, self.limits.event_bytes));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.append_bytes {
            return Err(errors::session_too_large(self.bytes, self.limits.append_bytes));
        }
        Ok(())
    }
}

/// The records of one stream as events.
pub(super) fn events(
    stream: &StreamName,
    records: Vec<AppendRecord>,
    sizes: &mut Sizes<'_>,
) -> Result<Vec<NewEvent>, Status> {
    let event = |record| {
        let event = event(record)?;
        sizes.add(stream, &event)?;
        Ok(event)
    };
    records.into_iter().map(event).collect()
}

fn event(record: AppendRecord) -> Result<NewEvent, Status> {
    let Some(schema) = record.schema else {
        return Err(Status::invalid_argument("a record has no schema"));
    };
    let id = match record.record_id.as_deref() {
        None | Some("") => Uuid::new_v4(),
        Some(text) => Uuid::try_parse(text).map_err(|_| {
            Status::invalid_argument(format!("the record id `{}` is no UUID", text.escape_debug()))
        })?,
    };
    let content_type = match SchemaFormat::try_from(schema.format) {
        Ok(SchemaFormat::Json) => ContentType::Json,
        Ok(SchemaFormat::Unspecified) | Err(_) => {
            return Err(Status::invalid_argument("a record's schema has no format"));
        }
        Ok(_) => ContentType::Binary,
    };
    Ok(NewEvent {
        id,
        event_type: schema.name.into(),
        content_type,
        data: record.data,
        metadata: metadata(record.properties)?,
    })
}

/// Properties as the metadata that readers of the first protocol get.
fn metadata(properties: impl IntoIterator<Item = (String, prost_types::Value)>) -> Result<Bytes, Status> {
    let object: Map<String, Value> = properties.into_iter().map(|(key, value)| (key, json(value))).collect();
    if object.is_empty() {
        return Ok(Bytes::new());
    }
    let bytes = serde_json::to_vec(&object);
    bytes.map(Bytes::from).map_err(|fault| Status::invalid_argument(fault.to_string()))
}

fn json(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(object)) => {
            Value::Object(object.fields.into_iter().map(|(key, value)| (key, json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::kurrentdb::protocol::v2::streams::SchemaInfo;

    fn record(format: SchemaFormat) -> AppendRecord {
        let text = prost_types::Value { kind: Some(Kind::StringValue("Zoë".to_owned())) };
        AppendRecord {
            record_id: Some(Uuid::nil().to_string()),
            properties: [("owner".to_owned(), text)].into(),
            schema: Some(SchemaInfo { format: format.into(), name: "Opened".to_owned(), id: None }),
            data: Bytes::from_static(b"{}"),
            stream: None,
        }
    }

    #[test]
    fn a_record_becomes_an_event_with_its_properties_as_metadata() {
        let event = event(record(SchemaFormat::Json)).unwrap();
        assert_eq!((event.id, &*event.event_type), (Uuid::nil(), "Opened"));
        assert_eq!(event.content_type, ContentType::Json);
        assert_eq!(event.metadata, r#"{"owner":"Zoë"}"#.as_bytes());
    }

    #[test]
    fn a_record_without_a_format_or_with_a_wrong_id_is_refused() {
        assert!(event(record(SchemaFormat::Unspecified)).is_err());
        let strange = AppendRecord { record_id: Some("7".to_owned()), ..record(SchemaFormat::Json) };
        assert!(event(strange).unwrap_err().message().contains("no UUID"));
    }

    #[test]
    fn sizes_add_up_over_streams() {
        let limits = Limits { append_bytes: 50, ..Limits::default() };
        let mut sizes = Sizes::new(&limits);
        let mut add = |stream: &str| {
            events(&StreamName::new(stream).unwrap(), vec![record(SchemaFormat::Json)], &mut sizes)
        };
        add("account-1").unwrap();
        assert_eq!(add("account-2").unwrap_err().code(), tonic::Code::Aborted);
    }
}
