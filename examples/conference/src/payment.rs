//! A payment: money has come in for an order.

use engine::{Aggregate, Command, Decide, Event, StreamName, stream::InvalidName};
use serde::{Deserialize, Serialize};

use crate::order::Order;

/// Notes that an order was paid.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Payment, id = id)]
pub struct ReceivePayment {
    /// The payment.
    pub id: String,
    /// The order that it is for.
    pub order: String,
    /// How much, in cents above 0.
    pub amount_cents: u64,
}

/// A fact about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum PaymentEvent {
    /// An order was paid.
    PaymentReceived {
        /// The order.
        order: String,
        /// How much, in cents.
        amount_cents: u64,
    },
}

/// Why a payment refuses. Each message names the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentRejection {
    /// It was received before.
    #[error("field `id`: payment `{0}` was received already; choose another id")]
    ReceivedAlready(String),
    /// It moves nothing.
    #[error("field `amount_cents`: must be a whole number above 0")]
    AmountIsZero,
    /// It names nothing that could be an order.
    #[error("field `order`: {0}")]
    NoOrder(InvalidName),
}

/// What is known of a payment.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The order that it is for, once it was received.
    pub order: Option<String>,
    /// How much, in cents.
    pub amount_cents: u64,
}

impl Aggregate for Payment {
    const CATEGORY: &'static str = "payment";
    type Event = PaymentEvent;
    type Rejection = PaymentRejection;

    fn evolve(self, event: &PaymentEvent) -> Self {
        let PaymentEvent::PaymentReceived { order, amount_cents } = event;
        Payment { order: Some(order.clone()), amount_cents: *amount_cents }
    }
}

impl Decide<ReceivePayment> for Payment {
    fn decide(&self, command: &ReceivePayment) -> Result<Vec<PaymentEvent>, PaymentRejection> {
        let ReceivePayment { id, order, amount_cents } = command;
        if self.order.is_some() {
            return Err(PaymentRejection::ReceivedAlready(id.clone()));
        }
        if *amount_cents == 0 {
            return Err(PaymentRejection::AmountIsZero);
        }
        StreamName::of_instance(Order::CATEGORY, order).map_err(PaymentRejection::NoOrder)?;
        Ok(vec![PaymentEvent::PaymentReceived { order: order.clone(), amount_cents: *amount_cents }])
    }
}
