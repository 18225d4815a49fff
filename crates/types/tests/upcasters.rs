//! How old events are brought up to date.

#![allow(missing_docs)]

use engine_macros::Event;
use engine_types::{
    RawEvent, Upcasters,
    event::{DecodeError, Decoder},
    upcast::UpcastError,
};
use serde_json::{Value, json};

fn raw(event_type: &'static str, version: u32, data: Value) -> RawEvent {
    RawEvent::new(event_type, version, data)
}

fn split(data: &Value) -> Vec<RawEvent> {
    vec![raw("Left", 1, data["left"].clone()), raw("Right", 1, data["right"].clone())]
}

#[test]
fn an_event_that_nothing_is_registered_for_stays_as_it_is() {
    let event = raw("Paid", 3, json!({ "amount": 1 }));
    assert_eq!(Upcasters::new().bring_up_to_date(event.clone()).unwrap(), [event]);
}

#[test]
fn each_version_is_brought_to_the_next_until_none_is_left() {
    let upcasters = Upcasters::new()
        .one("Paid", 1, |data| json!({ "cents": data.as_u64().map(|euros| euros * 100) }))
        .one("Paid", 2, |data| json!({ "cents": data["cents"], "currency": "EUR" }));
    let today = [raw("Paid", 3, json!({ "cents": 500, "currency": "EUR" }))];
    assert_eq!(upcasters.bring_up_to_date(raw("Paid", 1, json!(5))).unwrap(), today);
    assert_eq!(upcasters.bring_up_to_date(raw("Paid", 2, json!({ "cents": 500 }))).unwrap(), today);
}

#[test]
fn one_event_may_become_several_in_order_each_again_an_old_one() {
    let upcasters = Upcasters::new()
        .many("Both", 1, |data| Ok(split(&data)))
        .many("Left", 1, |data| Ok(vec![raw("L", 1, data.clone()), raw("L", 1, data)]))
        .rename("Right", "R");
    let new = upcasters.bring_up_to_date(raw("Both", 1, json!({ "left": 1, "right": 2 }))).unwrap();
    assert_eq!(new, [raw("L", 1, json!(1)), raw("L", 1, json!(1)), raw("R", 1, json!(2))]);
}

#[test]
fn an_event_may_become_none() {
    let upcasters = Upcasters::new().drop("Looked").many("Blinked", 2, |_| Ok(Vec::new()));
    assert_eq!(upcasters.bring_up_to_date(raw("Looked", 9, json!(null))).unwrap(), []);
    assert_eq!(upcasters.bring_up_to_date(raw("Blinked", 2, json!(null))).unwrap(), []);
    assert_eq!(upcasters.bring_up_to_date(raw("Blinked", 1, json!(null))).unwrap().len(), 1);
}

#[test]
fn a_renamed_event_keeps_version_and_data() {
    let upcasters = Upcasters::new().rename("A", "B").rename("B", "C");
    let new = upcasters.bring_up_to_date(raw("A", 4, json!({ "x": 1 }))).unwrap();
    assert_eq!(new, [raw("C", 4, json!({ "x": 1 }))]);
}

#[test]
fn upcasters_that_lead_to_each_other_are_an_error_not_a_hang() {
    let circle = Upcasters::new().rename("A", "B").rename("B", "A");
    let fault = circle.bring_up_to_date(raw("A", 1, json!(null))).unwrap_err();
    assert!(matches!(fault, UpcastError::Endless { .. }), "{fault}");
    let itself = Upcasters::new().many("A", 1, |data| Ok(vec![raw("A", 1, data.clone()), raw("A", 1, data)]));
    let fault = itself.bring_up_to_date(raw("A", 1, json!(null))).unwrap_err();
    assert_eq!(fault.to_string(), "the upcasters of `A` lead to each other without end");
}

#[test]
fn one_event_may_become_thousands() {
    let upcasters = Upcasters::new().many("Bulk", 1, |_| Ok(vec![raw("One", 1, json!(null)); 5_000]));
    assert_eq!(upcasters.bring_up_to_date(raw("Bulk", 1, json!(null))).unwrap().len(), 5_000);
}

#[test]
#[should_panic(expected = "`A` is renamed twice")]
fn renaming_a_type_twice_is_a_mistake() {
    drop(Upcasters::new().rename("A", "B").rename("A", "C"));
}

#[test]
fn an_upcaster_may_refuse_and_is_quoted() {
    let upcasters = Upcasters::new().many("Paid", 1, |_| Err("no currency".into()));
    let fault = upcasters.bring_up_to_date(raw("Paid", 1, json!(null))).unwrap_err();
    assert_eq!(fault.to_string(), "the upcaster of `Paid` version 1 refused an event: no currency");
}

#[test]
fn it_is_known_what_is_registered() {
    let upcasters = Upcasters::new().one("Paid", 1, |data| data).rename("Old", "Paid").drop("Gone");
    assert!(upcasters.knows("Paid", 1) && !upcasters.knows("Paid", 2) && upcasters.touches("Paid"));
    assert!(upcasters.knows("Old", 7) && upcasters.knows("Gone", 7));
    assert!(!upcasters.knows("New", 1) && !upcasters.touches("New"));
}

#[test]
#[should_panic(expected = "two upcasters for `Paid` version 1")]
fn the_same_version_is_not_registered_twice() {
    let _ = Upcasters::new().one("Paid", 1, |data| data).one("Paid", 1, |data| data);
}

#[test]
fn merged_upcasters_do_what_both_do() {
    let left = Upcasters::new().one("Paid", 1, |_| json!("left")).rename("Old", "Paid").drop("Gone");
    let right = Upcasters::new().one("Paid", 2, |data| json!([data])).rename("Old", "Paid").drop("Noon");
    let merged = left.merge(right);
    assert_eq!(
        merged.bring_up_to_date(raw("Old", 1, json!(null))).unwrap(),
        [raw("Paid", 3, json!(["left"]))]
    );
    assert_eq!(merged.bring_up_to_date(raw("Gone", 1, json!(null))).unwrap(), []);
    assert_eq!(merged.bring_up_to_date(raw("Noon", 1, json!(null))).unwrap(), []);
}

#[test]
fn merging_with_none_changes_nothing() {
    let merged = Upcasters::new().merge(Upcasters::new().rename("A", "B")).merge(Upcasters::new());
    assert_eq!(merged.bring_up_to_date(raw("A", 1, json!(1))).unwrap(), [raw("B", 1, json!(1))]);
}

#[test]
#[should_panic(expected = "two upcasters for `Paid` version 1")]
fn merging_refuses_two_ways_for_one_version() {
    let one = || Upcasters::new().one("Paid", 1, |data| data);
    let _ = one().merge(one());
}

#[test]
#[should_panic(expected = "`Old` is renamed both to `A` and to `B`")]
fn merging_refuses_two_new_names_for_one_old() {
    let _ = Upcasters::new().rename("Old", "A").merge(Upcasters::new().rename("Old", "B"));
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types, upcasters = history)]
enum Payment {
    #[event(version = 2)]
    Paid {
        cents: u64,
    },
    Refunded,
}

fn history() -> Upcasters<'static> {
    Upcasters::new()
        .one("Paid", 1, |data| json!({ "cents": data["euros"].as_u64().map(|euros| euros * 100) }))
        .many("PaidTwice", 1, |data| Ok(vec![raw("Paid", 1, data.clone()), raw("Paid", 1, data)]))
        .drop("Looked")
}

#[test]
fn a_decoder_reads_one_stored_event_as_none_one_or_several() {
    let decoder = Decoder::<Payment>::default();
    let paid = |cents| Payment::Paid { cents };
    assert_eq!(decoder.decode("Paid", 2, br#"{"cents":5}"#).unwrap(), [paid(5)]);
    assert_eq!(decoder.decode("Paid", 1, br#"{"euros":5}"#).unwrap(), [paid(500)]);
    assert_eq!(decoder.decode("PaidTwice", 1, br#"{"euros":5}"#).unwrap(), [paid(500), paid(500)]);
    assert_eq!(decoder.decode("Looked", 1, b"{}").unwrap(), []);
}

#[test]
fn a_decoder_says_what_it_can_read_and_for_which_types_it_needs_the_version() {
    let decoder = Decoder::<Payment>::default();
    assert!(decoder.reads("Paid") && decoder.reads("PaidTwice") && decoder.reads("Looked"));
    assert!(!decoder.reads("Unheard"));
    assert_eq!(decoder.unreadable_version(), None);
}

#[test]
fn a_decoder_refuses_what_it_does_not_know_and_says_why() {
    let decoder = Decoder::<Payment>::default();
    for (event_type, version) in [("Unheard", 1), ("Paid", 3), ("Refunded", 2)] {
        let fault = decoder.decode(event_type, version, b"{}").unwrap_err();
        assert!(
            matches!(fault, DecodeError::UnknownType { version: found, .. } if found == version),
            "{fault}"
        );
    }
    for data in [&b"{"[..], b"", br#"{"cents":-1}"#] {
        let fault = decoder.decode("Paid", 2, data).unwrap_err();
        assert!(matches!(fault, DecodeError::Malformed { .. }), "{fault}");
    }
    let fault = decoder.decode("Paid", 1, br#"{"euros":"five"}"#).unwrap_err();
    assert_eq!(fault.to_string(), "an event of type `Paid` does not have the expected form");
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum Forgotten {
    #[event(version = 3)]
    Paid,
}

#[test]
fn a_version_that_nobody_reads_is_found_before_it_is_met() {
    assert_eq!(Decoder::<Forgotten>::default().unreadable_version(), Some(("Paid", 1)));
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types, upcasters = not_raised)]
enum NotRaised {
    Opened,
    Paid,
}

fn not_raised() -> Upcasters<'static> {
    Upcasters::new().one("Paid", 1, |data| data)
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types, upcasters = renamed_away)]
enum Renamed {
    Closed,
}

fn renamed_away() -> Upcasters<'static> {
    Upcasters::new().rename("Refunded", "Closed")
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum Gathered {
    #[event(flatten)]
    Payment(Payment),
    #[event(flatten)]
    Renamed(Renamed),
}

#[test]
fn a_type_that_an_upcaster_takes_away_is_found_before_it_is_met() {
    assert_eq!(Decoder::<Payment>::default().unreachable_type(), None);
    assert_eq!(Decoder::<Renamed>::default().unreachable_type(), None);
    assert_eq!(Decoder::<NotRaised>::default().unreachable_type(), Some("Paid"));
    assert_eq!(Decoder::<Gathered>::default().unreachable_type(), Some("Refunded"));
}
