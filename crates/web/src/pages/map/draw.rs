//! The map as a drawing: one column for each kind of thing, one lane for each aggregate.

use engine_runtime::map::{HandlerDescription, Map};
use maud::{Markup, html};

use super::super::{
    correlation_cut as cut,
    parts::{drawing_class, encoded},
};

const BOX: (u32, u32) = (168, 30);
const GAP: (u32, u32) = (74, 12);
const TOP: u32 = 30;
const LANE_GAP: u32 = 26;

/// A box.
struct Thing {
    class: &'static str,
    name: String,
    doc: String,
    link: Option<String>,
    column: u32,
    y: u32,
}

#[derive(Default)]
struct Drawing {
    things: Vec<Thing>,
    edges: Vec<(usize, usize)>,
    /// The next free line of each column.
    free: [u32; 5],
}

impl Drawing {
    /// Puts a box below what stands in its column already, and not above `at_least`.
    fn put(&mut self, column: u32, at_least: u32, class: &'static str, name: &str, doc: &str) -> usize {
        let free = &mut self.free[column as usize];
        let y = (*free).max(at_least);
        *free = y + BOX.1 + GAP.1;
        self.things.push(Thing { class, name: name.to_owned(), doc: doc.to_owned(), link: None, column, y });
        self.things.len() - 1
    }

    fn link(&mut self, thing: usize, link: String) {
        self.things[thing].link = Some(link);
    }

    fn bottom(&self) -> u32 {
        self.free.iter().copied().max().unwrap_or(0)
    }
}

/// Draws everything.
pub(super) fn draw(map: &Map) -> Markup {
    let mut drawing = Drawing { free: [TOP; 5], ..Drawing::default() };
    let mut events = Vec::new();
    for aggregate in &map.aggregates {
        let top = if drawing.things.is_empty() { TOP } else { drawing.bottom() + LANE_GAP - GAP.1 };
        let commands: Vec<_> = aggregate
            .commands
            .iter()
            .map(|command| {
                let at = drawing.put(0, top, "command", command.name, command.doc);
                drawing.link(at, format!("/commands/{}", encoded(command.name)));
                at
            })
            .collect();
        let lines = aggregate.commands.len().max(aggregate.events.len()).max(1);
        let half = u32::try_from(lines - 1).unwrap_or(0) * (BOX.1 + GAP.1) / 2;
        let at = drawing.put(1, top + half, "aggregate", aggregate.category, "an aggregate");
        drawing.link(at, format!("/streams?category={}", aggregate.category));
        drawing.edges.extend(commands.into_iter().map(|command| (command, at)));
        for event in aggregate.events {
            let from = drawing.put(2, top, "event", event.name, event.doc);
            drawing.link(from, format!("/all?type={}", encoded(event.name)));
            drawing.edges.push((at, from));
            events.push((from, aggregate.category, event.name));
        }
    }
    listeners(map, &events, &mut drawing);
    svg(&drawing)
}

fn listeners(map: &Map, events: &[(usize, &str, &str)], drawing: &mut Drawing) {
    for handler in &map.handlers {
        let heard: Vec<_> =
            events.iter().filter(|(_, category, name)| hears(handler, category, name)).collect();
        let at = drawing.put(
            3,
            middle(drawing, heard.iter().map(|(at, ..)| *at)),
            "handler",
            &handler.name,
            "an event handler",
        );
        drawing.link(at, "/handlers".to_owned());
        drawing.edges.extend(heard.into_iter().map(|(from, ..)| (*from, at)));
    }
    for process in &map.processes {
        let heard: Vec<_> = events
            .iter()
            .filter(|(_, _, name)| process.event_types.iter().any(|heard| heard == name))
            .collect();
        let at = drawing.put(
            3,
            middle(drawing, heard.iter().map(|(at, ..)| *at)),
            "process",
            process.name,
            "a process manager",
        );
        drawing.link(at, format!("/processes/{}", encoded(process.name)));
        drawing.edges.extend(heard.into_iter().map(|(from, ..)| (*from, at)));
        let y = drawing.things[at].y;
        for name in process.sends() {
            let to = drawing.put(4, y, "command", name, "a command that it sends");
            drawing.link(to, format!("/commands/{}", encoded(name)));
            drawing.edges.push((at, to));
        }
    }
    for projection in &map.projections {
        let heard: Vec<_> = events.iter().filter(|(_, _, name)| projection.events.contains(name)).collect();
        let at = drawing.put(
            3,
            middle(drawing, heard.iter().map(|(at, ..)| *at)),
            "model",
            projection.name,
            "a read model",
        );
        drawing.link(at, "/handlers".to_owned());
        drawing.edges.extend(heard.into_iter().map(|(from, ..)| (*from, at)));
        let y = drawing.things[at].y;
        for query in &projection.queries {
            let to = drawing.put(4, y, "query", query.name, query.doc);
            drawing.link(to, format!("/queries/{}", encoded(query.name)));
            drawing.edges.push((at, to));
        }
    }
}

/// The height of the middle of what something hears.
fn middle(drawing: &Drawing, heard: impl Iterator<Item = usize>) -> u32 {
    let heights: Vec<u32> = heard.map(|at| drawing.things[at].y).collect();
    let sum: u32 = heights.iter().sum();
    u32::try_from(heights.len()).ok().and_then(|count| sum.checked_div(count)).unwrap_or(TOP)
}

/// Whether a handler hears events of this type of at least one instance of an aggregate.
fn hears(handler: &HandlerDescription, category: &str, event_type: &str) -> bool {
    let category = format!("{category}-");
    let is_there = |stream: &String| match stream.strip_suffix('*') {
        Some(beginning) => category.starts_with(beginning) || beginning.starts_with(&category),
        None => stream.starts_with(&category),
    };
    let is_type = |choice: &String| match choice.strip_suffix('*') {
        Some(beginning) => event_type.starts_with(beginning),
        None => choice == event_type,
    };
    (handler.streams.is_empty() || handler.streams.iter().any(is_there))
        && (handler.event_types.is_empty() || handler.event_types.iter().any(is_type))
}

fn x(column: u32) -> u32 {
    2 + column * (BOX.0 + GAP.0)
}

fn svg(drawing: &Drawing) -> Markup {
    let columns = drawing.things.iter().map(|thing| thing.column).max().unwrap_or(0) + 1;
    let (width, height) = (x(columns) - GAP.0 + 2, drawing.bottom() + 4);
    html! {
        svg class=(drawing_class(width)) width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img" aria-label="What is registered, and what leads to what" {
            @for (column, title) in (0..columns).zip(["Commands", "Aggregates", "Events", "Listeners", "Queries, commands"]) {
                text.lane x=(x(column)) y="14" { (title) }
            }
            @for (from, to) in &drawing.edges { (edge(&drawing.things[*from], &drawing.things[*to])) }
            @for thing in &drawing.things { (boxed(thing)) }
        }
    }
}

fn edge(from: &Thing, to: &Thing) -> Markup {
    let (x1, y1) = (x(from.column) + BOX.0, from.y + BOX.1 / 2);
    let (x2, y2) = (x(to.column), to.y + BOX.1 / 2);
    let middle = u32::midpoint(x1, x2);
    html! { path.edge d={ "M" (x1) " " (y1) " C" (middle) " " (y1) " " (middle) " " (y2) " " (x2) " " (y2) } {} }
}

fn boxed(thing: &Thing) -> Markup {
    let inner = html! {
        g class=(thing.class) {
            title { (thing.name) @if !thing.doc.is_empty() { ": " (thing.doc) } }
            rect.box x=(x(thing.column)) y=(thing.y) width=(BOX.0) height=(BOX.1) rx="6" {}
            text x=(x(thing.column) + 10) y=(thing.y + 19) { (cut(&thing.name, 23)) }
        }
    };
    match &thing.link {
        Some(link) => html! { a href=(link) { (inner) } },
        None => inner,
    }
}
