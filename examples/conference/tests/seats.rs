//! The seats of a conference, as sentences.

use conference::seats::{
    AddSeats, CancelSeatReservation, CommitSeatReservation, MakeSeatReservation, SeatsAvailability,
    SeatsEvent::{self, *},
    SeatsRejection::*,
};
use engine::testing::{assert_pure, given};

fn id() -> String {
    "rustfest".to_owned()
}

fn reserve(reservation: &str, seats: u32) -> MakeSeatReservation {
    MakeSeatReservation { id: id(), reservation: reservation.to_owned(), seats }
}

fn commit(reservation: &str) -> CommitSeatReservation {
    CommitSeatReservation { id: id(), reservation: reservation.to_owned() }
}

fn cancel(reservation: &str) -> CancelSeatReservation {
    CancelSeatReservation { id: id(), reservation: reservation.to_owned() }
}

fn accepted(reservation: &str, seats: u32) -> SeatsEvent {
    ReservationAccepted { reservation: reservation.to_owned(), seats }
}

#[test]
fn a_reservation_holds_seats_while_there_are_enough() {
    given::<SeatsAvailability>([SeatsAdded { seats: 10 }])
        .when(reserve("o1", 10))
        .then([accepted("o1", 10)])
        .state(|seats| assert_eq!(seats.available, 0));
}

#[test]
fn a_reservation_of_more_seats_than_are_left_is_rejected_as_an_event() {
    given::<SeatsAvailability>([SeatsAdded { seats: 10 }, accepted("o1", 8)])
        .when(reserve("o2", 3))
        .then([ReservationRejected { reservation: "o2".into(), seats: 3, available: 2 }])
        .state(|seats| assert_eq!(seats.available, 2));
}

#[test]
fn a_reservation_that_has_its_seats_is_not_made_twice() {
    given::<SeatsAvailability>([SeatsAdded { seats: 10 }, accepted("o1", 8)])
        .when(reserve("o1", 8))
        .then_nothing();
}

#[test]
fn cancelling_gives_the_seats_back() {
    given::<SeatsAvailability>([SeatsAdded { seats: 10 }, accepted("o1", 8)])
        .when(cancel("o1"))
        .then([ReservationCancelled { reservation: "o1".into(), seats: 8 }])
        .state(|seats| assert_eq!(seats.available, 10));
}

#[test]
fn committed_seats_are_gone_for_good() {
    given::<SeatsAvailability>([SeatsAdded { seats: 10 }, accepted("o1", 8)])
        .when(commit("o1"))
        .then([ReservationCommitted { reservation: "o1".into() }])
        .state(|seats| assert_eq!((seats.available, seats.held.len()), (2, 0)));
    given::<SeatsAvailability>([
        SeatsAdded { seats: 10 },
        accepted("o1", 8),
        ReservationCommitted { reservation: "o1".into() },
    ])
    .when(cancel("o1"))
    .then_rejected(NoReservation("o1".into()));
}

#[test]
fn what_was_never_reserved_can_be_neither_committed_nor_cancelled() {
    given::<SeatsAvailability>([]).when(commit("o1")).then_rejected(NoReservation("o1".into()));
    given::<SeatsAvailability>([]).when(cancel("o1")).then_rejected(NoReservation("o1".into()));
}

#[test]
fn seats_are_counted_in_whole_numbers_above_zero_and_below_overflow() {
    given::<SeatsAvailability>([]).when(AddSeats { id: id(), seats: 0 }).then_rejected(NoSeats);
    given::<SeatsAvailability>([]).when(reserve("o1", 0)).then_rejected(NoSeats);
    given::<SeatsAvailability>([SeatsAdded { seats: u32::MAX }])
        .when(AddSeats { id: id(), seats: 1 })
        .then_rejected(TooManySeats);
}

#[test]
fn deciding_is_pure() {
    let past = [SeatsAdded { seats: 10 }, accepted("o1", 8)];
    assert_pure::<SeatsAvailability, _>(&past, &reserve("o2", 2));
    assert_pure::<SeatsAvailability, _>(&past, &commit("o1"));
    assert_pure::<SeatsAvailability, _>(&past, &cancel("o1"));
}
