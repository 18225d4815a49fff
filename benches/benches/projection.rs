//! Events into a read model: in memory, and in SQLite; heard by its handler, and built anew.
//!
//! `cargo bench -p engine-benches --bench projection`

#![allow(missing_docs)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bank::{
    account::AccountEvent,
    read_models::{Balances, StatementOf, Statements, TopBalances},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{
    App, Bus, Event, EventStore, ExpectedRevision, Projection, ProjectionOptions, QueryConsistency,
    StreamName,
    runtime::{Environment, read_models::ReadModels},
    store::{AppendRequest, NewEvent, memory::MemoryStore},
};
use engine_sqlite::SqliteRows;
use tokio::runtime::Runtime;

/// How many events are projected.
const EVENTS: u64 = 200_000;

/// How many accounts they belong to.
const ACCOUNTS: u64 = 1_000;

/// How many events are appended at a time.
const BATCH: u64 = 1_000;

fn into_rows(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let store = runtime.block_on(filled());
    let mut group = criterion.benchmark_group("projection");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10).measurement_time(Duration::from_secs(15));
    for place in ["memory", "sqlite"] {
        for (name, app) in
            [("one row for each account", balances as fn() -> App), ("two rows for each event", statements)]
        {
            group.bench_function(format!("{place}, {name}"), |bencher| {
                bencher.iter_custom(|times| {
                    (0..times).map(|_| runtime.block_on(count(&store, place, app())).0).sum()
                });
            });
        }
        group.bench_function(format!("{place}, built anew"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| runtime.block_on(rebuild(&store, place))).sum());
        });
    }
    group.finish();
}

fn balances() -> App {
    App::new("bank").projection::<Balances>(ProjectionOptions::default()).query::<TopBalances>()
}

fn statements() -> App {
    App::new("bank").projection::<Statements>(ProjectionOptions::default()).query::<StatementOf>()
}

/// A store with deposits into all accounts in turn, with the metadata that commands give them.
async fn filled() -> Arc<dyn EventStore> {
    let store = MemoryStore::new();
    let mut number = 0;
    while number < EVENTS {
        for _ in 0..BATCH {
            let stream = StreamName::new(format!("account-a{}", number % ACCOUNTS)).expect("a name");
            let event = if number < ACCOUNTS {
                AccountEvent::AccountCreated
            } else {
                AccountEvent::MoneyDeposited { amount: number % 100 }
            };
            let id = uuid::Uuid::from_u128(u128::from(number) + 1);
            let event = NewEvent {
                metadata: format!(r#"{{"$correlationId":"{id}","$causationId":"{id}"}}"#).into(),
                data: event.to_json().expect("JSON").into(),
                ..NewEvent::json(id, event.event_type().name, &()).expect("JSON")
            };
            let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
            store.append(request).await.expect("it is appended");
            number += 1;
        }
    }
    Arc::new(store)
}

/// Counts all events, from an empty read model on; the bus lives on.
async fn count(store: &Arc<dyn EventStore>, place: &str, app: App) -> (Duration, Bus, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read_models = match place {
        "memory" => ReadModels::Memory,
        _ => ReadModels::Stored(Arc::new(SqliteRows::in_folder(folder.path()))),
    };
    let name =
        if app.map().projections[0].name == Balances::NAME { Balances::NAME } else { Statements::NAME };
    let started = Instant::now();
    let world = Environment { read_models, ..Environment::default() };
    let bus = app.start_in(store.clone(), world).await.expect("it starts");
    let head = store.head().await.expect("a store").expect("events");
    bus.handlers().wait_for(name, head, Duration::from_secs(600)).await.expect("it counts all");
    (started.elapsed(), bus, folder)
}

async fn rebuild(store: &Arc<dyn EventStore>, place: &str) -> Duration {
    let (_, bus, _folder) = count(store, place, balances()).await;
    bus.query(TopBalances { limit: Some(1) }).consistency(QueryConsistency::Strong).await.expect("an answer");
    let started = Instant::now();
    bus.projections().rebuild(Balances::NAME).await.expect("it begins").finished().await.expect("it ends");
    started.elapsed()
}

criterion_group!(benches, into_rows);
criterion_main!(benches);
