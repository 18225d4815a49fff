//! Orders and payments, as sentences.

use conference::{
    order::{ExpireOrder, MarkOrderAsBooked, Order, OrderEvent::*, OrderRejection, PlaceOrder, RejectOrder},
    payment::{Payment, PaymentEvent::PaymentReceived, PaymentRejection, ReceivePayment},
};
use engine::{stream::InvalidName, testing::given};

fn id() -> String {
    "o1".to_owned()
}

fn placed() -> conference::order::OrderEvent {
    OrderPlaced { conference: "rustfest".into(), seats: 2 }
}

fn place(seats: u32) -> PlaceOrder {
    PlaceOrder { id: id(), conference: "rustfest".into(), seats }
}

#[test]
fn an_order_is_placed_once() {
    given::<Order>([]).when(place(2)).then([placed()]);
    given::<Order>([placed()]).when(place(2)).then_rejected(OrderRejection::AlreadyPlaced(id()));
}

#[test]
fn an_order_of_no_seats_is_refused() {
    given::<Order>([]).when(place(0)).then_rejected(OrderRejection::NoSeats);
}

#[test]
fn an_order_is_booked_or_rejected_once_and_repetitions_change_nothing() {
    given::<Order>([placed()]).when(MarkOrderAsBooked { id: id() }).then([OrderBooked]);
    given::<Order>([placed(), OrderBooked]).when(MarkOrderAsBooked { id: id() }).then_nothing();
    given::<Order>([placed(), OrderBooked]).when(RejectOrder { id: id() }).then([OrderRejected]);
    given::<Order>([placed(), OrderRejected]).when(RejectOrder { id: id() }).then_nothing();
}

#[test]
fn a_rejected_order_cannot_be_booked() {
    given::<Order>([placed(), OrderRejected])
        .when(MarkOrderAsBooked { id: id() })
        .then_rejected(OrderRejection::Settled(id()));
}

#[test]
fn an_order_that_was_never_placed_can_be_neither_booked_nor_rejected() {
    given::<Order>([]).when(MarkOrderAsBooked { id: id() }).then_rejected(OrderRejection::NotPlaced(id()));
    given::<Order>([]).when(RejectOrder { id: id() }).then_rejected(OrderRejection::NotPlaced(id()));
}

#[test]
fn an_order_is_for_something_that_can_be_a_conference() {
    let place = |conference: &str| PlaceOrder { conference: conference.to_owned(), ..place(2) };
    for (conference, fault) in [("", InvalidName::Empty), ("rust/fest", InvalidName::Character('/'))] {
        given::<Order>([]).when(place(conference)).then_rejected(OrderRejection::NoConference(fault));
    }
}

#[test]
fn an_order_expires_once_and_only_after_seats_were_held_for_it() {
    let expire = || ExpireOrder { id: id() };
    given::<Order>([]).when(expire()).then_rejected(OrderRejection::NotPlaced(id()));
    given::<Order>([placed()]).when(expire()).then_rejected(OrderRejection::NotBooked(id()));
    given::<Order>([placed(), OrderBooked]).when(expire()).then([OrderExpired]);
    given::<Order>([placed(), OrderBooked, OrderExpired]).when(expire()).then_nothing();
    given::<Order>([placed(), OrderBooked, OrderExpired])
        .when(RejectOrder { id: id() })
        .then([OrderRejected]);
}

#[test]
fn an_order_that_was_rejected_by_hand_still_expires_so_that_its_seats_come_free() {
    given::<Order>([placed(), OrderBooked, OrderRejected])
        .when(ExpireOrder { id: id() })
        .then([OrderExpired]);
}

#[test]
fn a_payment_is_for_something_that_can_be_an_order() {
    let pay = ReceivePayment { id: "p1".into(), order: "a b".into(), amount_cents: 500 };
    let fault = InvalidName::Character(' ');
    given::<Payment>([]).when(pay).then_rejected(PaymentRejection::NoOrder(fault));
}

#[test]
fn a_payment_is_received_once_and_is_more_than_nothing() {
    let pay = |amount_cents| ReceivePayment { id: "p1".into(), order: id(), amount_cents };
    let received = || PaymentReceived { order: id(), amount_cents: 500 };
    given::<Payment>([]).when(pay(500)).then([received()]);
    given::<Payment>([received()])
        .when(pay(500))
        .then_rejected(PaymentRejection::ReceivedAlready("p1".into()));
    given::<Payment>([]).when(pay(0)).then_rejected(PaymentRejection::AmountIsZero);
}
