//! Transfers of the bank, from the command to the last event, 1,000 of them under way at once: a process manager that
//! hears four events of each and sends three commands.
//!
//! `cargo bench -p engine-benches --bench transfers`

#![allow(missing_docs)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bank::{
    account::{CreateAccount, DepositMoney, WithdrawMoney},
    transfer::{CompleteMoneyTransfer, FailMoneyTransfer, TransferEvent, TransferMoney},
    transfer_process::TransferProcess,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{
    App, Bus, Delivered, EventStore, ProcessOptions,
    listen::{BatchError, BatchHandler, HandlerOptions},
};
use engine_benches::Permits;
use tokio::runtime::Runtime;

/// As in the `engine` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNTS: u64 = 1_000;
const UNDER_WAY: usize = 1_000;

/// Lets another transfer begin for each that has ended.
struct Ended(Permits);

#[async_trait::async_trait]
impl BatchHandler for Ended {
    type Event = TransferEvent;

    fn name(&self) -> &'static str {
        "ended"
    }

    async fn handle_batch(&self, events: &[Delivered<TransferEvent>]) -> Result<(), BatchError> {
        let has_begun = |event: &TransferEvent| matches!(event, TransferEvent::MoneyTransferRequested { .. });
        self.0.give(events.iter().filter(|delivered| !has_begun(&delivered.event)).count());
        Ok(())
    }
}

async fn bank(store: Arc<dyn EventStore>) -> (Bus, Permits) {
    let permits = Permits::new(UNDER_WAY);
    let app = App::new("bank")
        .command::<CreateAccount>()
        .command::<DepositMoney>()
        .command::<WithdrawMoney>()
        .command::<bank::account::RefundMoney>()
        .command::<TransferMoney>()
        .command::<CompleteMoneyTransfer>()
        .command::<FailMoneyTransfer>()
        .process::<TransferProcess>(ProcessOptions::default())
        .batch_handler(Ended(permits.clone()), HandlerOptions::batches());
    let bus = app.start(store).await.expect("the bank starts on an empty store");
    for account in 0..ACCOUNTS {
        let id = account.to_string();
        bus.send_command(CreateAccount { id: id.clone() }).await.expect("an account can be created");
        bus.send_command(DepositMoney { id, amount: 1_000_000_000 }).await.expect("money comes in");
    }
    (bus, permits)
}

/// Makes so many transfers, with 1,000 under way at once, and tells how long it took until the last had ended.
async fn transfer(bus: &Bus, permits: &Permits, next: &AtomicU64, transfers: u64) -> Duration {
    let begun = Instant::now();
    for _ in 0..transfers {
        permits.take(1).await;
        let number = next.fetch_add(1, Ordering::Relaxed);
        let (from, to) = (number % ACCOUNTS, (number * 7 + 1) % ACCOUNTS);
        let to = if from == to { (to + 1) % ACCOUNTS } else { to };
        let command =
            TransferMoney { id: number.to_string(), from: from.to_string(), to: to.to_string(), amount: 1 };
        let bus = bus.clone();
        tokio::spawn(async move { bus.send_command(command).await.map(drop).expect("accepted") });
    }
    permits.take(UNDER_WAY).await;
    permits.give(UNDER_WAY);
    begun.elapsed()
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, name: &str, store: Arc<dyn EventStore>) {
    let (bus, permits) = runtime.block_on(bank(store));
    let next = AtomicU64::new(0);
    let mut group = criterion.benchmark_group("transfers");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|transfers| runtime.block_on(transfer(&bus, &permits, &next, transfers)));
    });
    group.finish();
    runtime.block_on(bus.close()).expect("the store closes");
}

fn in_memory(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let store = runtime.block_on(engine::stores::open("memory:")).expect("the store opens");
    measure(criterion, &runtime, "memory", store);
}

fn durable(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("file:{}", folder.path().join("data").display());
    let store = runtime.block_on(engine::stores::open(&url)).expect("the store opens");
    measure(criterion, &runtime, "file", store);
}

criterion_group!(benches, in_memory, durable);
criterion_main!(benches);
