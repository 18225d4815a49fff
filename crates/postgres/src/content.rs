//! How contents stand in columns: as `json` where the server can make JSONB of it, as bytes where it cannot.
//!
//! The type `json` keeps a text to the byte, which JSONB does not: an event reads back as it was written.

use bytes::Bytes;
use serde::de::IgnoredAny;

/// Longer runs of digits than this are no number to the server, or may be none.
const MAX_DIGITS: usize = 1_000;

/// A content for the two columns; both absent where it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) json: Option<&'a str>,
    pub(crate) raw: Option<&'a [u8]>,
}

/// Sorts a content into its column. Pure.
pub(crate) fn split(content: &[u8]) -> Content<'_> {
    if content.is_empty() {
        return Content { json: None, raw: None };
    }
    match std::str::from_utf8(content) {
        Ok(text) if is_fit(text) => Content { json: Some(text), raw: None },
        _ => Content { json: None, raw: Some(content) },
    }
}

/// The content of the two columns.
pub(crate) fn join(json: Option<&[u8]>, raw: Option<&[u8]>) -> Bytes {
    json.or(raw).map(Bytes::copy_from_slice).unwrap_or_default()
}

/// Whether the server can make JSONB of a text. It may say no to some that would be fit.
fn is_fit(text: &str) -> bool {
    let is_json = || serde_json::from_str::<IgnoredAny>(text).is_ok();
    !has_odd_escape(text) && !has_long_number(text) && is_json()
}

/// Escapes of NUL, which no text of PostgreSQL holds, and of halves of characters, which may lack the other half.
fn has_odd_escape(text: &str) -> bool {
    text.match_indices("\\u").any(|(at, _)| {
        let digits = text.get(at + 2..at + 6).unwrap_or_default();
        digits == "0000" || digits.starts_with(['d', 'D'])
    })
}

/// Numbers beyond those of the server. Looks into strings too, where it does no harm.
fn has_long_number(text: &str) -> bool {
    let (mut digits, mut exponent) = (0, 0);
    let mut in_exponent = false;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if in_exponent => exponent += 1,
            b'0'..=b'9' => digits += 1,
            b'e' | b'E' if digits > 0 => in_exponent = true,
            b'+' | b'-' if in_exponent && exponent == 0 => {}
            _ => (digits, exponent, in_exponent) = (0, 0, false),
        }
        if exponent > 3 || digits > MAX_DIGITS {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_into_the_column_of_json() {
        for text in ["{}", r#"{"b":1,"a":[1.50,null,true,"\u00e4é\n"],"n":1e300}"#, "\"x\"", " 12 "] {
            let content = split(text.as_bytes());
            assert_eq!(content, Content { json: Some(text), raw: None });
            assert_eq!(join(content.json.map(str::as_bytes), content.raw), text.as_bytes());
        }
    }

    #[test]
    fn what_the_server_could_not_make_jsonb_of_is_kept_as_bytes() {
        let long = "9".repeat(1_001);
        for text in ["{", "nul", r#""\u0000""#, r#""\ud800""#, "1e99999", "[1E+99999]", &long] {
            assert_eq!(split(text.as_bytes()).raw, Some(text.as_bytes()), "{text}");
        }
        assert_eq!(split(&[0xff]).raw, Some(&[0xff][..]));
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(split(b""), Content { json: None, raw: None });
        assert!(join(None, None).is_empty());
    }
}
