//! The registration process: holds seats for an order, waits for the payment, and lets the seats go where none comes.
//!
//! One instance for each order, of the order's id. It hears the facts of three aggregates as one typed enum; what
//! is valid when is the table below, and `engine map` draws it.

use std::time::Duration;

use engine::{Event, Heard, Machine, ProcessManager, Reaction, Route, Timer, state_machine};
use serde::{Deserialize, Serialize};

use crate::{
    order::{
        ExpireOrder, MarkOrderAsBooked,
        OrderEvent::{self, OrderExpired, OrderPlaced},
        RejectOrder,
    },
    payment::PaymentEvent::{self, PaymentReceived},
    seats::{
        CancelSeatReservation, CommitSeatReservation, MakeSeatReservation,
        SeatsEvent::{self, ReservationAccepted, ReservationRejected},
    },
};
use RegistrationEvent::{Order, Payment, Seats};

/// How long seats are held for an order that is not paid.
pub const TIME_TO_PAY: Duration = Duration::from_secs(15 * 60);

/// What the registration process listens to.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum RegistrationEvent {
    /// The orders.
    #[event(flatten)]
    Order(OrderEvent),
    /// The seats of the conferences.
    #[event(flatten)]
    Seats(SeatsEvent),
    /// The payments.
    #[event(flatten)]
    Payment(PaymentEvent),
}

state_machine! {
    /// How far a registration is.
    #[derive(PartialEq, Eq)]
    pub enum Stage of RegistrationEvent, otherwise Park {
        /// Nobody has placed the order.
        NotStarted { OrderPlaced => AwaitingReservation [MakeSeatReservation] }
        /// Seats are asked for.
        AwaitingReservation {
            ReservationAccepted => AwaitingPayment [MarkOrderAsBooked, ExpireOrder],
            ReservationRejected => Completed [RejectOrder],
        }
        /// Seats are held until the payment comes or the order expires.
        AwaitingPayment {
            PaymentReceived => Completed [CommitSeatReservation],
            OrderExpired => Completed [CancelSeatReservation, RejectOrder],
        }
        /// The seats are sold, or free again.
        Completed {}
    }
}

/// One registration under way.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationProcess {
    /// How far it is.
    pub stage: Stage,
    /// The order, whose id is the reservation's too.
    pub order: String,
    /// The conference.
    pub conference: String,
    /// How many seats.
    pub seats: u32,
}

impl ProcessManager for RegistrationProcess {
    const NAME: &'static str = "registration";
    const MACHINE: Option<&'static Machine> = Some(&Stage::MACHINE);
    type Event = RegistrationEvent;

    fn route(heard: &Heard<'_, RegistrationEvent>) -> Route {
        match heard.event {
            Order(OrderPlaced { .. }) => Route::Start(heard.aggregate_id().to_owned()),
            Order(OrderExpired) => Route::ContinueIfRunning(heard.aggregate_id().to_owned()),
            Seats(ReservationAccepted { reservation, .. } | ReservationRejected { reservation, .. }) => {
                Route::ContinueIfRunning(reservation.clone())
            }
            Payment(PaymentReceived { order, .. }) => Route::ContinueIfRunning(order.clone()),
            // What its own commands lead to, and what does not concern any order.
            Order(_) | Seats(_) => Route::Ignore,
        }
    }

    fn react(&self, heard: &Heard<'_, RegistrationEvent>) -> Reaction {
        let RegistrationProcess { order, conference, .. } = self.clone();
        match heard.event {
            Order(OrderPlaced { conference, seats }) => Reaction::send(MakeSeatReservation {
                id: conference.clone(),
                reservation: heard.aggregate_id().to_owned(),
                seats: *seats,
            }),
            Seats(ReservationAccepted { .. }) => Reaction::send(MarkOrderAsBooked { id: order.clone() })
                .and_set_timer(Timer::after("expiry", TIME_TO_PAY, ExpireOrder { id: order })),
            Seats(ReservationRejected { .. }) => Reaction::send(RejectOrder { id: order }),
            Payment(PaymentReceived { .. }) => {
                Reaction::send(CommitSeatReservation { id: conference, reservation: order })
            }
            Order(OrderExpired) => {
                let cancel = CancelSeatReservation { id: conference, reservation: order.clone() };
                Reaction::send(cancel).and_send(RejectOrder { id: order })
            }
            Order(_) | Seats(_) => Reaction::none(),
        }
    }

    fn evolve(self, heard: &Heard<'_, RegistrationEvent>) -> Self {
        let stage = self.stage.after(heard);
        match heard.event {
            Order(OrderPlaced { conference, seats }) => RegistrationProcess {
                stage,
                order: heard.aggregate_id().to_owned(),
                conference: conference.clone(),
                seats: *seats,
            },
            _ => RegistrationProcess { stage, ..self },
        }
    }

    fn stage(&self) -> Option<&'static str> {
        Some(self.stage.name())
    }
}
