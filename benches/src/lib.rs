//! What the benchmarks share: a bank over a store, and senders that keep a number of commands in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bank::account::{CreateAccount, DepositMoney};
use engine::{App, Bus, EventStore};

/// Starts the accounts of the bank, so many of them. Without its read models, which work behind the commands on
/// the same cores, and are measured by themselves.
///
/// # Panics
/// When the store does not take them.
pub async fn bank_with_accounts(store: Arc<dyn EventStore>, accounts: usize) -> Bus {
    let app = App::new("bank").command::<CreateAccount>().command::<DepositMoney>();
    let bus = app.start(store).await.expect("the bank starts on an empty store");
    let senders: Vec<_> = (0..accounts)
        .map(|account| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.send_command(CreateAccount { id: id(account) }).await.map(drop) })
        })
        .collect();
    for sender in senders {
        sender.await.expect("no panic").expect("an account can be created");
    }
    bus
}

/// Sends so many deposits, round robin over the accounts, with so many in flight, and tells how long it took.
///
/// # Panics
/// When a deposit is refused.
pub async fn deposit(bus: &Bus, accounts: usize, in_flight: usize, commands: u64) -> Duration {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let senders: Vec<_> = (0..in_flight)
        .map(|_| {
            let (bus, next) = (bus.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= commands {
                        return;
                    }
                    let account = usize::try_from(number).unwrap_or(0) % accounts;
                    bus.send_command(DepositMoney { id: id(account), amount: 1 }).await.expect("accepted");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("no panic");
    }
    started.elapsed()
}

fn id(account: usize) -> String {
    format!("a{account}")
}

/// A number of things that may be under way at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Permits(Arc<tokio::sync::Semaphore>);

impl Permits {
    /// So many.
    pub fn new(count: usize) -> Self {
        Permits(Arc::new(tokio::sync::Semaphore::new(count)))
    }

    /// Waits until so many more may begin.
    ///
    /// # Panics
    /// Never: nobody closes it.
    pub async fn take(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0.acquire_many(count).await.expect("nobody closes it").forget();
    }

    /// So many have ended.
    pub fn give(&self, count: usize) {
        self.0.add_permits(count);
    }
}
