//! `assert_pure` lets pure functions pass and catches the others.

#![allow(missing_docs)]

mod bank;

use std::sync::atomic::{AtomicU64, Ordering};

use bank::{Account, deposit, deposited, withdraw};
use engine_macros::{Command, Event};
use engine_types::{Aggregate, Decide, testing::assert_pure};
use serde::{Deserialize, Serialize};

#[test]
fn pure_functions_pass_whether_they_accept_or_refuse() {
    assert_pure::<Account, _>(&[], &deposit(5));
    assert_pure::<Account, _>(&[deposited(5)], &withdraw(5));
    assert_pure::<Account, _>(&[deposited(5)], &withdraw(6));
}

static TICKETS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum QueueEvent {
    Joined { ticket: u64 },
}

#[derive(Debug, thiserror::Error)]
#[error("refused for the {0}th time")]
struct Refused(u64);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Queue {
    waiting: u64,
    asked: AtomicU64,
}

impl Clone for Queue {
    fn clone(&self) -> Self {
        Queue { waiting: self.waiting, asked: AtomicU64::new(self.asked.load(Ordering::SeqCst)) }
    }
}

impl Aggregate for Queue {
    const CATEGORY: &'static str = "queue";
    type Event = QueueEvent;
    type Rejection = Refused;

    fn evolve(self, _: &QueueEvent) -> Self {
        Queue { waiting: self.waiting + 1, ..self }
    }
}

macro_rules! command {
    ($name:ident, |$queue:ident| $decide:expr) => {
        #[derive(Debug, Command, Serialize, Deserialize)]
        #[command(aggregate = Queue, id = id, crate = engine_types)]
        struct $name {
            id: String,
        }

        impl Decide<$name> for Queue {
            fn decide(&self, _: &$name) -> Result<Vec<QueueEvent>, Refused> {
                let $queue = self;
                $decide
            }
        }
    };
}

command!(JoinWithTicket, |_queue| Ok(vec![QueueEvent::Joined {
    ticket: TICKETS.fetch_add(1, Ordering::SeqCst)
}]));
command!(RefuseAndCount, |_queue| Err(Refused(TICKETS.fetch_add(1, Ordering::SeqCst))));
command!(CountTheAsking, |queue| {
    queue.asked.fetch_add(1, Ordering::SeqCst);
    Ok(Vec::new())
});
command!(JoinByThread, |_queue| {
    let ticket = u64::from(std::thread::current().name().is_some());
    Ok(vec![QueueEvent::Joined { ticket }])
});

#[test]
#[should_panic(expected = "answered the same state and command in two ways")]
fn a_counter_in_a_static_is_caught() {
    assert_pure::<Queue, _>(&[], &JoinWithTicket { id: "a".into() });
}

#[test]
#[should_panic(expected = "answered the same state and command in two ways")]
fn a_refusal_that_changes_is_caught() {
    assert_pure::<Queue, _>(&[], &RefuseAndCount { id: "a".into() });
}

#[test]
#[should_panic(expected = "`decide` changed the state it was given")]
fn a_decision_that_changes_its_state_is_caught() {
    assert_pure::<Queue, _>(&[], &CountTheAsking { id: "a".into() });
}

#[test]
#[should_panic(expected = "a call in another thread gave another result")]
fn an_answer_that_depends_on_the_thread_is_caught() {
    assert_pure::<Queue, _>(&[], &JoinByThread { id: "a".into() });
}
