//! The seats of a conference: how many are left, and for whom the others are held.

use std::collections::BTreeMap;

use engine::{Aggregate, Command, Decide, Event};
use serde::{Deserialize, Serialize};

use SeatsEvent::{
    ReservationAccepted, ReservationCancelled, ReservationCommitted, ReservationRejected, SeatsAdded,
};
use SeatsRejection::{NoReservation, NoSeats, TooManySeats};

/// Adds seats to a conference.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = SeatsAvailability, id = id)]
pub struct AddSeats {
    /// The conference.
    pub id: String,
    /// How many seats, above 0.
    pub seats: u32,
}

/// Asks to hold seats.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = SeatsAvailability, id = id)]
pub struct MakeSeatReservation {
    /// The conference.
    pub id: String,
    /// The reservation: the order that it is made for.
    pub reservation: String,
    /// How many seats, above 0.
    pub seats: u32,
}

/// Gives the held seats away for good.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = SeatsAvailability, id = id)]
pub struct CommitSeatReservation {
    /// The conference.
    pub id: String,
    /// The reservation.
    pub reservation: String,
}

/// Lets the held seats go.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = SeatsAvailability, id = id)]
pub struct CancelSeatReservation {
    /// The conference.
    pub id: String,
    /// The reservation.
    pub reservation: String,
}

/// A fact about the seats of a conference.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum SeatsEvent {
    /// There are more seats.
    SeatsAdded {
        /// How many more.
        seats: u32,
    },
    /// Seats are held.
    ReservationAccepted {
        /// For which reservation.
        reservation: String,
        /// How many.
        seats: u32,
    },
    /// There were not enough seats. Nothing is held.
    ReservationRejected {
        /// Which reservation.
        reservation: String,
        /// How many it asked for.
        seats: u32,
        /// How many were left.
        available: u32,
    },
    /// Held seats were given away for good.
    ReservationCommitted {
        /// Which reservation.
        reservation: String,
    },
    /// Held seats were let go.
    ReservationCancelled {
        /// Which reservation.
        reservation: String,
        /// How many.
        seats: u32,
    },
}

/// Why the seats refuse. Each message names the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeatsRejection {
    /// Nothing is asked for.
    #[error("field `seats`: must be a whole number above 0")]
    NoSeats,
    /// There would be more seats than can be counted.
    #[error("field `seats`: the conference would have more than {} seats", u32::MAX)]
    TooManySeats,
    /// Nothing is held under this name.
    #[error("field `reservation`: no seats are held for `{0}`")]
    NoReservation(String),
}

/// What is known of the seats of a conference.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsAvailability {
    /// All the seats there are.
    pub total: u32,
    /// Seats that nobody has.
    pub available: u32,
    /// Seats that are held, by reservation.
    pub held: BTreeMap<String, u32>,
    /// Reservations whose seats were given away for good.
    pub committed: BTreeMap<String, u32>,
}

impl Aggregate for SeatsAvailability {
    const CATEGORY: &'static str = "seats";
    type Event = SeatsEvent;
    type Rejection = SeatsRejection;

    fn evolve(mut self, event: &SeatsEvent) -> Self {
        match event {
            SeatsAdded { seats } => {
                self.total += seats;
                self.available += seats;
            }
            ReservationAccepted { reservation, seats } => {
                self.available -= seats;
                self.held.insert(reservation.clone(), *seats);
            }
            ReservationRejected { .. } => {}
            ReservationCommitted { reservation } => {
                if let Some(seats) = self.held.remove(reservation) {
                    self.committed.insert(reservation.clone(), seats);
                }
            }
            ReservationCancelled { reservation, seats } => {
                self.held.remove(reservation);
                self.available += seats;
            }
        }
        self
    }
}

impl Decide<AddSeats> for SeatsAvailability {
    fn decide(&self, command: &AddSeats) -> Result<Vec<SeatsEvent>, SeatsRejection> {
        if command.seats == 0 {
            return Err(NoSeats);
        }
        match self.total.checked_add(command.seats) {
            Some(_) => Ok(vec![SeatsAdded { seats: command.seats }]),
            None => Err(TooManySeats),
        }
    }
}

impl Decide<MakeSeatReservation> for SeatsAvailability {
    fn decide(&self, command: &MakeSeatReservation) -> Result<Vec<SeatsEvent>, SeatsRejection> {
        let MakeSeatReservation { reservation, seats, .. } = command;
        let has_seats = self.held.contains_key(reservation) || self.committed.contains_key(reservation);
        match (*seats, self.available) {
            (0, _) => Err(NoSeats),
            _ if has_seats => Ok(Vec::new()),
            (seats, available) if seats > available => {
                Ok(vec![ReservationRejected { reservation: reservation.clone(), seats, available }])
            }
            (seats, _) => Ok(vec![ReservationAccepted { reservation: reservation.clone(), seats }]),
        }
    }
}

impl Decide<CommitSeatReservation> for SeatsAvailability {
    fn decide(&self, command: &CommitSeatReservation) -> Result<Vec<SeatsEvent>, SeatsRejection> {
        let reservation = &command.reservation;
        if self.committed.contains_key(reservation) {
            Ok(Vec::new())
        } else if self.held.contains_key(reservation) {
            Ok(vec![ReservationCommitted { reservation: reservation.clone() }])
        } else {
            Err(NoReservation(reservation.clone()))
        }
    }
}

impl Decide<CancelSeatReservation> for SeatsAvailability {
    fn decide(&self, command: &CancelSeatReservation) -> Result<Vec<SeatsEvent>, SeatsRejection> {
        let reservation = &command.reservation;
        match self.held.get(reservation) {
            Some(seats) => Ok(vec![ReservationCancelled { reservation: reservation.clone(), seats: *seats }]),
            None => Err(NoReservation(reservation.clone())),
        }
    }
}
