//! One instance: its state, its machine, what it has handled and sent, and the timers that wait.

use engine_runtime::{
    map::ProcessDescription,
    processes::{EntryReport, InstanceReport, InstanceState, SentReport},
};
use maud::{Markup, html};

use super::{
    super::{
        layout::stream_link,
        parts::{button, encoded, json, secret, words},
    },
    machine,
};
use crate::access::{Caller, Role};

pub(super) fn shown(caller: &Caller, process: &ProcessDescription, report: &InstanceReport) -> Markup {
    html! {
        @if let Some(parked) = &report.parked {
            div.notice.bad role="status" {
                strong { "It waits at " } a.type href={ "/events/" (parked.position) } { (parked.event_type) } strong { ": " } (parked.error)
            }
        }
        @if let Some(machine) = &process.machine {
            section.card { header { h2 { "Where it is" } } div.scroll { div.body { (machine::draw(machine, report.summary.stage)) } } }
        }
        div.grid.two {
            section.card { header { h2 { "State" } } div.body { @if let Some(value) = &report.value { (json::tree(value)) } @else { p.muted { "It has not begun." } } } }
            div.grid {
                section.card { header { h2 { "Timers that wait" } } (timers(report)) }
                @if caller.role >= Role::Operator && report.summary.state != InstanceState::Ended { section.card { header { h2 { "Orders" } } div.body { (orders(caller, report)) } } }
            }
        }
        section.card { header { h2 { "History" } span.muted.small { "the oldest first" } } (history(&report.history)) }
    }
}

fn orders(caller: &Caller, report: &InstanceReport) -> Markup {
    let path = format!("/processes/{}/{}", report.process, encoded(&report.summary.id));
    html! {
        @if report.summary.state == InstanceState::Parked {
            div.actions { (button(caller, &format!("{path}/retry"), "Retry", "primary", None)) span.muted { "hands the event out again" } }
        }
        form.filters method="post" action={ (path) "/stop" } data-confirm="End this instance for good?" {
            (secret(caller))
            div.field { label for="reason" { "Why it is to end" } input.wide id="reason" name="reason" required autocomplete="off"; }
            button.danger type="submit" { "Stop it" }
        }
        p.muted.small { "Its timers are cancelled. What it has sent before stays sent." }
    }
}

fn timers(report: &InstanceReport) -> Markup {
    html! {
        @if report.waiting.is_empty() { div.body { p.muted { "None." } } }
        @else { table { tbody { @for timer in &report.waiting {
            tr { td { (timer.name) } td.type { (timer.command) } td.muted { (timer.due) } }
        } } } }
    }
}

fn history(entries: &[EntryReport]) -> Markup {
    html! { div.scroll { table {
        thead { tr { th.num.fit { "Entry" } th.fit { "What" } th { "About" } th { "Sent" } th.optional { "Timers" } th.fit.optional { "When" } } }
        tbody { @for entry in entries {
            tr {
                td.num.fit.mono { (entry.revision) }
                td.fit { (entry.kind) @if entry.ends { " " span.badge.good { "ends" } } }
                td.wrap {
                    @if let Some(event) = &entry.event {
                        a.type href={ "/streams/" (encoded(event.stream.as_str())) "?direction=forwards&from=" (event.revision) } { (event.event_type) }
                        div.small { (stream_link(event.stream.as_str())) span.muted { " @" (event.revision) } }
                    } @else { (entry.about) }
                }
                td.wrap { @for command in &entry.commands { (sent(command)) } @if entry.commands.is_empty() { span.muted { "nothing" } } }
                td.optional { @for timer in &entry.timers { div.small { (timer) } } }
                td.fit.optional.muted { (words::clock(entry.recorded_at)) }
            }
        } }
    } } }
}

fn sent(command: &SentReport) -> Markup {
    let class = match command.outcome {
        "accepted" => "good",
        "refused" => "bad",
        _ => "warn",
    };
    html! {
        div {
            strong.type { (command.name) } " " span class={ "badge " (class) } { (command.outcome) }
            div.small { (stream_link(&command.target)) }
            @if let Some(refusal) = &command.refusal { div.small.wrap { (refusal) } }
        }
    }
}
