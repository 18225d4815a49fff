//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

use super::{encoded, secret};
use crate::{Web, access::Caller};

/// A page of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pages) enum Nav {
    Overview,
    Streams,
    Tail,
    Commands,
    Aggregates,
    Queries,
    Map,
    Handlers,
    Parked,
    Processes,
    Timers,
    Subscriptions,
    Store,
    Users,
    Api,
    /// None of the menu.
    Account,
}

type Item = (Nav, &'static str, &'static str);

const MENU: [(&str, &[Item]); 4] = [
    (
        "Events",
        &[
            (Nav::Overview, "/", "Overview"),
            (Nav::Streams, "/streams", "Streams"),
            (Nav::Tail, "/tail", "Live tail"),
        ],
    ),
    (
        "Domain",
        &[
            (Nav::Commands, "/commands", "Commands"),
            (Nav::Aggregates, "/aggregates", "Aggregates"),
            (Nav::Queries, "/queries", "Queries"),
            (Nav::Map, "/map", "Map"),
        ],
    ),
    (
        "Processing",
        &[
            (Nav::Handlers, "/handlers", "Handlers"),
            (Nav::Parked, "/parked", "Parked events"),
            (Nav::Processes, "/processes", "Processes"),
            (Nav::Timers, "/timers", "Timers"),
            (Nav::Subscriptions, "/subscriptions", "Subscriptions"),
        ],
    ),
    (
        "Node",
        &[(Nav::Store, "/store", "Store"), (Nav::Users, "/users", "Users"), (Nav::Api, "/api", "HTTP API")],
    ),
];

const KEYS: [(&str, &str); 13] = [
    ("/", "find a stream, an event, a correlation id"),
    ("g o", "overview"),
    ("g s", "streams"),
    ("g t", "live tail"),
    ("g c", "commands"),
    ("g a", "aggregates"),
    ("g q", "queries"),
    ("g m", "map"),
    ("g h", "handlers"),
    ("g p", "parked events"),
    ("g d", "store"),
    ("j k", "next and previous row"),
    ("?", "these keys"),
];

/// A page with nothing around it.
pub(in crate::pages) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="htmx-config" content=r#"{"includeIndicatorCSS":false,"history":false}"#;
                title { (title) " · cqrs-engine" }
                link rel="icon" type="image/svg+xml" href="/assets/mark.svg";
                link rel="stylesheet" href="/assets/uPlot.min.css";
                link rel="stylesheet" href="/assets/console.css";
                script src="/assets/theme.js" {}
                script src="/assets/htmx.min.js" defer {}
                script src="/assets/uPlot.iife.min.js" defer {}
                script src="/assets/console.js" defer {}
            }
            body { (body) }
        }
    }
}

/// A page of the console.
pub(in crate::pages) fn page(web: &Web, caller: &Caller, nav: Nav, title: &str, body: &Markup) -> Markup {
    let frame = html! {
        a.skip href="#main" { "Skip to the page" }
        div.frame {
            (side(web, nav))
            div.main {
                (top(caller))
                main.page id="main" { (body) }
            }
        }
        (keys())
    };
    bare(title, &frame)
}

/// The first lines of a page: what it is, and what can be done.
pub(in crate::pages) fn head(title: &Markup, lead: &str, actions: &Markup) -> Markup {
    html! {
        div.head {
            div { h1 { (title) } @if !lead.is_empty() { p.lead { (lead) } } }
            div.actions { (actions) }
        }
    }
}

pub(in crate::pages) fn brand(app: &str) -> Markup {
    html! {
        a.brand href="/" {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                rect width="24" height="24" rx="6" fill="#3451c7" {}
                path d="M5 8h8M5 12h11M5 16h6" stroke="#fff" stroke-width="2.2" stroke-linecap="round" {}
                circle cx="18" cy="16" r="2.4" fill="#8fe3b4" {}
            }
            span { "cqrs-engine" small { (app) } }
        }
    }
}

fn side(web: &Web, nav: Nav) -> Markup {
    html! {
        aside.side {
            (brand(&web.map().app))
            button.menu-toggle type="button" data-menu="" aria-expanded="false" { "Menu" }
            nav aria-label="Pages" {
                @for (group, items) in MENU {
                    h2 { (group) }
                    @for (item, path, label) in items {
                        a.item href=(path) aria-current=[(*item == nav).then_some("page")] { (label) }
                    }
                }
            }
        }
    }
}

fn top(caller: &Caller) -> Markup {
    html! {
        header.top {
            form.find action="/find" role="search" {
                label.hidden-text for="find" { "Find a stream, an event or a correlation id" }
                input id="find" name="q" placeholder="Find a stream, position, event or correlation id" autocomplete="off";
                kbd.hint aria-hidden="true" { "/" }
            }
            span.live data-live-mark="" role="status" { "not live" }
            div.who {
                button.quiet type="button" data-help="" title="Keys" { kbd { "?" } span.hidden-text { "Keys" } }
                button.quiet type="button" data-theme-switch="" title="Dark or light" { "◐" span.hidden-text { "Dark or light" } }
                a href="/account" title={ "Signed in as " (caller.role) } { (caller.name) }
                form method="post" action="/sign-out" {
                    (secret(caller))
                    button.quiet type="submit" { "Sign out" }
                }
            }
        }
    }
}

fn keys() -> Markup {
    html! {
        dialog id="keys" aria-labelledby="keys-title" {
            div.head { h2 id="keys-title" { "Keys" } button.quiet type="button" data-close="" { "Close" } }
            table { tbody { @for (key, what) in KEYS {
                tr { td.fit { @for key in key.split(' ') { kbd { (key) } " " } } td { (what) } }
            } } }
        }
    }
}

/// A link to a stream.
pub(in crate::pages) fn stream_link(stream: &str) -> Markup {
    html! { a.mono.wrap href={ "/streams/" (encoded(stream)) } { (stream) } }
}
