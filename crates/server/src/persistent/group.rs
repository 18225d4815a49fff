//! The state of a group: what waits, who holds what, and what is to be done next. Pure: the time is handed in.

use std::collections::{HashMap, VecDeque};

use engine_store::RecordedEvent;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Settings,
    ledger::Ledger,
    strategy::{Consumer, choose},
};

/// An event on its way to a consumer.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// As it stands in the source: where that is a link, the link.
    pub(super) event: RecordedEvent,
    /// How often it was delivered before.
    pub(super) retries: u32,
    pub(super) origin: Origin,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This place of the source.
    Source(u64),
    /// This revision of the stream of parked events.
    Parked(u64),
}

/// What a consumer says that could not handle an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Park,
    Retry,
    Skip,
    /// Nothing is done about it: the event is delivered again when its time is over.
    Stop,
}

/// An event that is to be parked, and why.
#[derive(Debug)]
pub(super) struct ToPark {
    pub(super) message: Message,
    pub(super) reason: String,
}

struct Held {
    consumer: u64,
    message: Message,
    until: Option<Instant>,
}

/// See the module.
pub(super) struct Group {
    pub(super) settings: Settings,
    consumers: Vec<Consumer>,
    turn: usize,
    again: VecDeque<Message>,
    waiting: VecDeque<Message>,
    held: HashMap<Uuid, Held>,
    pub(super) source: Ledger,
    pub(super) parked: Ledger,
    next_consumer: u64,
    /// How many events were done.
    pub(super) done: u64,
}

impl Group {
    pub(super) fn new(settings: Settings, reached: Option<u64>) -> Self {
        Group {
            settings,
            consumers: Vec::new(),
            turn: 0,
            again: VecDeque::new(),
            waiting: VecDeque::new(),
            held: HashMap::new(),
            source: Ledger::after(reached),
            parked: Ledger::default(),
            next_consumer: 0,
            done: 0,
        }
    }

    /// Whether there is room for another event of the source.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.settings.history_buffer_size.max(self.settings.live_buffer_size) as usize
    }

    pub(super) fn arrived(&mut self, event: RecordedEvent, place: u64) {
        self.source.open(place);
        self.waiting.push_back(Message { event, retries: 0, origin: Origin::Source(place) });
    }

    /// A parked event comes back.
    pub(super) fn replayed(&mut self, event: RecordedEvent, parked: u64) {
        self.parked.open(parked);
        self.again.push_back(Message { event, retries: 0, origin: Origin::Parked(parked) });
    }

    pub(super) fn is_full(&self) -> bool {
        let most = self.settings.max_subscriber_count as usize;
        most > 0 && self.consumers.len() >= most
    }

    /// A consumer comes, which holds at most so many events.
    pub(super) fn join(&mut self, room: usize) -> u64 {
        let id = self.next_consumer;
        self.next_consumer += 1;
        self.consumers.push(Consumer { id, room: room.max(1), held: 0 });
        id
    }

    /// A consumer goes: what it held is delivered again.
    pub(super) fn leave(&mut self, id: u64) -> Vec<ToPark> {
        self.consumers.retain(|consumer| consumer.id != id);
        let mut ids: Vec<_> = self
            .held
            .iter()
            .filter(|(_, held)| held.consumer == id)
            .map(|(id, held)| (place(held), *id))
            .collect();
        ids.sort_unstable();
        let held: Vec<_> = ids.into_iter().filter_map(|(_, id)| self.held.remove(&id)).collect();
        self.try_again(held, "the consumer was gone")
    }

    /// Hands out what there is room for.
    pub(super) fn deliver(&mut self, now: Instant) -> Vec<(u64, Message)> {
        let mut delivered = Vec::new();
        for first in [true, false] {
            let mut index = 0;
            while self.consumers.iter().any(|consumer| consumer.held < consumer.room) {
                let queue = if first { &mut self.again } else { &mut self.waiting };
                let Some(message) = queue.get(index) else { break };
                let id = message.event.id;
                let chosen = choose(self.settings.strategy, &self.consumers, self.turn, &message.event);
                // The same id twice would be answered as one.
                let Some(chosen) = chosen.filter(|_| !self.held.contains_key(&id)) else {
                    index += 1;
                    continue;
                };
                let Some(message) = queue.remove(index) else { break };
                self.turn = chosen + 1;
                let consumer = &mut self.consumers[chosen];
                consumer.held += 1;
                let until = self.settings.message_timeout().map(|timeout| now + timeout);
                self.held.insert(id, Held { consumer: consumer.id, message: message.clone(), until });
                delivered.push((consumer.id, message));
            }
        }
        delivered
    }

    /// Events were handled.
    pub(super) fn ack(&mut self, consumer: u64, ids: &[Uuid]) {
        for held in self.take(consumer, ids) {
            self.finish(held.message.origin);
        }
    }

    /// Events were not handled. Gives those that are to be parked.
    pub(super) fn nack(
        &mut self,
        consumer: u64,
        ids: &[Uuid],
        verdict: Verdict,
        reason: &str,
    ) -> Vec<ToPark> {
        match verdict {
            Verdict::Stop => Vec::new(),
            Verdict::Skip => {
                self.ack(consumer, ids);
                Vec::new()
            }
            Verdict::Retry => {
                let held = self.take(consumer, ids);
                self.try_again(held, reason)
            }
            Verdict::Park => {
                let to_park = |held: Held| ToPark { message: held.message, reason: reason.to_owned() };
                self.take(consumer, ids).into_iter().map(to_park).collect()
            }
        }
    }

    /// Takes back what was held for too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<ToPark> {
        let late = |held: &Held| held.until.is_some_and(|until| until <= now);
        let mut ids: Vec<_> =
            self.held.iter().filter(|(_, held)| late(held)).map(|(id, held)| (place(held), *id)).collect();
        ids.sort_unstable();
        let held: Vec<_> = ids.into_iter().filter_map(|(_, id)| self.give_back(id)).collect();
        self.try_again(held, "it was not answered in time")
    }

    /// When the next event is held for too long.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.held.values().filter_map(|held| held.until).min()
    }

    /// An event needs nothing more.
    pub(super) fn finish(&mut self, origin: Origin) {
        self.done += 1;
        match origin {
            Origin::Source(place) => self.source.done(place),
            Origin::Parked(revision) => self.parked.done(revision),
        }
    }

    fn take(&mut self, consumer: u64, ids: &[Uuid]) -> Vec<Held> {
        let mine = |group: &Self, id: &Uuid| group.held.get(id).is_some_and(|held| held.consumer == consumer);
        ids.iter().filter_map(|id| if mine(self, id) { self.give_back(*id) } else { None }).collect()
    }

    fn give_back(&mut self, id: Uuid) -> Option<Held> {
        let held = self.held.remove(&id)?;
        if let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.id == held.consumer) {
            consumer.held -= 1;
        }
        Some(held)
    }

    /// Puts events before all others, in order; those that were tried too often are to be parked.
    fn try_again(&mut self, held: Vec<Held>, reason: &str) -> Vec<ToPark> {
        let most = self.settings.max_retry_count;
        let (again, too_often): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|held| held.message.retries < most);
        for held in again.into_iter().rev() {
            self.again.push_front(Message { retries: held.message.retries + 1, ..held.message });
        }
        let reached = |held: Held| {
            let reason = format!("Reached retry count of {most}: {reason}");
            ToPark { message: held.message, reason }
        };
        too_often.into_iter().map(reached).collect()
    }

    /// How many events wait to be delivered for the first time, and again, and are held.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.waiting.len(), self.again.len(), self.held.len())
    }

    /// How many more events a consumer has room for, and how many it holds.
    pub(super) fn slots(&self, id: u64) -> (usize, usize) {
        let consumer = self.consumers.iter().find(|consumer| consumer.id == id);
        consumer.map_or((0, 0), |consumer| (consumer.room.saturating_sub(consumer.held), consumer.held))
    }
}

/// The order in which events are delivered again.
fn place(held: &Held) -> (bool, u64) {
    match held.message.origin {
        Origin::Source(place) => (true, place),
        Origin::Parked(revision) => (false, revision),
    }
}

#[cfg(test)]
mod tests;
