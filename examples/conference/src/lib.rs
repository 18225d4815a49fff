//! The conference: orders, the seats there are, and payments. Pure functions only; the engine does the rest.

pub mod order;
pub mod payment;
pub mod seats;

use engine::App;

/// The conference, ready to be started over a store.
pub fn app() -> App {
    App::new("conference")
        .command::<order::PlaceOrder>()
        .command::<order::MarkOrderAsBooked>()
        .command::<order::RejectOrder>()
        .command::<seats::AddSeats>()
        .command::<seats::MakeSeatReservation>()
        .command::<seats::CommitSeatReservation>()
        .command::<seats::CancelSeatReservation>()
        .command::<payment::ReceivePayment>()
}
