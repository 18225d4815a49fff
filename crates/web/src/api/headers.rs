//! The headers that say how a command is sent and when a query is answered.

use std::time::Duration;

use engine_runtime::{
    Consistency, SendOptions,
    read_models::{QueryConsistency, QueryOptions},
};
use engine_types::{CommandId, ExpectedRevision, Position, Revision};
use http::HeaderMap;
use uuid::Uuid;

use super::Problem;

/// The longest text that is taken for an id.
const ID_BYTES: usize = 256;

/// The longest time that a caller may ask for.
const LONGEST: Duration = Duration::from_secs(600);

/// Reads the options of a command.
pub(super) fn send_options(headers: &HeaderMap) -> Result<SendOptions, Problem> {
    Ok(SendOptions {
        command_id: text(headers, "idempotency-key")?.map(command_id).transpose()?,
        correlation_id: id(headers, "correlation-id")?.map(Into::into),
        causation_id: id(headers, "causation-id")?.map(Into::into),
        expected: expected(headers)?,
        consistency: consistency(headers)?,
        timeout: timeout(headers)?,
        ..SendOptions::default()
    })
}

/// Reads the options of a query.
pub(super) fn query_options(headers: &HeaderMap) -> Result<QueryOptions, Problem> {
    let consistency = match text(headers, "consistency")? {
        None | Some("strong") => QueryConsistency::Strong,
        Some("eventual") => QueryConsistency::Eventual,
        Some(other) => {
            let position = other.parse().map_err(|_| {
                fault("Consistency", other, "use `strong`, `eventual`, or the position that must be counted")
            })?;
            QueryConsistency::After(Position(position))
        }
    };
    Ok(QueryOptions { consistency, timeout: timeout(headers)? })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text =
        value.to_str().map_err(|_| Problem::bad_request(format!("header `{name}`: use ASCII text")))?;
    Ok(Some(text.trim()))
}

fn fault(name: &str, value: &str, advice: &str) -> Problem {
    Problem::bad_request(format!("header `{name}`: `{value}` is not understood; {advice}"))
        .with("header", name)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

fn command_id(text: &str) -> Result<CommandId, Problem> {
    let id = Uuid::try_parse(unquoted(text)).map_err(|_| fault("Idempotency-Key", text, "use a UUID"))?;
    Ok(CommandId(id))
}

fn id<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    match text(headers, name)? {
        Some(text) if text.is_empty() || text.len() > ID_BYTES => {
            Err(fault(name, text, "use 1 to 256 characters"))
        }
        id => Ok(id),
    }
}

/// `If-Match` names a revision, or `*` for any that there is; `If-None-Match: *` means that there is none.
fn expected(headers: &HeaderMap) -> Result<Option<ExpectedRevision>, Problem> {
    if let Some(text) = text(headers, "if-none-match")? {
        let advice = "the only value is `*`: the instance must not be there yet";
        return if text == "*" {
            Ok(Some(ExpectedRevision::NoStream))
        } else {
            Err(fault("If-None-Match", text, advice))
        };
    }
    let Some(text) = text(headers, "if-match")? else { return Ok(None) };
    if text == "*" {
        return Ok(Some(ExpectedRevision::StreamExists));
    }
    let revision = unquoted(text).parse().map_err(|_| {
        fault("If-Match", text, "use the revision that the instance is at, such as `\"3\"`, or `*`")
    })?;
    Ok(Some(ExpectedRevision::Exact(Revision(revision))))
}

fn consistency(headers: &HeaderMap) -> Result<Option<Consistency>, Problem> {
    Ok(Some(match text(headers, "consistency")? {
        None | Some("eventual") => Consistency::Eventual,
        Some("strong") => Consistency::Strong,
        Some("") => return Err(fault("Consistency", "", "use `eventual`, `strong`, or names of handlers")),
        Some(names) => Consistency::Handlers(names.split(',').map(|name| name.trim().to_owned()).collect()),
    }))
}

fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(text) = text(headers, "timeout-ms")? else { return Ok(None) };
    let millis = text.parse().map_err(|_| fault("Timeout-Ms", text, "use a number of milliseconds"))?;
    Ok(Some(Duration::from_millis(millis).min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), http::HeaderValue::from_static(value))])
    }

    #[test]
    fn if_match_is_read_with_quotes_and_without() {
        for (text, expected) in [
            ("\"3\"", ExpectedRevision::Exact(Revision(3))),
            ("3", ExpectedRevision::Exact(Revision(3))),
            ("*", ExpectedRevision::StreamExists),
        ] {
            let options = send_options(&headers("if-match", text)).expect("it is understood");
            assert_eq!(options.expected, Some(expected));
        }
        let options = send_options(&headers("if-none-match", "*")).expect("it is understood");
        assert_eq!(options.expected, Some(ExpectedRevision::NoStream));
    }

    #[test]
    fn a_header_that_is_not_understood_is_named() {
        for (name, value) in [
            ("if-match", "W/\"3\""),
            ("if-none-match", "3"),
            ("idempotency-key", "one"),
            ("timeout-ms", "-1"),
            ("consistency", ""),
            ("correlation-id", ""),
        ] {
            let problem = send_options(&headers(name, value)).expect_err("it is refused");
            assert!(problem.detail().to_lowercase().contains(name), "{}", problem.detail());
        }
    }
}
