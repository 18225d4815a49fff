//! `send_command`, from the call to the answer: in memory, and durable on disk.
//!
//! `cargo bench -p engine-benches --bench dispatch`

#![allow(missing_docs)]

use std::{sync::Arc, time::Duration};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use engine::{Bus, EventStore};
use engine_benches::{bank_with_accounts, deposit};
use tokio::runtime::Runtime;

/// How many accounts the crowded benchmarks use.
const ACCOUNTS: usize = 1_000;

fn in_memory(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("dispatch/memory");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    measure(&mut group, &runtime, "one account alone", &open_memory(&runtime, 1), 1, 1);
    measure(
        &mut group,
        &runtime,
        "1,000 accounts, 64 in flight",
        &open_memory(&runtime, ACCOUNTS),
        ACCOUNTS,
        64,
    );
    group.finish();
}

fn durable(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("file:{}", folder.path().join("data").display());
    let store = runtime.block_on(engine::stores::open(&url)).expect("the store opens");
    let bus = runtime.block_on(bank_with_accounts(store, ACCOUNTS));
    let mut group = criterion.benchmark_group("dispatch/file");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    for in_flight in [1, 64, 1_024] {
        measure(&mut group, &runtime, &format!("{in_flight} in flight"), &bus, ACCOUNTS, in_flight);
    }
    group.finish();
    runtime.block_on(bus.close()).expect("the store closes");
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    bus: &Bus,
    accounts: usize,
    in_flight: usize,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|commands| runtime.block_on(deposit(bus, accounts, in_flight, commands)));
    });
}

fn open_memory(runtime: &Runtime, accounts: usize) -> Bus {
    let store: Arc<dyn EventStore> = Arc::new(engine::store::memory::MemoryStore::new());
    runtime.block_on(bank_with_accounts(store, accounts))
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

criterion_group!(benches, in_memory, durable);
criterion_main!(benches);
