//! A process of a world: it dies at any call to the store and at any event, before or after it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use engine_runtime::listen::HandlerError;
use engine_store::memory::MemoryStore;
use parking_lot::Mutex;

use super::history::{History, Session};
use crate::support::{
    faulty::{Call, Fault, FaultyStore, Gate},
    random::Random,
};

/// What goes wrong in a process, each in so many of a hundred, or of ten thousand, cases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dangers {
    pub death_per_10_000: u64,
    pub store_percent: u64,
    pub init_percent: u64,
}

pub struct Process {
    pub number: u64,
    pub history: History,
    pub random: Random,
    pub dangers: Mutex<Dangers>,
    is_alive: AtomicBool,
    begun: AtomicU64,
}

impl Process {
    pub fn new(number: u64, history: History, random: Random, dangers: Dangers) -> Arc<Self> {
        Arc::new(Process {
            number,
            history,
            random,
            dangers: Mutex::new(dangers),
            is_alive: AtomicBool::new(true),
            begun: AtomicU64::new(0),
        })
    }

    pub fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::SeqCst)
    }

    pub fn die(&self) {
        if self.is_alive.swap(false, Ordering::SeqCst) {
            self.history.note(format!("process {} died", self.number));
        }
    }

    pub fn session(&self) -> Session {
        (self.number, self.begun.load(Ordering::SeqCst))
    }

    /// Whoever is dead does nothing any more.
    pub async fn must_live(&self) {
        if !self.is_alive() {
            std::future::pending::<()>().await;
        }
    }

    /// A place where the process may die.
    pub async fn step(&self) {
        self.may_die();
        self.must_live().await;
    }

    pub async fn begin(&self) -> Result<(), HandlerError> {
        self.step().await;
        self.begun.fetch_add(1, Ordering::SeqCst);
        let may_fail = self.dangers.lock().init_percent;
        if self.random.percent(may_fail) { Err(HandlerError::new("no start")) } else { Ok(()) }
    }

    fn may_die(&self) -> bool {
        let chance = self.dangers.lock().death_per_10_000;
        let dies = self.is_alive() && self.random.below(10_000) < chance;
        if dies {
            self.die();
        }
        dies
    }

    /// The way of this process to the store.
    pub fn store(self: &Arc<Self>, memory: &MemoryStore) -> FaultyStore {
        let (store, process, never) = (FaultyStore::over(memory.clone()), self.clone(), Gate::closed());
        store.plan(move |call| {
            let is_write = matches!(call, Call::SaveDocument | Call::DeleteDocument);
            if process.may_die() && is_write && process.random.percent(50) {
                // It died when this was written.
                return Some(Fault::LostAfter);
            }
            if !process.is_alive() {
                return Some(Fault::Held(never.clone()));
            }
            process.fault(is_write)
        });
        let (history, memory) = (self.history.clone(), memory.clone());
        store.show_documents(move |key, content| {
            if let Some(document) = key.as_str().strip_prefix("handler/sim/checkpoint/") {
                history.checkpoint(document, content, &memory);
            }
            if key.as_str().starts_with("handler/sim/parked/") {
                history.note("parked".to_owned());
            }
        });
        store
    }

    fn fault(&self, is_write: bool) -> Option<Fault> {
        let chance = self.dangers.lock().store_percent;
        if !self.random.percent(chance) {
            return None;
        }
        Some(match self.random.below(if is_write { 5 } else { 3 }) {
            0 => Fault::Unavailable,
            1 | 2 => Fault::Late(Duration::from_millis(self.random.below(300))),
            3 => Fault::LostBefore,
            _ => Fault::LostAfter,
        })
    }
}
