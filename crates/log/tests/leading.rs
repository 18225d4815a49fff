//! Who writes: a caller who is alone does so itself, and whatever happens meanwhile, nobody can tell.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    task::{Context, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use engine_log::{LogOptions, LogStore, disk::sim::SimDisk};
use engine_store::{AppendError, AppendRequest, Clock, Durability, EventStore, NewEvent, ReadAll, Timestamp};
use engine_types::ExpectedRevision;
use kit::{Random, stream, wait};

/// A clock that remembers who asked it last, which is who writes, and does with him what the test wants.
#[derive(Debug, Default)]
struct Witness {
    writes: Mutex<Option<ThreadId>>,
    panics: AtomicBool,
    /// Keeps who comes until the test lets go of him.
    gate: Mutex<Option<(SyncSender<()>, Receiver<()>)>>,
}

impl Clock for Witness {
    fn now(&self) -> Timestamp {
        *self.writes.lock().unwrap() = Some(thread::current().id());
        assert!(!self.panics.load(Ordering::Relaxed), "the clock stands still");
        if let Some((came, goes_on)) = self.gate.lock().unwrap().take() {
            came.send(()).unwrap();
            goes_on.recv().unwrap();
        }
        Timestamp::default()
    }
}

impl Witness {
    fn saw_this_thread(&self) -> bool {
        *self.writes.lock().unwrap() == Some(thread::current().id())
    }

    /// Keeps the next who writes: answers what tells that he came, and what lets him go on.
    fn keep(&self) -> (Receiver<()>, SyncSender<()>) {
        let ((came, comes), (lets_go, goes_on)) = (sync_channel(1), sync_channel(1));
        *self.gate.lock().unwrap() = Some((came, goes_on));
        (comes, lets_go)
    }
}

fn open(disk: &SimDisk, lead_within: Duration) -> (LogStore, Arc<Witness>) {
    let witness = Arc::new(Witness::default());
    let mut options = kit::options().clock(witness.clone());
    options.lead_within = lead_within;
    options.segment_bytes = LogOptions::default().segment_bytes;
    options.reserve_bytes = LogOptions::default().reserve_bytes;
    (kit::open_with(disk, &options).unwrap(), witness)
}

fn request(number: u64, bytes: usize) -> AppendRequest {
    let event = NewEvent {
        id: uuid::Uuid::now_v7(),
        data: vec![1; bytes].into(),
        ..kit::event(&mut Random::seeded(number))
    };
    AppendRequest::to(stream("account-1"), ExpectedRevision::Any, vec![event])
}

/// Appends until this thread has written by itself: at first the store's own may be about to look.
fn lead(store: &LogStore, witness: &Witness) {
    let led = (0..10_000).any(|number| {
        wait(store.append(request(number, 10))).unwrap();
        witness.saw_this_thread()
    });
    assert!(led, "the caller never wrote by itself");
}

#[test]
fn who_is_alone_writes_by_himself() {
    let (store, witness) = open(&SimDisk::new(), Duration::MAX);
    lead(&store, &witness);
    wait(store.close()).unwrap();
}

#[test]
fn what_takes_longer_or_is_not_waited_for_is_written_by_the_thread_of_the_store() {
    let (store, witness) = open(&SimDisk::new(), Duration::MAX);
    lead(&store, &witness);
    for number in 0..100 {
        let unhurried = AppendRequest { durability: Durability::Buffered, ..request(number, 10) };
        wait(store.append(unhurried)).unwrap();
        assert!(!witness.saw_this_thread(), "nobody waits for the disk");
        wait(store.append(request(number, 10))).unwrap();
        assert!(!witness.saw_this_thread(), "all that was not synced is synced with it");
        wait(store.append(request(number, 70_000))).unwrap();
        assert!(!witness.saw_this_thread(), "it is large");
    }
    lead(&store, &witness);
}

#[test]
fn on_a_slow_disk_and_where_it_is_not_wanted_the_thread_of_the_store_writes() {
    for lead_within in [Duration::ZERO, Duration::from_nanos(1)] {
        let (store, witness) = open(&SimDisk::new(), lead_within);
        // The first may find out that the disk is slow.
        wait(store.append(request(0, 10))).unwrap();
        for number in 1..100 {
            wait(store.append(request(number, 10))).unwrap();
            assert!(!witness.saw_this_thread(), "{lead_within:?}");
        }
    }
}

#[test]
fn a_panic_while_writing_stops_the_store_and_not_the_caller_and_the_directory_is_free_again() {
    for lead_within in [Duration::ZERO, Duration::MAX] {
        let disk = SimDisk::new();
        let (store, witness) = open(&disk, lead_within);
        if lead_within > Duration::ZERO {
            lead(&store, &witness);
        } else {
            wait(store.append(request(0, 10))).unwrap();
        }
        let before = wait(store.read_all(ReadAll::forwards().limit(100_000))).unwrap().events.len();
        witness.panics.store(true, Ordering::Relaxed);
        let unknown = wait(store.append(request(1, 10))).unwrap_err();
        assert!(matches!(unknown, AppendError::OutcomeUnknown(_)), "{unknown:?}");
        witness.panics.store(false, Ordering::Relaxed);
        assert!(wait(store.close()).unwrap_err().to_string().contains("stopped without an answer"));
        let refused = wait(store.append(request(2, 10))).unwrap_err();
        assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
        drop(store);
        let (store, _) = open(&disk, lead_within);
        assert_eq!(wait(kit::all_events(&store)).len(), before);
    }
}

/// Polls once, and says whether that was the end of it.
fn begin(call: Pin<&mut impl Future>) -> bool {
    call.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn what_comes_while_a_caller_writes_is_written_behind_it_and_closing_waits_for_both() {
    let disk = SimDisk::new();
    let (store, witness) = open(&disk, Duration::MAX);
    let (leader, lets_go) = loop {
        lead(&store, &witness);
        let (came, lets_go) = witness.keep();
        let leader = thread::spawn({
            let (store, witness) = (store.clone(), witness.clone());
            move || {
                wait(store.append(request(7, 10))).unwrap();
                witness.saw_this_thread()
            }
        });
        came.recv().unwrap();
        if *witness.writes.lock().unwrap() == Some(leader.thread().id()) {
            break (leader, lets_go);
        }
        // The thread of the store was faster.
        lets_go.send(()).unwrap();
        leader.join().unwrap();
    };
    let mut behind = pin!(store.append(request(8, 10)));
    assert!(!begin(behind.as_mut()), "somebody writes");
    let mut closing = pin!(store.close());
    assert!(!begin(closing.as_mut()), "somebody writes");
    let refused = wait(store.append(request(9, 10))).unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    lets_go.send(()).unwrap();
    leader.join().unwrap();
    wait(closing).unwrap();
    let position = wait(behind).unwrap().position;
    assert!(!witness.saw_this_thread(), "what came meanwhile is left to the thread of the store");
    let (reopened, _) = open(&disk, Duration::MAX);
    let events = wait(kit::all_events(&reopened));
    assert_eq!(events.last().map(|event| event.position), position, "it stands last, and nothing was lost");
}

#[test]
fn an_append_that_is_given_up_before_it_is_written_is_written_all_the_same() {
    let disk = SimDisk::new();
    let (store, witness) = open(&disk, Duration::MAX);
    lead(&store, &witness);
    let before = wait(kit::all_events(&store)).len();
    for number in 0..100 {
        begin(pin!(store.append(request(number, 10))));
    }
    wait(store.close()).unwrap();
    let (store, _) = open(&disk, Duration::MAX);
    assert_eq!(wait(kit::all_events(&store)).len(), before + 100);
}
