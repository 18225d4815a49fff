//! Purses: an aggregate whose refusal tells the balance that it was based on.

use engine_macros::{Command, Event};
use engine_types::{Aggregate, Decide, Multi};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
pub enum PurseEvent {
    Moved { amount: i64 },
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    pub balance: i64,
    pub moves: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is only {balance}")]
pub struct TooLittle {
    pub balance: i64,
}

impl Aggregate for Purse {
    const CATEGORY: &'static str = "purse";
    const SNAPSHOT_EVERY: u64 = 4;
    type Event = PurseEvent;
    type Rejection = TooLittle;

    fn evolve(self, event: &PurseEvent) -> Self {
        let PurseEvent::Moved { amount } = event;
        Purse { balance: self.balance + amount, moves: self.moves + 1 }
    }
}

/// Moves money in and out, in steps, none of which may leave less than nothing.
#[derive(Debug, Clone, Command, Serialize, Deserialize)]
#[command(aggregate = Purse, id = id, crate = engine_types)]
pub struct MoveMoney {
    pub id: String,
    pub amounts: Vec<i64>,
}

impl Decide<MoveMoney> for Purse {
    fn decide(&self, command: &MoveMoney) -> Result<Vec<PurseEvent>, TooLittle> {
        Multi::on(self)
            .each(command.amounts.iter().copied(), |purse, amount| {
                if purse.balance + amount < 0 {
                    return Err(TooLittle { balance: self.balance });
                }
                Ok(vec![PurseEvent::Moved { amount }])
            })?
            .done()
    }
}
