//! The causes of events, drawn: time goes to the right, and each node stands beside what caused it.

use engine_runtime::{
    map::Map,
    processes::{Occasion, Step},
};
use engine_store::RecordedEvent;
use maud::{Markup, html};

use super::super::parts::{drawing_class, encoded, words};
use crate::trace::{Node, Trace, What};

const BOX: (u32, u32) = (184, 42);
const STEP: (u32, u32) = (246, 54);
const EDGE: u32 = 8;

/// A node that has its place.
struct Placed<'a> {
    what: &'a What,
    x: u32,
    y: u32,
    /// The middle of the right side of the cause.
    from: Option<(u32, u32)>,
    after_us: Option<u64>,
}

/// Draws the trees one below the other. `here` is a position to point out.
pub(super) fn draw(tree: &[Node], trace: &Trace, map: &Map, here: Option<u64>) -> Markup {
    let mut placed = Vec::new();
    let mut rows = 0;
    for node in tree {
        place(node, 0, &mut rows, &mut placed);
    }
    let width = placed.iter().map(|node| node.x).max().unwrap_or(0) + BOX.0 + EDGE;
    let height = rows * STEP.1 + EDGE;
    html! {
        svg class=(drawing_class(width)) width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img"
            aria-label="Commands, their events, the processes that heard them, and what those sent; the timeline below says the same in words" {
            @for node in &placed { (edge(node)) }
            @for node in &placed { (draw_node(node, trace, map, here)) }
        }
    }
}

/// Gives a node its place, in the middle of what it caused; answers the middle of its left side.
fn place<'a>(node: &'a Node, depth: u32, rows: &mut u32, placed: &mut Vec<Placed<'a>>) -> (usize, u32) {
    let x = EDGE + depth * STEP.0;
    let index = placed.len();
    placed.push(Placed { what: &node.what, x, y: 0, from: None, after_us: node.after_us });
    let children: Vec<(usize, u32)> =
        node.caused.iter().map(|child| place(child, depth + 1, rows, placed)).collect();
    let y = if let (Some((_, first)), Some((_, last))) = (children.first(), children.last()) {
        u32::midpoint(*first, *last)
    } else {
        *rows += 1;
        EDGE + (*rows - 1) * STEP.1
    };
    placed[index].y = y;
    for (child, _) in children {
        placed[child].from = Some((x + BOX.0, y + BOX.1 / 2));
    }
    (index, y)
}

fn edge(node: &Placed<'_>) -> Markup {
    let Some((x, y)) = node.from else { return html! {} };
    let (to_x, to_y) = (node.x, node.y + BOX.1 / 2);
    let middle = u32::midpoint(x, to_x);
    html! {
        path.edge d={ "M" (x) " " (y) " C" (middle) " " (y) " " (middle) " " (to_y) " " (to_x) " " (to_y) } {}
        @if let Some(after) = node.after_us {
            text.edge-label x=(middle) y=(to_y.saturating_sub(6)) text-anchor="middle" { "+" (words::micros(after)) }
        }
    }
}

fn draw_node(node: &Placed<'_>, trace: &Trace, map: &Map, here: Option<u64>) -> Markup {
    match node.what {
        What::Command { id, name } => {
            let shown = label(node, name.as_deref().unwrap_or("command"), &short(id), id);
            let known = name.as_ref().filter(|name| map.commands().any(|(_, known)| known.name == **name));
            html! {
                @if let Some(name) = known { a href={ "/commands/" (encoded(name)) } { g.command { (shown) } } }
                @else { g.command { (shown) } }
            }
        }
        What::Step(at) => {
            let event = &trace.events[*at].event;
            let (process, id) =
                (event.stream.category().unwrap_or_default(), event.stream.id().unwrap_or_default());
            let class = if here == Some(event.position.0) { "process here" } else { "process" };
            html! {
                a href={ "/processes/" (encoded(process)) "/" (encoded(id)) } {
                    g class=(class) { (label(node, &format!("{process} {id}"), &occasion(event), &occasion(event))) }
                }
            }
        }
        What::Event(at) => {
            let event = &trace.events[*at].event;
            let class = if here == Some(event.position.0) { "event here" } else { "event" };
            let below = format!("{} @{}", event.stream, event.revision);
            html! {
                a href={ "/events/" (event.position) } { g class=(class) { (label(node, &event.event_type, &below, &below)) } }
            }
        }
    }
}

/// What led a process manager to a step, in a few words.
pub(super) fn occasion(event: &RecordedEvent) -> String {
    match Step::read(event).map(|step| step.occasion) {
        Some(Occasion::Heard(_)) | None => "heard it".to_owned(),
        Some(Occasion::Refused(_, reason)) => format!("refused: {reason}"),
        Some(Occasion::Due(_, timer)) => format!("timer `{timer}` is due"),
        Some(Occasion::Stopped(reason)) => format!("stopped: {reason}"),
    }
}

fn label(node: &Placed<'_>, above: &str, below: &str, title: &str) -> Markup {
    html! {
        title { (above) ": " (title) }
        rect.box x=(node.x) y=(node.y) width=(BOX.0) height=(BOX.1) rx="6" {}
        text x=(node.x + 11) y=(node.y + 18) font-weight="600" { (cut(above, 24)) }
        text.sub x=(node.x + 11) y=(node.y + 33) { (cut(below, 30)) }
    }
}

/// The beginning of a text that may be too long for a box.
pub(in crate::pages) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['…']).collect()
    }
}

/// An id that is long enough to be told from others on one page.
pub(super) fn short(id: &str) -> String {
    match uuid::Uuid::try_parse(id) {
        Ok(_) => format!("…{}", &id[id.len() - 12..]),
        Err(_) => id.trim_start_matches('?').to_owned(),
    }
}
