//! The conference from outside: orders that are booked, paid, rejected, expired, and one that an operator looks after.

use serde_json::{Value, json};

use crate::{kit::Engine, processes::until_all_have_ended};

const APP: &[&str] = &["--app", "conference"];

/// With a conference of three seats.
fn with_seats() -> Engine {
    let engine = Engine::new();
    done(&engine, &["send", "AddSeats", "id=rustfest", "seats=3"]);
    engine
}

/// A line that is carried out without a word on stderr; its answers.
fn done(engine: &Engine, line: &[&str]) -> Vec<Value> {
    let ended = engine.call(&[&["--json"], APP, line].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{line:?}: {ended:?}");
    ended.lines()
}

fn place(engine: &Engine, id: &str, seats: u32) {
    let (id, seats) = (format!("id={id}"), format!("seats={seats}"));
    done(engine, &["send", "PlaceOrder", &id, "conference=rustfest", &seats]);
}

fn state(engine: &Engine, category: &str, id: &str) -> Value {
    done(engine, &["show", category, id]).remove(0)["state"].take()
}

#[test]
fn an_order_is_booked_paid_and_completed() {
    let engine = with_seats();
    place(&engine, "o1", 2);
    assert_eq!(state(&engine, "order", "o1")["status"], "booked");
    let timers = done(&engine, &["timers"]);
    let [timer] = timers.as_slice() else { panic!("{timers:?}") };
    assert_eq!(
        (&timer["command"], &timer["target"], &timer["process"], &timer["instance"], &timer["name"]),
        (&json!("ExpireOrder"), &json!("order-o1"), &json!("registration"), &json!("o1"), &json!("expiry"))
    );
    let (waiting, listed) = (
        done(&engine, &["process", "show", "registration", "o1"]).remove(0),
        done(&engine, &["processes", "registration", "--state", "AwaitingPayment"]).remove(0),
    );
    assert_eq!((&waiting["waiting"][0]["due"], &listed["timers"]), (&timer["due"], &json!(1)));

    done(&engine, &["send", "ReceivePayment", "id=p1", "order=o1", "amount_cents=50000"]);
    let seats = state(&engine, "seats", "rustfest");
    assert_eq!((&seats["available"], &seats["committed"]), (&json!(1), &json!({"o1": 2})));
    let shown = done(&engine, &["process", "show", "registration", "o1"]).remove(0);
    assert_eq!((&shown["state"], &shown["stage"]), (&json!("ended"), &json!("Completed")));
    let heard: Vec<_> =
        shown["history"].as_array().unwrap().iter().map(|entry| entry["event"]["type"].clone()).collect();
    assert_eq!(heard, ["OrderPlaced", "ReservationAccepted", "PaymentReceived"]);
    assert_eq!(done(&engine, &["timers"]), [Value::Null; 0], "what is paid does not expire");
    let told = engine.call(&[APP, &["timers"]].concat()).stdout;
    assert_eq!(told, "no command waits for its time\n");
}

#[test]
fn an_order_of_more_seats_than_are_left_is_rejected() {
    let engine = with_seats();
    place(&engine, "o1", 2);
    place(&engine, "o2", 2);
    assert_eq!(state(&engine, "order", "o2")["status"], "rejected");
    assert_eq!(state(&engine, "seats", "rustfest")["available"], 1);
    let listed = done(&engine, &["processes", "--state", "Completed"]);
    assert_eq!(listed.iter().map(|line| &line["id"]).collect::<Vec<_>>(), ["o2"]);
}

#[test]
fn an_order_expires_when_the_store_is_opened_long_after() {
    let engine = with_seats();
    place(&engine, "o1", 2);
    done(&engine, &["export", "events.jsonl"]);
    // Nobody waits for 15 minutes: the same events, written in 2020.
    let file = engine.folder().join("events.jsonl");
    let events = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, events.lines().map(|line| in_2020(line) + "\n").collect::<String>()).unwrap();
    let left = Engine::new();
    done(&left, &["import", file.to_str().unwrap()]);

    until_all_have_ended(&left, APP);
    assert_eq!(state(&left, "order", "o1")["status"], "rejected");
    let seats = state(&left, "seats", "rustfest");
    assert_eq!((&seats["available"], &seats["held"]), (&json!(3), &json!({})));
    let shown = done(&left, &["process", "show", "registration", "o1"]).remove(0);
    let kinds: Vec<_> =
        shown["history"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["handled", "handled", "timer", "handled"], "{shown}");
    assert_eq!(done(&left, &["timers"]), [Value::Null; 0]);
}

/// The same event, but stored at the beginning of 2020, and with what is due 15 minutes later.
fn in_2020(line: &str) -> String {
    const BEGINNING_US: u64 = 1_577_836_800_000_000;
    let mut event: Value = serde_json::from_str(line).unwrap();
    if event["created"].is_string() {
        event["created"] = json!("2020-01-01T00:00:00.000000Z");
    }
    if let Some(recorded) = event.pointer_mut("/data/event/recorded_at_us") {
        *recorded = json!(BEGINNING_US);
    }
    if let Some(due) = event.pointer_mut("/data/decided/timers/0/set/due_us") {
        *due = json!(BEGINNING_US + 15 * 60 * 1_000_000);
    }
    event.to_string()
}

#[test]
fn a_registration_that_cannot_go_on_waits_for_an_operator_who_lets_it_try_again_or_ends_it() {
    let engine = with_seats();
    place(&engine, "o1", 1);
    place(&engine, "o2", 1);
    // Somebody meddles: the seats that were held are let go by hand.
    for order in ["reservation=o1", "reservation=o2"] {
        done(&engine, &["send", "CancelSeatReservation", "id=rustfest", order]);
    }
    for (payment, order) in [("id=p1", "order=o1"), ("id=p2", "order=o2")] {
        let paid =
            engine.call(&[APP, &["send", "ReceivePayment", payment, order, "amount_cents=1"]].concat());
        assert_eq!((paid.code, paid.stdout.lines().count()), (Some(0), 1), "{paid:?}");
        assert!(paid.stderr.contains("do not send it again"), "{paid:?}");
        assert!(paid.stderr.contains("`processes registration --state parked`"), "{paid:?}");
    }
    let parked = done(&engine, &["processes", "registration", "--state", "parked"]);
    assert_eq!(parked.len(), 2);
    let why = parked[0]["error"].as_str().unwrap();
    assert!(why.contains("`CommitSeatReservation` for `seats-rustfest` was refused"), "{why}");

    let again = [APP, &["process", "retry", "registration", "o1"]].concat();
    let (code, refused) = engine.answer(&again);
    assert_eq!((code, &refused["error"]["kind"]), (Some(1), &json!("refused")), "{refused}");
    let told = engine.call(&[APP, &["process", "show", "registration", "o1"]].concat()).stdout;
    assert!(told.contains("parked at PaymentReceived of payment-p1"), "{told}");

    let hold = ["send", "MakeSeatReservation", "id=rustfest", "reservation=o1", "seats=1", "--consistency"];
    done(&engine, &[&hold[..], &["eventual"]].concat());
    let (code, retried) = engine.answer(&again);
    assert_eq!((code, &retried["process"], &retried["id"]), (Some(0), &json!("registration"), &json!("o1")));
    assert_eq!(state(&engine, "seats", "rustfest")["committed"], json!({"o1": 1}));

    let reason = ["--reason", "paid back"];
    done(&engine, &[&["process", "stop", "registration", "o2"], &reason[..]].concat());
    let shown = done(&engine, &["process", "show", "registration", "o2"]).remove(0);
    assert_eq!((&shown["state"], &shown["waiting"]), (&json!("ended"), &json!([])));
    let told = engine.call(&[APP, &["process", "show", "registration", "o2"]].concat()).stdout;
    assert!(told.contains("stopped: paid back"), "{told}");
    assert_eq!(done(&engine, &["processes", "--state", "parked"]), [Value::Null; 0]);
    assert_eq!(done(&engine, &["timers"]), [Value::Null; 0]);
}

#[test]
fn what_cannot_be_ordered_or_paid_names_its_field() {
    let engine = with_seats();
    for (line, kind, field) in [
        (
            &["PlaceOrder", "id=o1", "conference=", "seats=1"][..],
            "rejected",
            "field `conference`: must not be empty",
        ),
        (&["PlaceOrder", "id=o1", "conference=rustfest", "seats=0"], "rejected", "field `seats`"),
        (&["PlaceOrder", "id=o1", "conference=rustfest", "seats=-1"], "invalid", "field `seats`"),
        (
            &["ReceivePayment", "id=p1", "order=a/b", "amount_cents=1"],
            "rejected",
            "field `order`: must not contain '/'",
        ),
        (&["ExpireOrder", "id=nobody"], "rejected", "there is no order `nobody`"),
    ] {
        let (_, answer) = engine.answer(&[APP, &["send"], line].concat());
        assert_eq!(answer["error"]["kind"], kind, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(field), "{answer}");
    }
}

#[test]
fn the_machine_is_drawn_from_the_code() {
    let drawn = Engine::new().call(&[APP, &["map", "registration", "--format", "mermaid"]].concat()).stdout;
    let transitions: Vec<_> = drawn.lines().map(str::trim).filter(|line| line.contains("-->")).collect();
    assert_eq!(
        transitions,
        [
            "[*] --> NotStarted",
            "NotStarted --> AwaitingReservation : OrderPlaced / MakeSeatReservation",
            "AwaitingReservation --> AwaitingPayment : ReservationAccepted / MarkOrderAsBooked, ExpireOrder",
            "AwaitingReservation --> Completed : ReservationRejected / RejectOrder",
            "AwaitingPayment --> Completed : PaymentReceived / CommitSeatReservation",
            "AwaitingPayment --> Completed : OrderExpired / CancelSeatReservation, RejectOrder",
            "Completed --> [*]",
        ]
    );
}
