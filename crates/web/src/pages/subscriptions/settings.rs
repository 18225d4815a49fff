//! What a group is to be: the form, and reading it.

use maud::{Markup, html};

use super::{
    super::{Posted, parts::secret},
    shown,
};
use crate::{
    access::Caller,
    groups::{GroupDefinition, GroupKey, GroupReport, GroupSettings, GroupStart, GroupsError, STRATEGIES},
};

/// The fields that are numbers: name, label, hint.
const NUMBERS: [(&str, &str, &str); 9] = [
    ("message_timeout_ms", "Message timeout, in ms", "How long a consumer may hold an event; 0 is for ever."),
    ("max_retry_count", "Retries", "How often an event is delivered again before it is parked."),
    ("max_subscriber_count", "Consumers at most", "0 is any number."),
    ("checkpoint_after_ms", "Checkpoint after, in ms", "When the place is kept at the earliest."),
    ("min_checkpoint_count", "Checkpoint after, events at least", "When the place is kept at the earliest."),
    ("max_checkpoint_count", "Checkpoint after, events at most", "When the place is kept at the latest."),
    ("live_buffer_size", "Live buffer, in events", "How many live events wait at most."),
    (
        "history_buffer_size",
        "History buffer, in events",
        "How many old events wait at most; more than are read at once.",
    ),
    ("read_batch_size", "Read at once, in events", "How many events are read at once."),
];

fn number(settings: &GroupSettings, name: &str) -> u64 {
    match name {
        "message_timeout_ms" => settings.message_timeout_ms,
        "checkpoint_after_ms" => settings.checkpoint_after_ms,
        "max_retry_count" => settings.max_retry_count.into(),
        "max_subscriber_count" => settings.max_subscriber_count.into(),
        "min_checkpoint_count" => settings.min_checkpoint_count.into(),
        "max_checkpoint_count" => settings.max_checkpoint_count.into(),
        "live_buffer_size" => settings.live_buffer_size.into(),
        "history_buffer_size" => settings.history_buffer_size.into(),
        _ => settings.read_batch_size.into(),
    }
}

/// The form of a group that is not there yet. `sent` is shown again, with what is wrong.
pub(super) fn new_form(
    caller: &Caller,
    defaults: &GroupSettings,
    sent: &[(String, String)],
    fault: &str,
) -> Markup {
    let value =
        |name: &str| sent.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    html! {
        @if !fault.is_empty() { div.notice.bad role="alert" { (fault) } }
        form.form method="post" action="/subscriptions" {
            (secret(caller))
            div.field {
                label for="source" { "Stream" }
                input id="source" name="source" value=(value("source")) required autocomplete="off" aria-describedby="source-hint";
                span.hint id="source-hint" { "Such as account-jsdf, or $all for all streams." }
            }
            div.field { label for="group" { "Name of the group" } input id="group" name="group" value=(value("group")) required autocomplete="off"; }
            (inputs(defaults, GroupStart::First, sent))
            div.actions { button.primary type="submit" { "Make it" } }
        }
    }
}

/// The form by which a group is changed, and the button that removes it.
pub(super) fn change(caller: &Caller, report: &GroupReport, path: &str) -> Markup {
    let definition = &report.definition;
    html! {
        section.card {
            header {
                h2 { "Change it" }
                form method="post" action=(path) data-confirm="Remove this subscription and its place for good?" {
                    (secret(caller))
                    input type="hidden" name="do" value="delete";
                    button.danger type="submit" { "Delete" }
                }
            }
            div.body { form.form method="post" action=(path) {
                (secret(caller))
                input type="hidden" name="do" value="update";
                (inputs(&definition.settings, definition.start, &[]))
                p.muted.small { "Consumers are cut off, and connect again. It goes on where it was, unless it is to begin elsewhere." }
                div.actions { button.primary type="submit" { "Change it" } }
            } }
        }
    }
}

fn inputs(settings: &GroupSettings, start: GroupStart, sent: &[(String, String)]) -> Markup {
    // What was refused may be one of these.
    let is_refused = !sent.is_empty();
    let sent = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let (from, at) = shown::start(start);
    let (from, at) = (sent("start").unwrap_or_else(|| from.to_owned()), sent("at").unwrap_or(at));
    let strategy = sent("strategy").unwrap_or_else(|| settings.strategy.clone());
    let links = sent("resolve_links").map_or(settings.resolve_links, |value| value == "true");
    html! {
        input type="hidden" name="extra_statistics" value=(settings.extra_statistics);
        div.field {
            label for="start" { "Begins" }
            select id="start" name="start" {
                @for (word, label) in [("first", "with the first event"), ("end", "with the next event"), ("at", "at a place")] {
                    option value=(word) selected[word == from] { (label) }
                }
            }
        }
        div.field {
            label for="at" { "Place" }
            input id="at" name="at" value=(at) inputmode="numeric" autocomplete="off" aria-describedby="at-hint";
            span.hint id="at-hint" { "Where it begins at a place: a revision of the stream, or a position of all streams." }
        }
        div.field {
            label for="strategy" { "Handed out" }
            select id="strategy" name="strategy" { @for name in STRATEGIES { option value=(name) selected[name == strategy] { (name) } } }
        }
        div.field {
            label for="resolve_links" { "Links" }
            select id="resolve_links" name="resolve_links" {
                option value="false" { "as they are" }
                option value="true" selected[links] { "followed" }
            }
        }
        details.more open[is_refused] {
            summary { "Limits" }
            div.form { @for (name, label, hint) in NUMBERS {
                div.field {
                    label for=(name) { (label) }
                    input id=(name) name=(name) value=(sent(name).unwrap_or_else(|| number(settings, name).to_string())) inputmode="numeric" required autocomplete="off" aria-describedby={ (name) "-hint" };
                    span.hint id={ (name) "-hint" } { (hint) }
                }
            } }
        }
    }
}

fn refused(name: &str, value: &str) -> GroupsError {
    GroupsError::Refused(format!("`{name}`: `{value}` is no number: use a whole one, such as 10"))
}

fn whole<T: std::str::FromStr>(posted: &Posted, name: &str) -> Result<T, GroupsError> {
    let value = posted.field(name).trim();
    value.parse().map_err(|_| refused(name, value))
}

/// Reads what a group is to be.
pub(super) fn read(posted: &Posted, key: GroupKey) -> Result<GroupDefinition, GroupsError> {
    let start = match posted.field("start") {
        "end" => GroupStart::End,
        "at" => GroupStart::At(whole(posted, "at")?),
        _ => GroupStart::First,
    };
    let settings = GroupSettings {
        resolve_links: posted.field("resolve_links") == "true",
        extra_statistics: posted.field("extra_statistics") == "true",
        message_timeout_ms: whole(posted, "message_timeout_ms")?,
        max_retry_count: whole(posted, "max_retry_count")?,
        checkpoint_after_ms: whole(posted, "checkpoint_after_ms")?,
        min_checkpoint_count: whole(posted, "min_checkpoint_count")?,
        max_checkpoint_count: whole(posted, "max_checkpoint_count")?,
        max_subscriber_count: whole(posted, "max_subscriber_count")?,
        live_buffer_size: whole(posted, "live_buffer_size")?,
        read_batch_size: whole(posted, "read_batch_size")?,
        history_buffer_size: whole(posted, "history_buffer_size")?,
        strategy: posted.field("strategy").to_owned(),
    };
    Ok(GroupDefinition { key, start, settings })
}

/// How many parked events are to be delivered again; absent for all.
pub(super) fn limit(posted: &Posted) -> Result<Option<u64>, GroupsError> {
    if posted.field("limit").trim().is_empty() { Ok(None) } else { whole(posted, "limit").map(Some) }
}
