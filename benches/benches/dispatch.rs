//! `send_command`, from the call to the answer: in memory, and durable on disk beside the disk itself.
//!
//! `cargo bench -p engine-benches --bench dispatch`

#![allow(missing_docs)]

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use engine::{Bus, EventStore};
use engine_benches::{bank_with_accounts, deposit};
use tokio::runtime::Runtime;

/// As in the `engine` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    measure_beside_the_disk(&mut group, &runtime, &bus, folder.path());
    for in_flight in [64, 1_024] {
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

/// One command in flight, in turns with the disk: the disk has moods, and only what both met compares.
fn measure_beside_the_disk(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    bus: &Bus,
    folder: &Path,
) {
    const TURN: u64 = 50;
    let mut disk = RawDisk::in_folder(folder);
    let (mut raw, mut sent) = (Turns::default(), Turns::default());
    group.bench_function("1 in flight", |bencher| {
        bencher.iter_custom(|commands| {
            let mut took = Duration::ZERO;
            for done in (0..commands).step_by(usize::try_from(TURN).unwrap_or(1)) {
                let turn = TURN.min(commands - done);
                raw.add(turn, disk.write_and_sync(turn));
                let turn_took = runtime.block_on(deposit(bus, ACCOUNTS, 1, turn));
                sent.add(turn, turn_took);
                took += turn_took;
            }
            took
        });
    });
    if let (Some(raw), Some(sent)) = (raw.rate(), sent.rate()) {
        let share = 100.0 * sent / raw;
        println!(
            "    the disk alone, write and fdatasync: {raw:.0}/s; commands: {sent:.0}/s, {share:.0} % of that\n"
        );
    }
}

/// How long one of a turn took, for each turn.
#[derive(Default)]
struct Turns(Vec<Duration>);

impl Turns {
    fn add(&mut self, count: u64, took: Duration) {
        self.0.push(took / u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// How many a second, in the median turn: a disk that others keep busy stands still now and then.
    fn rate(&mut self) -> Option<f64> {
        self.0.sort_unstable();
        self.0.get(self.0.len() / 2).map(|took| took.as_secs_f64().recip())
    }
}

/// A file whose blocks are there already, as those of the log are.
struct RawDisk {
    file: File,
    offset: u64,
}

impl RawDisk {
    const BYTES: u64 = 16 << 20;
    /// About as long as the event of a deposit.
    const WRITE: [u8; 256] = [7; 256];

    fn in_folder(folder: &Path) -> Self {
        let file = File::create(folder.join("raw")).expect("a file");
        file.write_all_at(&vec![0; 16 << 20], 0).expect("room");
        file.sync_all().expect("a disk");
        RawDisk { file, offset: 0 }
    }

    fn write_and_sync(&mut self, times: u64) -> Duration {
        let started = Instant::now();
        for _ in 0..times {
            self.file.write_all_at(&Self::WRITE, self.offset).expect("room");
            self.file.sync_data().expect("a disk");
            self.offset = (self.offset + Self::WRITE.len() as u64) % Self::BYTES;
        }
        started.elapsed()
    }
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
