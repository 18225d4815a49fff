//! A bank in small: accounts, transfers, and a process that moves the money, with a timer that gives up.

use std::time::Duration;

use engine_macros::{Command, Event};
use engine_runtime::{App, ProcessOptions, listen::ErrorPolicy};
use engine_types::{
    Aggregate, Decide, Heard, ProcessManager, Reaction, Rejected, Route, process_manager::Timer,
};
use serde::{Deserialize, Serialize};

use super::witness::{self, Witness};

/// How much is given at a time.
pub const GIFT: u64 = 1_000;

/// How long a transfer may wait for its signature.
pub const SIGNATURE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
pub enum PotEvent {
    PaidIn {
        amount: u64,
    },
    PaidOut {
        amount: u64,
    },
    Declined,
    /// Somebody gives a pot something, at a time.
    Given,
    PotClosed,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pot {
    pub balance: u64,
    pub is_closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PotRejection {
    #[error("the pot is closed")]
    IsClosed,
}

impl Aggregate for Pot {
    const CATEGORY: &'static str = "pot";
    type Event = PotEvent;
    type Rejection = PotRejection;

    fn evolve(self, event: &PotEvent) -> Self {
        match event {
            PotEvent::PaidIn { amount } => Pot { balance: self.balance + amount, ..self },
            PotEvent::PaidOut { amount } => Pot { balance: self.balance - amount, ..self },
            PotEvent::Given => Pot { balance: self.balance + GIFT, ..self },
            PotEvent::Declined => self,
            PotEvent::PotClosed => Pot { is_closed: true, ..self },
        }
    }
}

macro_rules! commands {
    ($($aggregate:ident: $name:ident { $($field:ident: $kind:ty),* })*) => {$(
        #[derive(Debug, Clone, Serialize, Deserialize, Command)]
        #[command(aggregate = $aggregate, id = id, crate = engine_types)]
        pub struct $name {
            pub id: String,
            $(pub $field: $kind,)*
        }
    )*};
}

commands! {
    Pot: PayIn { amount: u64 }
    Pot: PayOut { amount: u64 }
    Pot: PayBack { amount: u64 }
    Pot: ClosePot {}
    Pot: Give {}
    Order: Ask { from: String, to: String, amount: u64 }
    Order: Sign {}
    Order: Expire {}
    Order: Settle { failed: bool }
}

impl Decide<PayIn> for Pot {
    fn decide(&self, command: &PayIn) -> Result<Vec<PotEvent>, PotRejection> {
        if self.is_closed {
            return Err(PotRejection::IsClosed);
        }
        Ok(vec![PotEvent::PaidIn { amount: command.amount }])
    }
}

impl Decide<PayBack> for Pot {
    fn decide(&self, command: &PayBack) -> Result<Vec<PotEvent>, PotRejection> {
        Ok(vec![PotEvent::PaidIn { amount: command.amount }])
    }
}

impl Decide<PayOut> for Pot {
    fn decide(&self, command: &PayOut) -> Result<Vec<PotEvent>, PotRejection> {
        Ok(vec![match self.balance.checked_sub(command.amount) {
            Some(_) => PotEvent::PaidOut { amount: command.amount },
            None => PotEvent::Declined,
        }])
    }
}

impl Decide<Give> for Pot {
    fn decide(&self, _: &Give) -> Result<Vec<PotEvent>, PotRejection> {
        Ok(vec![PotEvent::Given])
    }
}

impl Decide<ClosePot> for Pot {
    fn decide(&self, _: &ClosePot) -> Result<Vec<PotEvent>, PotRejection> {
        Ok(if self.is_closed { vec![] } else { vec![PotEvent::PotClosed] })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
#[expect(clippy::enum_variant_names, reason = "events say whose they are")]
pub enum OrderEvent {
    OrderAsked { from: String, to: String, amount: u64 },
    OrderSigned,
    OrderExpired,
    OrderCompleted,
    OrderFailed,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub asked: bool,
    pub signed: bool,
    pub ended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be {0} any more")]
pub struct Over(&'static str);

impl Aggregate for Order {
    const CATEGORY: &'static str = "order";
    type Event = OrderEvent;
    type Rejection = Over;

    fn evolve(self, event: &OrderEvent) -> Self {
        match event {
            OrderEvent::OrderAsked { .. } => Order { asked: true, ..self },
            OrderEvent::OrderSigned => Order { signed: true, ..self },
            OrderEvent::OrderExpired | OrderEvent::OrderCompleted | OrderEvent::OrderFailed => {
                Order { ended: true, ..self }
            }
        }
    }
}

impl Decide<Ask> for Order {
    fn decide(&self, command: &Ask) -> Result<Vec<OrderEvent>, Over> {
        let Ask { from, to, amount, .. } = command.clone();
        if self.asked { Err(Over("asked")) } else { Ok(vec![OrderEvent::OrderAsked { from, to, amount }]) }
    }
}

impl Decide<Sign> for Order {
    fn decide(&self, _: &Sign) -> Result<Vec<OrderEvent>, Over> {
        if self.ended || self.signed || !self.asked {
            Err(Over("signed"))
        } else {
            Ok(vec![OrderEvent::OrderSigned])
        }
    }
}

impl Decide<Expire> for Order {
    fn decide(&self, _: &Expire) -> Result<Vec<OrderEvent>, Over> {
        if self.ended || self.signed { Err(Over("expired")) } else { Ok(vec![OrderEvent::OrderExpired]) }
    }
}

impl Decide<Settle> for Order {
    fn decide(&self, command: &Settle) -> Result<Vec<OrderEvent>, Over> {
        match (self.ended, command.failed) {
            (true, _) => Err(Over("settled")),
            (false, true) => Ok(vec![OrderEvent::OrderFailed]),
            (false, false) => Ok(vec![OrderEvent::OrderCompleted]),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
pub enum MoverEvent {
    #[event(flatten)]
    Pot(PotEvent),
    #[event(flatten)]
    Order(OrderEvent),
}

/// Moves the money of one order, once it is signed.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mover {
    pub id: String,
    pub from: String,
    pub to: String,
    pub amount: u64,
    pub is_out: bool,
    pub goes_back: bool,
}

impl ProcessManager for Mover {
    const NAME: &'static str = "mover";
    const SNAPSHOT_EVERY: u64 = 2;
    type Event = MoverEvent;

    fn route(heard: &Heard<'_, MoverEvent>) -> Route {
        let order = || heard.aggregate_id().to_owned();
        match heard.event {
            MoverEvent::Order(OrderEvent::OrderAsked { .. }) => Route::Start(order()),
            MoverEvent::Order(OrderEvent::OrderSigned) => Route::Continue(order()),
            MoverEvent::Order(_) => Route::Stop(order()),
            MoverEvent::Pot(_) => Route::back_to(heard.answers::<Self>()),
        }
    }

    fn react(&self, heard: &Heard<'_, MoverEvent>) -> Reaction {
        let Mover { id, from, to, amount, .. } = self.clone();
        match heard.event {
            MoverEvent::Order(OrderEvent::OrderAsked { .. }) => {
                let expire = Expire { id: heard.aggregate_id().to_owned() };
                Reaction::set_timer(Timer::after("signature", SIGNATURE, expire))
            }
            MoverEvent::Order(OrderEvent::OrderSigned) => {
                Reaction::send(PayOut { id: from, amount }).and_cancel_timer("signature")
            }
            MoverEvent::Pot(PotEvent::PaidOut { .. }) => Reaction::send(PayIn { id: to, amount }),
            MoverEvent::Pot(PotEvent::PaidIn { .. }) => Reaction::send(Settle { id, failed: self.goes_back }),
            MoverEvent::Pot(PotEvent::Declined) => Reaction::send(Settle { id, failed: true }),
            _ => Reaction::none(),
        }
    }

    fn evolve(self, heard: &Heard<'_, MoverEvent>) -> Self {
        match heard.event {
            MoverEvent::Order(OrderEvent::OrderAsked { from, to, amount }) => Mover {
                id: heard.aggregate_id().to_owned(),
                from: from.clone(),
                to: to.clone(),
                amount: *amount,
                ..self
            },
            MoverEvent::Pot(PotEvent::PaidOut { .. }) => Mover { is_out: true, ..self },
            _ => self,
        }
    }

    fn on_rejected(&self, rejected: &Rejected) -> Reaction {
        if rejected.is::<PayIn>() {
            Reaction::send(PayBack { id: self.from.clone(), amount: self.amount })
        } else if rejected.is::<Expire>() {
            // It was signed in the same moment.
            Reaction::none()
        } else {
            rejected.park()
        }
    }

    fn evolve_rejected(self, rejected: &Rejected) -> Self {
        if rejected.is::<PayIn>() { Mover { goes_back: true, ..self } } else { self }
    }
}

pub fn app(partitions: usize) -> App {
    let options = ProcessOptions { partitions, at_once: 3, cached_instances: 4, ..ProcessOptions::default() };
    App::new("bank")
        .command::<PayIn>()
        .command::<PayOut>()
        .command::<PayBack>()
        .command::<ClosePot>()
        .command::<Give>()
        .command::<Ask>()
        .command::<Sign>()
        .command::<Expire>()
        .command::<Settle>()
        .process::<Mover>(options)
        .process::<Witness>(witness::options(partitions))
        .on_handler_error(ErrorPolicy { retries: 1, ..ErrorPolicy::default() })
}
