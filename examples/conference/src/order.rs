//! An order: somebody wants seats at a conference.

use engine::{Aggregate, Command, Decide, Event, StreamName, stream::InvalidName};
use serde::{Deserialize, Serialize};

use OrderEvent::{OrderBooked, OrderExpired, OrderPlaced, OrderRejected};
use OrderRejection::{AlreadyPlaced, NoConference, NoSeats, NotBooked, NotPlaced, Settled};

use crate::seats::SeatsAvailability;

/// Asks for seats.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Order, id = id)]
pub struct PlaceOrder {
    /// The order.
    pub id: String,
    /// The conference.
    pub conference: String,
    /// How many seats, above 0.
    pub seats: u32,
}

/// Notes that seats are held for the order and wait for the payment.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Order, id = id)]
pub struct MarkOrderAsBooked {
    /// The order.
    pub id: String,
}

/// Notes that the time to pay for the order is over.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Order, id = id)]
pub struct ExpireOrder {
    /// The order.
    pub id: String,
}

/// Gives the order up.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Order, id = id)]
pub struct RejectOrder {
    /// The order.
    pub id: String,
}

/// A fact about an order.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum OrderEvent {
    /// Somebody asked for seats.
    OrderPlaced {
        /// The conference.
        conference: String,
        /// How many seats.
        seats: u32,
    },
    /// Seats are held for the order.
    OrderBooked,
    /// The time to pay for it is over. What that means depends on whether the payment has come.
    OrderExpired,
    /// The order was given up.
    OrderRejected,
}

/// Why an order refuses. Each message names the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    /// It was placed before.
    #[error("field `id`: order `{0}` was placed already; choose another id")]
    AlreadyPlaced(String),
    /// It was never placed.
    #[error("field `id`: there is no order `{0}`; place it with PlaceOrder")]
    NotPlaced(String),
    /// Nobody holds seats for it yet.
    #[error("field `id`: order `{0}` is not booked yet, so that it cannot expire")]
    NotBooked(String),
    /// It can no longer change.
    #[error("field `id`: order `{0}` was rejected and cannot change any more")]
    Settled(String),
    /// It asks for nothing.
    #[error("field `seats`: must be a whole number above 0")]
    NoSeats,
    /// It names nothing that could be a conference.
    #[error("field `conference`: {0}")]
    NoConference(InvalidName),
}

/// What is known of an order.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// How far it has come.
    pub status: Status,
    /// The conference.
    pub conference: String,
    /// How many seats.
    pub seats: u32,
    /// Whether the time to pay is over.
    pub is_expired: bool,
}

/// How far an order has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was never placed.
    #[default]
    Missing,
    /// It waits for seats.
    Placed,
    /// Seats are held for it.
    Booked,
    /// It was given up.
    Rejected,
}

impl Aggregate for Order {
    const CATEGORY: &'static str = "order";
    type Event = OrderEvent;
    type Rejection = OrderRejection;

    fn evolve(self, event: &OrderEvent) -> Self {
        match event {
            OrderPlaced { conference, seats } => {
                Order { status: Status::Placed, conference: conference.clone(), seats: *seats, ..self }
            }
            OrderBooked => Order { status: Status::Booked, ..self },
            OrderExpired => Order { is_expired: true, ..self },
            OrderRejected => Order { status: Status::Rejected, ..self },
        }
    }
}

impl Decide<PlaceOrder> for Order {
    fn decide(&self, command: &PlaceOrder) -> Result<Vec<OrderEvent>, OrderRejection> {
        match self.status {
            Status::Missing if command.seats == 0 => Err(NoSeats),
            Status::Missing => {
                let PlaceOrder { conference, seats, .. } = command.clone();
                StreamName::of_instance(SeatsAvailability::CATEGORY, &conference).map_err(NoConference)?;
                Ok(vec![OrderPlaced { conference, seats }])
            }
            Status::Placed | Status::Booked | Status::Rejected => Err(AlreadyPlaced(command.id.clone())),
        }
    }
}

impl Decide<MarkOrderAsBooked> for Order {
    fn decide(&self, command: &MarkOrderAsBooked) -> Result<Vec<OrderEvent>, OrderRejection> {
        match self.status {
            Status::Missing => Err(NotPlaced(command.id.clone())),
            Status::Placed => Ok(vec![OrderBooked]),
            Status::Booked => Ok(Vec::new()),
            Status::Rejected => Err(Settled(command.id.clone())),
        }
    }
}

impl Decide<ExpireOrder> for Order {
    fn decide(&self, command: &ExpireOrder) -> Result<Vec<OrderEvent>, OrderRejection> {
        match self.status {
            Status::Missing => Err(NotPlaced(command.id.clone())),
            Status::Placed => Err(NotBooked(command.id.clone())),
            Status::Booked | Status::Rejected if self.is_expired => Ok(Vec::new()),
            // Also where somebody has rejected the order by hand: seats may still be held for it.
            Status::Booked | Status::Rejected => Ok(vec![OrderExpired]),
        }
    }
}

impl Decide<RejectOrder> for Order {
    fn decide(&self, command: &RejectOrder) -> Result<Vec<OrderEvent>, OrderRejection> {
        match self.status {
            Status::Missing => Err(NotPlaced(command.id.clone())),
            Status::Placed | Status::Booked => Ok(vec![OrderRejected]),
            Status::Rejected => Ok(Vec::new()),
        }
    }
}
