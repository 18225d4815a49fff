//! The conference: orders, the seats there are, payments, and the process that brings them together. Pure functions
//! only; the engine does the rest.

pub mod order;
pub mod payment;
pub mod registration;
pub mod seats;

use engine::{App, ProcessOptions};

/// The conference, ready to be started over a store.
pub fn app() -> App {
    App::new("conference")
        .command::<order::PlaceOrder>()
        .command::<order::MarkOrderAsBooked>()
        .command::<order::ExpireOrder>()
        .command::<order::RejectOrder>()
        .command::<seats::AddSeats>()
        .command::<seats::MakeSeatReservation>()
        .command::<seats::CommitSeatReservation>()
        .command::<seats::CancelSeatReservation>()
        .command::<payment::ReceivePayment>()
        .process::<registration::RegistrationProcess>(ProcessOptions::default())
}
