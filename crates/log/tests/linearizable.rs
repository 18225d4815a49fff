//! Whatever many clients do at once, there is an order in which one after the other could have done it: histories are
//! recorded and checked.
//!
//! `ENGINE_LOG_HISTORIES=10000 cargo test --release -p engine-log --test linearizable` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use engine_log::{LogStore, disk::sim::SimDisk};
use engine_store::{
    AppendError, AppendRequest, EventStore, NewEvent, ReadAll, ReadError, ReadStream, StreamAppend,
};
use engine_types::{CurrentRevision, ExpectedRevision, Revision};
use kit::{Random, how_many, stream};
use uuid::Uuid;

/// What was seen of a list that only grows: one of the streams, or all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// These were added, and the first of them became the so-manieth.
    Added { first: u64, ids: Vec<Uuid> },
    /// The list had this length.
    Length(u64),
    /// The list was this.
    Content(Vec<Uuid>),
}

/// One call: when it began, when it was answered, and what was seen.
#[derive(Debug, Clone)]
struct Call {
    began: u64,
    answered: u64,
    seen: Seen,
}

/// Says why there is no order of these calls that explains what they saw.
///
/// What was added tells its own place, so that each call has one place: `2 n` where it saw the list between two
/// additions, with `n` elements, and `2 n + 1` where it was the addition behind `n` elements. Sorted by place, and in
/// one place by their beginning, the calls explain each other; that is an order of the calls exactly if none that had
/// been answered before another began stands behind it.
fn contradiction(calls: &[Call]) -> Option<String> {
    let mut list: BTreeMap<u64, Uuid> = BTreeMap::new();
    for call in calls {
        let Seen::Added { first, ids } = &call.seen else { continue };
        for (place, id) in (*first..).zip(ids) {
            if list.insert(place, *id).is_some() {
                return Some(format!("two were added as number {place}"));
            }
        }
    }
    let list: Vec<_> = list.into_iter().enumerate().collect();
    if let Some((place, (number, _))) = list.iter().find(|(place, (number, _))| *place as u64 != *number) {
        return Some(format!("nothing was added as number {place}, but {number} was"));
    }
    let mut placed = Vec::new();
    for call in calls {
        let place = match &call.seen {
            Seen::Added { first, .. } => 2 * first + 1,
            Seen::Length(length) => 2 * length,
            Seen::Content(ids) => {
                let same =
                    ids.len() <= list.len() && list.iter().zip(ids).all(|((_, (_, known)), id)| known == id);
                if !same {
                    return Some(format!("{ids:?} is no beginning of what was added"));
                }
                2 * ids.len() as u64
            }
        };
        placed.push((place, call));
    }
    // The furthest place of all calls that were answered before a moment.
    let mut by_answer = placed.clone();
    by_answer.sort_by_key(|(_, call)| call.answered);
    placed.sort_by_key(|(_, call)| call.began);
    let (mut answered, mut furthest) = (by_answer.into_iter().peekable(), None::<u64>);
    for (place, call) in placed {
        while let Some((before, _)) = answered.next_if(|(_, before)| before.answered < call.began) {
            furthest = furthest.max(Some(before));
        }
        let is_addition = place % 2 == 1;
        if furthest.is_some_and(|furthest| furthest > place || (is_addition && furthest == place)) {
            return Some(format!("{call:?} came after a call that stands behind it"));
        }
    }
    None
}

/// What was recorded, list by list.
#[derive(Debug, Default)]
struct History {
    time: AtomicU64,
    lists: Mutex<BTreeMap<String, Vec<Call>>>,
}

impl History {
    fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    fn record(&self, list: &str, began: u64, answered: u64, seen: Seen) {
        let mut lists = self.lists.lock().unwrap();
        lists.entry(list.to_owned()).or_default().push(Call { began, answered, seen });
    }
}

const STREAMS: [&str; 2] = ["account-a", "account-b"];

async fn client(store: LogStore, history: Arc<History>, seed: u64, calls: u64) {
    let mut random = Random::seeded(seed);
    // What this client believes of each stream: often out of date.
    let mut beliefs = [CurrentRevision::NoStream; STREAMS.len()];
    for _ in 0..calls {
        let which = usize::try_from(random.below(2)).unwrap();
        match random.below(10) {
            0..6 => append(&store, &history, &mut random, which, &mut beliefs).await,
            6..9 => read(&store, &history, which, &mut beliefs).await,
            _ => {
                let began = history.now();
                let page = store.read_all(ReadAll::forwards().limit(100_000)).await.unwrap();
                let ids = page.events.iter().map(|event| event.id).collect();
                history.record("$all", began, history.now(), Seen::Content(ids));
            }
        }
    }
}

async fn append(
    store: &LogStore,
    history: &History,
    random: &mut Random,
    which: usize,
    beliefs: &mut [CurrentRevision; 2],
) {
    let streams = if random.below(4) == 0 { vec![which, 1 - which] } else { vec![which] };
    let fresh = |random: &mut Random| NewEvent { data: random.bytes(200), ..kit::event(random) };
    let parts: Vec<_> = streams
        .iter()
        .map(|which| StreamAppend {
            stream: stream(STREAMS[*which]),
            expected: if random.below(3) == 0 { ExpectedRevision::Any } else { beliefs[*which].into() },
            events: (0..=random.below(2)).map(|_| fresh(random)).collect(),
        })
        .collect();
    let ids: Vec<Vec<Uuid>> =
        parts.iter().map(|part| part.events.iter().map(|event| event.id).collect()).collect();
    let began = history.now();
    let result = store.append(AppendRequest::to_many(parts)).await;
    let answered = history.now();
    match result {
        Ok(appended) => {
            let all = ids.concat();
            let first = appended.position.unwrap().0 + 1 - all.len() as u64;
            history.record("$all", began, answered, Seen::Added { first, ids: all });
            for ((which, ids), end) in streams.iter().zip(ids).zip(&appended.streams) {
                beliefs[*which] = end.revision;
                let first = end.revision.next().0 - ids.len() as u64;
                history.record(STREAMS[*which], began, answered, Seen::Added { first, ids });
            }
        }
        Err(AppendError::Conflict { stream, actual, .. }) => {
            let which = STREAMS.iter().position(|name| *name == stream.as_str()).unwrap();
            beliefs[which] = actual;
            history.record(STREAMS[which], began, answered, Seen::Length(actual.next().0));
        }
        Err(error) => panic!("{error}"),
    }
}

async fn read(store: &LogStore, history: &History, which: usize, beliefs: &mut [CurrentRevision; 2]) {
    let began = history.now();
    let page = store.read_stream(ReadStream::forwards(stream(STREAMS[which])).limit(100_000)).await;
    let answered = history.now();
    let ids: Vec<_> = match page {
        Ok(page) => page.events.iter().map(|event| event.id).collect(),
        Err(ReadError::StreamNotFound { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    };
    beliefs[which] = (ids.len() as u64).checked_sub(1).map(Revision).into();
    history.record(STREAMS[which], began, answered, Seen::Content(ids));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recorded_histories_of_many_clients_are_linearizable() {
    let histories = how_many("ENGINE_LOG_HISTORIES", 30);
    let calls = if histories > 1_000 { 200 } else { 60 };
    let (mut checked, mut conflicts) = (0, 0);
    for seed in 0..histories {
        let store = kit::open_with(&SimDisk::new(), &kit::led_by_seed(&kit::options(), seed)).unwrap();
        let history = Arc::new(History::default());
        let clients: Vec<_> = (0..8)
            .map(|number| tokio::spawn(client(store.clone(), history.clone(), seed * 8 + number + 1, calls)))
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        store.close().await.unwrap();
        for (name, calls) in history.lists.lock().unwrap().iter() {
            assert_eq!(contradiction(calls), None, "seed {seed}, {name}");
            checked += calls.len();
            conflicts += calls.iter().filter(|call| matches!(call.seen, Seen::Length(_))).count();
        }
    }
    println!("{histories} histories, {checked} calls checked, {conflicts} of them conflicts: linearizable");
    assert!(conflicts as u64 > histories, "the clients were in each other's way");
}

fn call(began: u64, answered: u64, seen: Seen) -> Call {
    Call { began, answered, seen }
}

fn added(first: u64, id: u128) -> Seen {
    Seen::Added { first, ids: vec![Uuid::from_u128(id)] }
}

fn content(ids: &[u128]) -> Seen {
    Seen::Content(ids.iter().copied().map(Uuid::from_u128).collect())
}

#[test]
fn the_checker_finds_what_contradicts_itself() {
    let contradictions = [
        ("a stale read", vec![call(0, 1, added(0, 1)), call(2, 3, content(&[]))]),
        ("two in one place", vec![call(0, 3, added(0, 1)), call(1, 2, added(0, 2))]),
        ("a lost append", vec![call(0, 1, added(0, 1)), call(2, 3, added(2, 3))]),
        ("an append before its time", vec![call(0, 1, added(1, 2)), call(2, 3, added(0, 1))]),
        ("a read of what is not there yet", vec![call(0, 1, content(&[1])), call(2, 3, added(0, 1))]),
        ("other content", vec![call(0, 1, added(0, 1)), call(2, 3, content(&[2]))]),
        (
            "a read that goes back",
            vec![call(0, 9, added(0, 1)), call(1, 2, content(&[1])), call(3, 4, Seen::Length(0))],
        ),
    ];
    for (what, calls) in contradictions {
        assert!(contradiction(&calls).is_some(), "{what}");
    }
}

#[test]
fn the_checker_accepts_what_can_be_explained() {
    let explained = [
        vec![call(0, 5, added(0, 1)), call(1, 2, content(&[])), call(3, 4, content(&[1]))],
        vec![call(0, 5, added(1, 2)), call(1, 4, added(0, 1)), call(2, 3, Seen::Length(1))],
        vec![
            call(0, 1, content(&[])),
            call(2, 3, added(0, 1)),
            call(4, 5, added(1, 2)),
            call(6, 7, content(&[1, 2])),
        ],
    ];
    for calls in explained {
        assert_eq!(contradiction(&calls), None, "{calls:?}");
    }
}
