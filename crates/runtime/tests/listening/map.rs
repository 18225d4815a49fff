//! Handlers on the map: as data, as text and as a diagram.

use engine_runtime::{App, listen::HandlerOptions};
use engine_store::{Filter, filter::Choice};
use serde_json::json;

use super::kit::{Count, Probe};

fn app() -> App {
    let stream = Choice { streams: vec!["counter-a".to_owned()], ..Choice::default() };
    let types = Choice { event_types: vec!["Reset".to_owned()], ..Choice::default() };
    let elsewhere = HandlerOptions { filter: Some(Filter::category("door")), ..HandlerOptions::default() };
    let narrow = HandlerOptions { filter: Some(Filter::new(types)), ..HandlerOptions::default() };
    let one = HandlerOptions {
        filter: Some(Filter::new(stream)),
        partitions: 4,
        strong: true,
        ..HandlerOptions::default()
    };
    App::new("test")
        .command::<Count>()
        .handler(Probe::named("elsewhere"), elsewhere)
        .handler(Probe::named("narrow"), narrow)
        .handler(Probe::named("one"), one)
}

#[test]
fn handlers_are_on_the_map_as_data() {
    let data = serde_json::to_value(app().map()).unwrap();
    let names: Vec<_> = data["handlers"].as_array().unwrap().iter().map(|handler| &handler["name"]).collect();
    assert_eq!(names, ["elsewhere", "narrow", "one"]);
    let one = json!({
        "name": "one", "event_types": ["Counted", "Reset"], "streams": ["counter-a"], "partitions": 4,
        "strong": true,
    });
    assert_eq!(data["handlers"][2], one);
    assert_eq!(data["handlers"][1]["event_types"], json!(["Reset"]));
}

#[test]
fn handlers_are_on_the_map_as_text() {
    let text = app().map().to_string();
    let one = "handler one\n  4 partitions\n  strong consistency waits for it\n  listens to counter-a\n  hears    \
               Counted\n  hears    Reset\n";
    assert!(text.contains(one), "{text}");
    assert!(text.contains("handler elsewhere\n  listens to door-*\n"), "{text}");
}

#[test]
fn the_diagram_leads_events_into_the_handlers_that_hear_them() {
    let diagram = app().map().to_mermaid();
    for (line, is_there) in [
        ("  h1[/\"narrow\"/]\n", true),
        ("  a0e1 --> h1\n", true),
        ("  a0e0 --> h1\n", false),
        ("  a0e0 --> h2\n", true),
        ("--> h0\n", false),
    ] {
        assert_eq!(diagram.contains(line), is_there, "{line} in {diagram}");
    }
}
