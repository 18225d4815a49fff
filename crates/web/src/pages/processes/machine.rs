//! A state machine, drawn from the table that runs: states by how far they are from the first.

use engine_types::process_manager::Machine;
use maud::{Markup, html};

use super::super::{correlation_cut as cut, parts::drawing_class};

const BOX: (u32, u32) = (124, 32);
const STEP: (u32, u32) = (276, 74);
const EDGE: u32 = 14;

/// Draws it, with one state pointed out.
pub(super) fn draw(machine: &Machine, here: Option<&str>) -> Markup {
    let places = places(machine);
    let width = places.iter().map(|place| place.0).max().unwrap_or(0) + BOX.0 + EDGE;
    let height = places.iter().map(|place| place.1).max().unwrap_or(0) + BOX.1 + EDGE + 12;
    let at =
        |name: &str| machine.states.iter().position(|state| state.name == name).map(|place| places[place]);
    html! {
        svg class=(drawing_class(width)) width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role="img" aria-label="The states, and what leads from one to another" {
            @for (index, from) in places.iter().enumerate() {
                @for (place, (to, labels)) in ways(machine, index).into_iter().enumerate() {
                    @if let Some(to) = at(to) { (way(*from, to, &labels, u32::try_from(place).unwrap_or(0))) }
                }
            }
            @for (state, (x, y)) in machine.states.iter().zip(&places) {
                @let is_end = state.transitions.is_empty();
                g class=(if here == Some(state.name) { "process here" } else if is_end { "event" } else { "query" }) {
                    title { (state.name) @if !state.doc.is_empty() { ": " (state.doc) } }
                    rect.box x=(x) y=(y) width=(BOX.0) height=(BOX.1) rx="16" {}
                    text x=(x + BOX.0 / 2) y=(y + 20) text-anchor="middle" font-weight="600" { (cut(state.name, 17)) }
                }
            }
        }
    }
}

/// Where each state stands: its distance from the first to the right, one below the other.
fn places(machine: &Machine) -> Vec<(u32, u32)> {
    let mut depths: Vec<Option<u32>> = vec![None; machine.states.len()];
    if let Some(first) = depths.first_mut() {
        *first = Some(0);
    }
    // As many rounds as there are states reach every state that can be reached.
    for _ in machine.states {
        for (place, state) in machine.states.iter().enumerate() {
            let Some(depth) = depths[place] else { continue };
            for transition in state.transitions {
                let to = machine.states.iter().position(|state| state.name == transition.to);
                if let Some(to) = to.filter(|to| depths[*to].is_none()) {
                    depths[to] = Some(depth + 1);
                }
            }
        }
    }
    let mut rows = std::collections::BTreeMap::<u32, u32>::new();
    let place = |depth: Option<u32>| {
        let depth = depth.unwrap_or(0);
        let row = rows.entry(depth).or_default();
        *row += 1;
        (EDGE + depth * STEP.0, EDGE + 8 + (*row - 1) * STEP.1)
    };
    depths.into_iter().map(place).collect()
}

/// The states that one leads to, each with all messages that lead there.
fn ways(machine: &Machine, from: usize) -> Vec<(&'static str, Vec<String>)> {
    let mut ways: Vec<(&'static str, Vec<String>)> = Vec::new();
    for transition in machine.states[from].transitions {
        let label = transition.on.to_string();
        match ways.iter_mut().find(|(to, _)| *to == transition.to) {
            Some((_, labels)) => labels.push(label),
            None => ways.push((transition.to, vec![label])),
        }
    }
    ways
}

fn way(from: (u32, u32), to: (u32, u32), labels: &[String], lane: u32) -> Markup {
    let goes_on = to.0 > from.0;
    let (x1, y1) = (
        if goes_on { from.0 + BOX.0 } else { from.0 + BOX.0 / 2 },
        from.1 + if goes_on { BOX.1 / 2 } else { BOX.1 },
    );
    let (x2, y2) =
        (if goes_on { to.0 } else { to.0 + BOX.0 / 2 }, to.1 + if goes_on { BOX.1 / 2 } else { BOX.1 });
    let middle = u32::midpoint(x1, x2);
    let bend = if goes_on { (middle, y1, middle, y2) } else { (x1, y1.max(y2) + 34, x2, y1.max(y2) + 34) };
    let label_y = if goes_on { y2.saturating_sub(7) } else { y1.max(y2) + 22 + lane * 12 };
    html! {
        path.edge d={ "M" (x1) " " (y1) " C" (bend.0) " " (bend.1) " " (bend.2) " " (bend.3) " " (x2) " " (y2) } {}
        @if goes_on { path.edge d={ "M" (x2.saturating_sub(6)) " " (y2.saturating_sub(4)) " L" (x2) " " (y2) " L" (x2.saturating_sub(6)) " " (y2 + 4) } {} }
        @for (line, label) in labels.iter().enumerate() {
            @let y = if goes_on { label_y.saturating_sub(u32::try_from(labels.len() - 1 - line).unwrap_or(0) * 12) } else { label_y + u32::try_from(line).unwrap_or(0) * 12 };
            text.edge-label x=(if goes_on { x2.saturating_sub(8) } else { middle }) y=(y) text-anchor=(if goes_on { "end" } else { "middle" }) { (cut(label, 24)) }
        }
    }
}
