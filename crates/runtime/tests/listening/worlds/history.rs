//! What has happened in a world, and whether it may have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use engine_store::{DocumentKey, EventStore, memory::MemoryStore};
use futures_util::FutureExt;
use parking_lot::Mutex;
use serde_json::Value;

use super::handler::Fate;

/// A process and how often its handler had begun.
pub type Session = (u64, u64);

/// Cheap to clone; clones are the same history.
#[derive(Clone)]
pub struct History(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// By position.
    events: Vec<Event>,
    /// Positions that were handled, skipped or discarded at least once since the last reset before them.
    done: BTreeSet<u64>,
    /// How often each was handled.
    handled: BTreeMap<u64, u32>,
    /// How often each was handed out and failed.
    failures: BTreeMap<u64, u32>,
    /// The last event of a key that was handled in a session.
    last: BTreeMap<(Session, String), u64>,
    is_mended: bool,
    trace: Vec<String>,
    broken: Vec<String>,
}

struct Event {
    key: String,
    fate: Fate,
}

impl History {
    pub fn new() -> Self {
        History(Arc::default())
    }

    pub fn append(&self, key: &str, fate: Fate) {
        self.0.lock().events.push(Event { key: key.to_owned(), fate });
    }

    /// How many events there are.
    pub fn len(&self) -> u64 {
        self.0.lock().events.len() as u64
    }

    pub fn note(&self, what: String) {
        self.0.lock().trace.push(what);
    }

    /// From now on every event is handled well.
    pub fn mend(&self) {
        self.0.lock().is_mended = true;
    }

    /// What happens to an event this time, and how often it has failed.
    pub fn fate(&self, position: u64) -> (Fate, u32) {
        let inner = self.0.lock();
        let fate = if inner.is_mended { Fate::Well } else { inner.events[index(position)].fate.clone() };
        (fate, inner.failures.get(&position).copied().unwrap_or(0))
    }

    pub fn fail(&self, position: u64, how: &str) {
        let mut inner = self.0.lock();
        *inner.failures.entry(position).or_default() += 1;
        inner.trace.push(format!("{position} {how}"));
    }

    /// An event was left unhandled on purpose.
    pub fn skip(&self, position: u64) {
        let mut inner = self.0.lock();
        inner.done.insert(position);
        inner.trace.push(format!("{position} skipped"));
    }

    /// Those of a key from here on, as many as are there, may be left unhandled.
    pub fn excuse(&self, key: &str, from: u64, only_first: bool) {
        let mut inner = self.0.lock();
        let of_key = (from..inner.events.len() as u64).filter(|at| inner.events[index(*at)].key == key);
        let excused: Vec<_> = of_key.take(if only_first { 1 } else { usize::MAX }).collect();
        inner.done.extend(excused);
    }

    pub fn handle(&self, session: Session, position: u64) {
        let inner = &mut *self.0.lock();
        let key = &inner.events[index(position)].key;
        inner.trace.push(format!("{session:?} {key} {position} handled"));
        let before = (0..position).filter(|at| &inner.events[index(*at)].key == key);
        let skipped: Vec<_> = before.filter(|at| !inner.done.contains(at)).collect();
        if !skipped.is_empty() {
            inner.broken.push(format!("{position} of {key} was handled before {skipped:?}"));
        }
        let last = inner.last.insert((session, key.clone()), position);
        if last >= Some(position) {
            inner.broken.push(format!("{position} of {key} was handled after {last:?} in one session"));
        }
        inner.done.insert(position);
        *inner.handled.entry(position).or_default() += 1;
    }

    /// The handler is about to be reset: what stands behind the position is to be handled again, what stands
    /// before it no more.
    pub fn reset(&self, store: &MemoryStore) {
        let orders = document(store, &DocumentKey::new("handler/sim/orders").unwrap());
        let after = &orders["reset"].as_object().expect("a reset is noted before it begins")["after"];
        let next = after.as_u64().map_or(0, |after| after + 1);
        let mut inner = self.0.lock();
        inner.done.retain(|position| *position < next);
        inner.done.extend(0..next);
        inner.trace.push(format!("reset to {next}"));
    }

    /// A checkpoint was stored: everything of its partition up to there must be done with, or parked.
    pub fn checkpoint(&self, document: &str, content: &[u8], store: &MemoryStore) {
        let content: Value = serde_json::from_slice(content).unwrap();
        let Some(position) = content["position"].as_u64() else { return };
        let parked = parked_in(store);
        let inner = &mut *self.0.lock();
        let (number, count) = document.split_once("-of-").unwrap();
        for (event, at) in inner.events.iter().zip(0..=position) {
            let is_in = partition_of(&event.key, count.parse().unwrap()) == number.parse::<u64>().unwrap();
            let is_parked = || parked.get(&event.key).is_some_and(|from| *from <= at);
            if is_in && !inner.done.contains(&at) && !is_parked() {
                inner.broken.push(format!("checkpoint {document} at {position} has passed {at}"));
            }
        }
    }

    /// How often was handled what was handled most often.
    pub fn most_often(&self) -> u32 {
        self.0.lock().handled.values().copied().max().unwrap_or(0)
    }

    /// Checks that nothing was left out, and answers what happened.
    pub fn end(&self) -> Vec<String> {
        let inner = self.0.lock();
        let tail = || inner.trace.join("\n");
        assert!(inner.broken.is_empty(), "{}\n{}", tail(), inner.broken.join("\n"));
        let missing: Vec<_> = (0..inner.events.len() as u64).filter(|at| !inner.done.contains(at)).collect();
        assert!(missing.is_empty(), "{}\nnever handled: {missing:?}", tail());
        inner.trace.clone()
    }
}

const AT_ONCE: &str = "the in-memory store answers at once";

fn document(store: &MemoryStore, key: &DocumentKey) -> Value {
    let document = store.load_document(key).now_or_never().expect(AT_ONCE).unwrap().unwrap();
    serde_json::from_slice(&document.content).unwrap()
}

/// The keys that are parked in the store, and from where on.
fn parked_in(store: &MemoryStore) -> BTreeMap<String, u64> {
    let keys = store.documents("handler/sim/parked/", None, 1_000).now_or_never().expect(AT_ONCE).unwrap();
    let parked = keys.iter().map(|key| {
        let sequence = document(store, key);
        (sequence["key"].as_str().unwrap().to_owned(), sequence["position"].as_u64().unwrap())
    });
    parked.collect()
}

fn index(position: u64) -> usize {
    usize::try_from(position).unwrap()
}

/// As the runtime promises to spread keys, for ever.
fn partition_of(key: &str, partitions: u64) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)) % partitions
}
