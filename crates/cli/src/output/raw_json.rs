//! Stored bytes as JSON: numbers of any size stay as they are, and all of it is on one line.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

/// Stored bytes, fit to be a value in a line of JSON.
pub(super) enum Stored {
    /// They are JSON.
    Json(Box<RawValue>),
    /// They are not: in base64.
    Binary(String),
}

/// Reads bytes as JSON, if they are.
pub(super) fn parse(bytes: &[u8]) -> Option<Box<RawValue>> {
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    RawValue::from_string(on_one_line(json.get()).into_owned()).ok()
}

/// Reads bytes as JSON, or else gives them in base64.
pub(super) fn parse_or_encode(bytes: &[u8]) -> Stored {
    parse(bytes).map_or_else(|| Stored::Binary(STANDARD.encode(bytes)), Stored::Json)
}

/// Bytes in base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl serde::Serialize for Stored {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Stored::Json(json) => json.serialize(serializer),
            Stored::Binary(text) => serializer.serialize_str(text),
        }
    }
}

/// Takes out the white space between the parts of a JSON text.
fn on_one_line(json: &str) -> Cow<'_, str> {
    if !json.contains([' ', '\t', '\n', '\r']) {
        return Cow::Borrowed(json);
    }
    let (mut in_text, mut escaped) = (false, false);
    let kept = |character: &char| {
        let keep = in_text || !matches!(character, ' ' | '\t' | '\n' | '\r');
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            _ => {}
        }
        keep
    };
    Cow::Owned(json.chars().filter(kept).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_only_where_it_means_nothing() {
        let json = "{\n \"a b\" : \"c \\\" d\\\\\" ,\r\n\t\"e\": [ 1, 2 ]}";
        assert_eq!(on_one_line(json), r#"{"a b":"c \" d\\","e":[1,2]}"#);
    }

    #[test]
    fn numbers_of_any_size_stay_as_they_are() {
        let json = br#"{"big":123456789012345678901234567890,"exact":9007199254740993,"small":0.10}"#;
        assert_eq!(parse(json).unwrap().get().as_bytes(), json);
    }

    #[test]
    fn what_is_not_json_is_base64() {
        for bytes in [&b"\xff\x00"[..], b"", b"{", b"\"raw \x1b escape\""] {
            assert!(matches!(parse_or_encode(bytes), Stored::Binary(text) if text == STANDARD.encode(bytes)));
        }
    }
}
