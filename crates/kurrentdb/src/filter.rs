//! What of a filter the server carries out: a part, by streams or by types; the rest is tested here.

use engine_store::{Filter, filter::Choice};
use kurrentdb::SubscriptionFilter;

/// After how many events that do not pass the server tells a subscription how far it has looked.
const WINDOW: u32 = 256;

/// The server's part: every event that passes the filter passes it. Absent where it would be everything.
pub(crate) fn of_server(filter: &Filter) -> Option<SubscriptionFilter> {
    let choice = filter.choice();
    let streams = prefixes_of_streams(choice);
    let types: Vec<&String> = choice.event_types.iter().chain(&choice.event_type_prefixes).collect();
    let chosen = if !streams.is_empty() {
        streams.iter().fold(SubscriptionFilter::on_stream_name(), SubscriptionFilter::add_prefix)
    } else if !types.is_empty() {
        types.into_iter().fold(SubscriptionFilter::on_event_type(), SubscriptionFilter::add_prefix)
    } else if !choice.system {
        SubscriptionFilter::on_stream_name().regex(r"^[^\$]")
    } else {
        return None;
    };
    Some(chosen.max(WINDOW))
}

/// The beginnings of the names of all streams that are chosen.
fn prefixes_of_streams(choice: &Choice) -> Vec<String> {
    let categories = choice.categories.iter().map(|category| format!("{category}-"));
    choice.streams.iter().chain(&choice.stream_prefixes).cloned().chain(categories).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_needs_no_filter_and_categories_are_beginnings_of_names() {
        assert!(of_server(&Filter::everything()).is_none());
        assert!(of_server(&Filter::domain()).is_some());
        let choice = Choice {
            categories: vec!["account".to_owned()],
            streams: vec!["transfer-1".to_owned()],
            ..Choice::default()
        };
        assert_eq!(prefixes_of_streams(&choice), ["transfer-1", "account-"]);
    }
}
