//! A sender: sends commands, again when it must, by whichever bus, and writes down what it was told.

use std::{sync::Arc, time::Duration};

use engine_runtime::{Receipt, SendError, StateAt};
use engine_types::{CommandId, Revision};
use uuid::Uuid;

use super::{
    purse::{MoveMoney, Purse, TooLittle},
    world::{PURSES, World},
};
use crate::support::events_of;

const COMMANDS: u64 = 6;
const MAX_TRIES: u64 = 5;

/// One command, all that was answered to it, and what its purse was seen to be meanwhile.
#[derive(Debug)]
pub struct Sending {
    pub id: CommandId,
    pub command: MoveMoney,
    pub tries: Vec<Try>,
    pub looks: Vec<Look>,
}

/// A look at a purse, as it was at a revision or is now, with the number of events before and after it.
#[derive(Debug)]
pub struct Look {
    pub before: usize,
    pub after: usize,
    pub at: Option<Revision>,
    pub told: Option<StateAt<Purse>>,
}

/// One try: the number of events in the stream before and after it, and the answer.
#[derive(Debug)]
pub struct Try {
    pub before: usize,
    pub after: usize,
    pub answer: Answer,
}

/// What the sender was told.
#[derive(Debug)]
#[expect(dead_code, reason = "the kinds are for the one who reads a failure")]
pub enum Answer {
    Accepted(Receipt<Purse>),
    Refused(TooLittle),
    /// An error after which nothing was written.
    NotWritten {
        kind: &'static str,
    },
    /// An error after which anything is possible.
    Unknown {
        kind: &'static str,
    },
    /// The sender did not wait for the answer.
    Dropped,
}

/// Sends one command after the other.
pub async fn work(world: Arc<World>, number: u64) -> Vec<Sending> {
    let random = &world.random;
    let mut sendings = Vec::new();
    for index in 0..COMMANDS {
        let id = CommandId(Uuid::from_u64_pair(0xC0 + number, index));
        let amounts = (0..random.below(4)).map(|_| i64::try_from(random.below(30)).unwrap() - 12).collect();
        let command = MoveMoney { id: PURSES[random.index(PURSES.len())].to_owned(), amounts };
        let (mut tries, mut looks) = (Vec::new(), Vec::new());
        for _ in 0..MAX_TRIES {
            if random.percent(30) {
                looks.extend(look(&world, &command).await);
            }
            tries.push(once(&world, id, &command).await);
            let answer = &tries[tries.len() - 1].answer;
            // An answer is asked for again now and then, to see that it is the same.
            if matches!(answer, Answer::Accepted(_) | Answer::Refused(_)) && random.percent(80) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(random.below(40))).await;
        }
        sendings.push(Sending { id, command, tries, looks });
    }
    sendings
}

async fn once(world: &World, id: CommandId, command: &MoveMoney) -> Try {
    let random = &world.random;
    let bus = world.bus().await;
    let before = length(world, command).await;
    let mut sending = bus.send_command(command.clone()).command_id(id);
    if random.percent(50) {
        sending = sending.return_state();
    }
    if random.percent(20)
        && let Some(last) = before.checked_sub(1)
    {
        sending = sending.expect_revision(Revision(last as u64));
    }
    let patience_ms = if random.percent(15) { random.below(30) } else { 1_000 };
    let answer = match tokio::time::timeout(Duration::from_millis(patience_ms), sending).await {
        Err(_) => Answer::Dropped,
        Ok(Ok(receipt)) => Answer::Accepted(receipt),
        Ok(Err(SendError::Rejected(refusal))) => Answer::Refused(refusal),
        Ok(Err(error @ (SendError::Timeout { .. } | SendError::OutcomeUnknown { .. }))) => {
            Answer::Unknown { kind: error.kind() }
        }
        Ok(Err(
            error @ (SendError::Unavailable(_)
            | SendError::Conflict { .. }
            | SendError::TooManyConflicts { .. }),
        )) => Answer::NotWritten { kind: error.kind() },
        Ok(Err(error)) => panic!("{error}"),
    };
    Try { before, after: length(world, command).await, answer }
}

/// Absent when the store could not be read, or the past that was asked for is yet to come.
async fn look(world: &World, command: &MoveMoney) -> Option<Look> {
    let bus = world.bus().await;
    let before = length(world, command).await;
    let at = world.random.percent(50).then(|| Revision(world.random.below(8)));
    let told = bus.state::<Purse>(&command.id, at).await.ok()?;
    Some(Look { before, after: length(world, command).await, at, told })
}

async fn length(world: &World, command: &MoveMoney) -> usize {
    events_of(world.store.healthy(), &format!("purse-{}", command.id)).await.len()
}
