//! Events as rows.

use engine_store::RecordedEvent;
use maud::{Markup, html};

use super::{json, layout::stream_link, words};

/// A table of events, in the order given.
pub(in crate::pages) fn table(events: &[RecordedEvent], sees: bool, names_streams: bool) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th.num.fit.optional[names_streams] { @if names_streams { "Position" } @else { "Revision" } }
                th.fit { "Event" }
                @if names_streams { th { "Stream" } }
                th.optional { "Data" }
                th.fit.optional { "When" }
            } }
            tbody data-rows="" { @for event in events { (row(event, sees, names_streams)) } }
        } }
    }
}

/// One event.
pub(in crate::pages) fn row(event: &RecordedEvent, sees: bool, names_streams: bool) -> Markup {
    let place = if names_streams { event.position.0 } else { event.revision.0 };
    html! {
        tr {
            td.num.fit.mono.optional[names_streams] { (place) }
            td.fit { a.type.row-link href={ "/events/" (event.position) } { (event.event_type) } }
            @if names_streams { td.nowrap { (stream_link(event.stream.as_str())) span.muted.small { " @" (event.revision) } } }
            td.optional { (preview(event, sees)) }
            td.fit.optional.muted { (words::clock(event.created)) }
        }
    }
}

fn preview(event: &RecordedEvent, sees: bool) -> Markup {
    html! {
        @if sees { span.preview { (json::brief(&event.data)) } }
        @else { span.muted { "hidden from your role" } }
    }
}
