//! Several nodes that write at once: one order, without a gap, that any reader can trust. And the loss test: writers
//! that dawdle inside their transactions, and give some of them up.
//!
//! `ENGINE_LONG_ORDER=1000000 cargo test --release -p engine-postgres --test postgres nodes::` is the long run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine_postgres::PostgresStore;
use engine_postgres_server::{fresh_schema, url};
use engine_store::{
    EventStore, Filter, ReadAll, RecordedEvent, SubscribeFrom, SubscribeTo, SubscriptionMessage,
};
use engine_types::{ExpectedRevision::Any, Position};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::kit::*;

const WRITERS: u64 = 32;

/// So many events in the short run.
const EVENTS: u64 = 4_000;

/// A pause between two events that a reader sees is a stall, unless writers had to wait as long themselves: then it was
/// the machine that stood still.
const STALL: Duration = Duration::from_secs(1);

fn wanted() -> u64 {
    std::env::var("ENGINE_LONG_ORDER").ok().and_then(|count| count.parse().ok()).unwrap_or(EVENTS)
}

/// What a reader saw: positions and ids, and its longest pause.
struct Seen {
    events: Vec<(Position, Uuid)>,
    longest_pause: Duration,
}

/// Follows by subscription until so many events have come.
fn follow_to(store: &PostgresStore, count: u64) -> JoinHandle<Seen> {
    let store = store.clone();
    tokio::spawn(async move {
        let to = SubscribeTo::All(SubscribeFrom::Start);
        let mut subscription = store.subscribe(to, Filter::domain()).await.unwrap();
        let mut seen = Seen { events: Vec::new(), longest_pause: Duration::ZERO };
        let mut last: Option<Instant> = None;
        while (seen.events.len() as u64) < count {
            if let SubscriptionMessage::Event(event) = soon("an event", subscription.next()).await.unwrap() {
                seen.note(&event, &mut last);
            }
        }
        seen
    })
}

/// Polls pages from where the last one ended until so many events have come.
fn poll_to(store: &PostgresStore, count: u64) -> JoinHandle<Seen> {
    let store = store.clone();
    tokio::spawn(async move {
        let mut request = ReadAll::forwards().limit(100).filter(Filter::domain());
        let mut seen = Seen { events: Vec::new(), longest_pause: Duration::ZERO };
        let mut last: Option<Instant> = None;
        while (seen.events.len() as u64) < count {
            let page = store.read_all(request.clone()).await.unwrap();
            for event in &page.events {
                seen.note(event, &mut last);
            }
            request = request.from(page.next.unwrap());
        }
        seen
    })
}

impl Seen {
    fn note(&mut self, event: &RecordedEvent, last: &mut Option<Instant>) {
        if let Some(last) = last.replace(Instant::now()) {
            self.longest_pause = self.longest_pause.max(last.elapsed());
        }
        self.events.push((event.position, event.id));
    }
}

/// Somebody who holds transactions open that touch the schema, sleeps in them, and gives some up: what made readers of
/// numbers from a sequence lose events.
fn disturb(schema: &str, done: Arc<AtomicBool>, number: u64) -> JoinHandle<u64> {
    let schema = schema.rsplit_once("schema=").unwrap().1.to_owned();
    tokio::spawn(async move {
        let client = session(&url()).await;
        let (mut chance, mut rolled_back) = (number, 0);
        while !done.load(Ordering::SeqCst) {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (pause, end) = match (chance >> 40) % 50 {
                0 => (4, "ROLLBACK"),
                other => (other % 5, "COMMIT"),
            };
            // An append through the function itself, inside a transaction that goes on afterwards.
            let write = format!(
                "BEGIN; SELECT pg_sleep({0}); SELECT {schema}.append(
                     ARRAY['other-{number}'],
                     ARRAY[coalesce((SELECT max(revision) FROM {schema}.events WHERE stream = 'other-{number}'), -1)],
                     ARRAY[0], ARRAY['other-{number}'],
                     ARRAY[coalesce((SELECT max(revision) FROM {schema}.events WHERE stream = 'other-{number}'), -1) + 1],
                     ARRAY[gen_random_uuid()], ARRAY['Other'], ARRAY[true], ARRAY['{{}}'], ARRAY[NULL::bytea],
                     ARRAY[NULL], ARRAY[NULL::bytea], ARRAY[now()], ARRAY[]::text[], ARRAY[]::text[], ARRAY[]::bytea[],
                     ARRAY[]::bool[], ARRAY[]::bool[], true
                 ); SELECT pg_sleep({0}); {end}",
                format_args!("0.00{pause}")
            );
            client.batch_execute(&write).await.unwrap();
            rolled_back += u64::from(end == "ROLLBACK");
        }
        rolled_back
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_lose_nothing_beside_nodes_and_transactions_that_dawdle_and_are_given_up() {
    let schema = fresh_schema();
    let nodes = [open(&schema).await, open(&schema).await, open(&schema).await];
    let (count, written, done) = (wanted(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let longest_append_ms = Arc::new(AtomicU64::new(0));
    let readers = [follow_to(&nodes[0], count), follow_to(&nodes[1], count), poll_to(&nodes[2], count)];
    let dawdlers: Vec<_> = (1..=4).map(|number| disturb(&schema, done.clone(), number)).collect();
    let mut writers = JoinSet::new();
    for (writer, node) in (0..WRITERS).zip((0..3).cycle()) {
        let (store, written) = (nodes[node].clone(), written.clone());
        let longest_append_ms = longest_append_ms.clone();
        writers.spawn(async move {
            let (mut revision, mut chance) = (0, writer);
            while written.fetch_add(1, Ordering::SeqCst) < count {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let name = if chance >> 62 == 0 { "shared-1".to_owned() } else { format!("own-{writer}") };
                let begun = Instant::now();
                append(&store, &name, Any, vec![event()]).await.unwrap();
                let took = u64::try_from(begun.elapsed().as_millis()).unwrap();
                longest_append_ms.fetch_max(took, Ordering::SeqCst);
                revision += 1;
                if (chance >> 50) % 8 == 0 {
                    tokio::time::sleep(Duration::from_millis((chance >> 32) % 5)).await;
                }
            }
            revision
        });
    }
    let mut all_seen = Vec::new();
    for reader in readers {
        all_seen.push(reader.await.unwrap());
    }
    // The readers have been told enough, also of what the dawdlers wrote; how much the writers still have to write
    // depends on how many they are to write.
    writers.join_all().await;
    done.store(true, Ordering::SeqCst);
    let mut rolled_back = 0;
    for dawdler in dawdlers {
        rolled_back += soon("a dawdler", dawdler).await.unwrap();
    }
    let there = all(&nodes[0]).await;
    assert_whole(&there);
    for Seen { events, longest_pause } in all_seen {
        let expected: Vec<_> =
            there.iter().take(events.len()).map(|event| (event.position, event.id)).collect();
        assert!(events == expected, "a reader saw other events than there are");
        let bearable = STALL.max(Duration::from_millis(2 * longest_append_ms.load(Ordering::SeqCst)));
        assert!(
            longest_pause < bearable,
            "a reader stood still for {longest_pause:?}, and others at most {bearable:?}"
        );
    }
    eprintln!("{} events, {rolled_back} transactions given up, nothing lost", there.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_write_to_the_same_stream_all_come_through() {
    const EACH: u64 = 50;
    let schema = fresh_schema();
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = open(&schema).await;
        writers.spawn(async move {
            for _ in 0..EACH {
                append(&store, "shared-1", Any, vec![event(), event()]).await.unwrap();
            }
        });
    }
    soon("the writers", writers.join_all()).await;
    let there = all(&open(&schema).await).await;
    assert_eq!(there.len() as u64, 4 * EACH * 2);
    assert_whole(&there);
}
