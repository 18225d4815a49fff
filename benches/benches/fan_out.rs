//! What 1,000 live subscriptions cost those who append, in memory and in the log: the ratio of appends per second with
//! and without them.
//!
//! `cargo bench -p engine-benches --bench fan_out`. Nothing is asserted: the machine decides.

#![allow(missing_docs, clippy::cast_precision_loss)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{
    EventStore, ExpectedRevision, StreamName,
    store::{AppendRequest, Filter, NewEvent, SubscribeFrom, SubscribeTo},
};
use uuid::Uuid;

const WRITERS: usize = 16;
const MEASURED: Duration = Duration::from_secs(1);
const ROUNDS: usize = 9;

/// How fast callers append.
#[derive(Clone, Copy)]
enum Pace {
    Each(Duration),
    AsFastAsItGoes,
}

/// What was measured.
struct Measured {
    appends_per_second: f64,
    delivered: u64,
    behind: u64,
}

/// Appends as fast as it goes, or at a pace, until told to stop.
async fn write(store: Arc<dyn EventStore>, writer: usize, stop: Arc<AtomicBool>, pace: Pace) -> u64 {
    let stream = StreamName::new(format!("account-{writer}")).expect("a name");
    let data = "x".repeat(200);
    let mut appends = 0;
    while !stop.load(Ordering::Relaxed) {
        let event = NewEvent::json(Uuid::now_v7(), "Written", &data).expect("text is JSON");
        let request = AppendRequest::to(stream.clone(), ExpectedRevision::Any, vec![event]);
        store.append(request).await.expect("the store writes");
        appends += 1;
        match pace {
            Pace::Each(pause) => tokio::time::sleep(pause).await,
            Pace::AsFastAsItGoes => tokio::task::yield_now().await,
        }
    }
    appends
}

async fn measure(kind: &str, subscribers: usize, filter: Filter, pace: Pace) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let url =
        if kind == "memory" { "memory:".to_owned() } else { format!("file:{}", folder.path().display()) };
    let store = engine::stores::open(&url).await.expect("a store");
    let (delivered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut readers = Vec::new();
    for _ in 0..subscribers {
        let to = SubscribeTo::All(SubscribeFrom::End);
        let mut subscription = store.subscribe(to, filter.clone()).await.expect("it can be read");
        let delivered = delivered.clone();
        readers.push(tokio::spawn(async move {
            while subscription.next_event().await.is_ok() {
                delivered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let begun = Instant::now();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer, stop.clone(), pace))).collect();
    tokio::time::sleep(MEASURED).await;
    stop.store(true, Ordering::Relaxed);
    let mut appends = 0;
    for writer in writers {
        appends += writer.await.expect("a writer ends");
    }
    let appends_per_second = appends as f64 / begun.elapsed().as_secs_f64();
    let delivered = delivered.load(Ordering::Relaxed);
    for reader in readers {
        reader.abort();
        let _ = reader.await;
    }
    store.close().await.expect("it closes");
    Measured {
        appends_per_second,
        delivered,
        behind: (appends * subscribers as u64).saturating_sub(delivered),
    }
}

/// Measures by turns, because the machine may have other things to do, and tells the median.
async fn compare(kind: &str, name: &str, filter: Filter, pace: Pace) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let alone = measure(kind, 0, filter.clone(), pace).await;
        let with = measure(kind, 1_000, filter.clone(), pace).await;
        rounds.push((with.appends_per_second / alone.appends_per_second, alone, with));
    }
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (ratio, alone, with) = &rounds[ROUNDS / 2];
    println!(
        "{kind}: {name}: ratio {ratio:.2} (from {:.2} to {:.2}); {:.0} appends/s alone, {:.0} with 1,000 subscriptions; \
         {:.0} deliveries/s, {} behind",
        rounds[0].0,
        rounds[ROUNDS - 1].0,
        alone.appends_per_second,
        with.appends_per_second,
        with.delivered as f64 / MEASURED.as_secs_f64(),
        with.behind,
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for kind in ["memory", "log"] {
            // In memory as many appends as a durable store of one caller at a time takes.
            let paced = Pace::Each(Duration::from_millis(5));
            compare(kind, "16 callers, an append each 5 ms, all hear all", Filter::domain(), paced).await;
            let fast = Pace::AsFastAsItGoes;
            compare(kind, "16 callers, as fast as it goes, all hear all", Filter::domain(), fast).await;
            let other = Filter::category("other");
            compare(kind, "16 callers, as fast as it goes, nobody hears anything", other, fast).await;
        }
    });
}
