//! The registration process, as sentences: every transition, and every message that is none.

use conference::{
    order::{ExpireOrder, MarkOrderAsBooked, OrderEvent::*, RejectOrder},
    payment::PaymentEvent::PaymentReceived,
    registration::{
        RegistrationEvent::{self, Order, Payment, Seats},
        RegistrationProcess, Stage, TIME_TO_PAY,
    },
    seats::{CancelSeatReservation, CommitSeatReservation, MakeSeatReservation, SeatsEvent::*},
};
use engine::{
    Event, Heard, Metadata, Outgoing, Position, Reaction, Revision, Route, StreamName, Timer, Timestamp,
    process_manager::{
        Entrance, Trouble,
        step::{Step, hear},
    },
    testing::{GivenProcess, given_process},
};

fn order() -> String {
    "o1".to_owned()
}

fn conference() -> String {
    "rustfest".to_owned()
}

fn placed() -> RegistrationEvent {
    Order(OrderPlaced { conference: conference(), seats: 2 })
}

fn accepted() -> RegistrationEvent {
    Seats(ReservationAccepted { reservation: order(), seats: 2 })
}

fn rejected() -> RegistrationEvent {
    Seats(ReservationRejected { reservation: order(), seats: 2, available: 1 })
}

fn paid() -> RegistrationEvent {
    Payment(PaymentReceived { order: order(), amount_cents: 500 })
}

fn expired() -> RegistrationEvent {
    Order(OrderExpired)
}

/// Everything that it could hear, each once.
fn everything() -> Vec<RegistrationEvent> {
    let other = || "o2".to_owned();
    vec![
        placed(),
        Order(OrderBooked),
        expired(),
        Order(OrderRejected),
        Seats(SeatsAdded { seats: 1 }),
        accepted(),
        rejected(),
        Seats(ReservationCommitted { reservation: other() }),
        Seats(ReservationCancelled { reservation: other(), seats: 1 }),
        paid(),
    ]
}

/// In the stream of the order, so that it has its id.
fn given(events: impl IntoIterator<Item = RegistrationEvent>) -> GivenProcess<RegistrationProcess> {
    given_process(events).in_stream("order-o1")
}

/// A registration whose order was placed: the id of the order is known from its stream.
fn running(stage: Stage) -> RegistrationProcess {
    RegistrationProcess { stage, order: order(), conference: conference(), seats: 2 }
}

fn heard(state: Option<&RegistrationProcess>, event: &RegistrationEvent) -> Step<RegistrationProcess> {
    let stream = StreamName::new("order-o1").expect("the name of a stream");
    let heard = Heard {
        event,
        id: uuid::Uuid::nil(),
        stream: &stream,
        revision: Revision(0),
        position: Position(7),
        recorded_at: Timestamp::from_micros(0),
        metadata: &Metadata::default(),
    };
    let entrance = if state.is_some() { Entrance::ContinueIfRunning } else { Entrance::Start };
    hear(state, entrance, &heard)
}

/// Expects that a message leads from a state to another, to these commands, and no timer.
#[track_caller]
fn leads(from: Stage, event: &RegistrationEvent, to: Stage, sends: &[Outgoing]) {
    let Step::Taken { reaction, after, ends } = heard(Some(&running(from)), event) else {
        panic!("it is not handled")
    };
    assert_eq!((reaction.commands.as_slice(), reaction.timers.len()), (sends, 0));
    assert_eq!((after, ends), (running(to), to == Stage::Completed));
}

#[test]
fn an_order_that_was_placed_asks_for_its_seats() {
    given([])
        .routes(placed(), Route::Start(order()))
        .when(placed())
        .then(Reaction::send(MakeSeatReservation { id: conference(), reservation: order(), seats: 2 }))
        .state(|process| assert_eq!(*process, running(Stage::AwaitingReservation)))
        .goes_on();
}

#[test]
fn seats_that_are_held_book_the_order_and_give_it_15_minutes_to_pay() {
    assert_eq!(TIME_TO_PAY.as_secs(), 900);
    let Step::Taken { reaction, after, ends } =
        heard(Some(&running(Stage::AwaitingReservation)), &accepted())
    else {
        panic!("it is not handled")
    };
    let timer = Timer::after("expiry", TIME_TO_PAY, ExpireOrder { id: order() });
    assert_eq!(reaction, Reaction::send(MarkOrderAsBooked { id: order() }).and_set_timer(timer));
    assert_eq!((after, ends), (running(Stage::AwaitingPayment), false));
}

#[test]
fn seats_that_are_not_there_reject_the_order() {
    let reject = RejectOrder { id: order() };
    leads(Stage::AwaitingReservation, &rejected(), Stage::Completed, &[reject.into()]);
}

#[test]
fn a_payment_sells_the_seats() {
    let commit = CommitSeatReservation { id: conference(), reservation: order() };
    leads(Stage::AwaitingPayment, &paid(), Stage::Completed, &[commit.into()]);
}

#[test]
fn an_order_that_expires_lets_the_seats_go_and_is_rejected() {
    let cancel = CancelSeatReservation { id: conference(), reservation: order() };
    let reject = RejectOrder { id: order() };
    leads(Stage::AwaitingPayment, &expired(), Stage::Completed, &[cancel.into(), reject.into()]);
}

#[test]
fn anything_else_is_an_invalid_transition_at_which_the_registration_waits() {
    use Stage::{AwaitingPayment, AwaitingReservation, Completed, NotStarted};
    let valid = [
        (NotStarted, "OrderPlaced"),
        (AwaitingReservation, "ReservationAccepted"),
        (AwaitingReservation, "ReservationRejected"),
        (AwaitingPayment, "PaymentReceived"),
        (AwaitingPayment, "OrderExpired"),
    ];
    let mut invalid = 0;
    for stage in [NotStarted, AwaitingReservation, AwaitingPayment, Completed] {
        for event in everything() {
            let name = event.event_type().name;
            let step = heard((stage != NotStarted).then(|| running(stage)).as_ref(), &event);
            if valid.contains(&(stage, name)) {
                assert!(matches!(step, Step::Taken { .. }), "{name} in {stage:?}");
            } else {
                let expected = format!("`registration`: `{name}` is not valid in state {}", stage.name());
                assert_eq!(step, Step::Trouble(Trouble::Park(expected)));
                invalid += 1;
            }
        }
    }
    assert_eq!(invalid, 4 * 10 - valid.len());
}

#[test]
fn each_fact_finds_the_registration_of_its_order_and_others_none() {
    for event in [accepted(), rejected(), paid(), expired()] {
        given([]).routes(event, Route::ContinueIfRunning(order()));
    }
    for event in everything() {
        let is_echo = match &event {
            Order(event) => matches!(event, OrderBooked | OrderRejected),
            Seats(event) => !matches!(event, ReservationAccepted { .. } | ReservationRejected { .. }),
            Payment(_) => false,
        };
        if is_echo {
            given([]).routes(event, Route::Ignore);
        }
    }
}

#[test]
fn a_refused_command_waits_for_an_operator() {
    given([placed(), accepted()])
        .when_rejected(CommitSeatReservation { id: conference(), reservation: order() }, "NoReservation")
        .then_parked("`CommitSeatReservation` for `seats-rustfest` was refused");
}

#[test]
fn the_machine_ends_where_it_is_completed() {
    assert!(Stage::MACHINE.is_end("Completed"));
    assert_eq!(Stage::MACHINE.states.iter().filter(|state| state.transitions.is_empty()).count(), 1);
}
