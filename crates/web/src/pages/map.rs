//! The map: what is registered, drawn from commands on the left to queries on the right.

mod draw;

use axum::extract::State;
use maud::html;

use super::{Nav, Page, Seen, layout, parts::empty};
use crate::Web;

pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let map = web.map();
    let body = html! {
        (layout::head(&html! { "Map" }, "Commands go into aggregates, events come out of them, and others listen.", &html! {
            button type="button" data-copy=(map.to_mermaid()) { "Copy as Mermaid" }
        }))
        section.card {
            header {
                h2 { (map.app) }
                div.legend { span.command { "command" } span { "aggregate" } span.event { "event" } span.handler { "handler, process" } span.model { "read model" } span { "query" } }
            }
            @if map.aggregates.is_empty() { (empty("Nothing is registered", "Add commands to the application.")) }
            @else { div.scroll { div.body { (draw::draw(map)) } } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Map, "Map", &body))
}
