//! Durable commands a second over PostgreSQL: this engine beside `postgres-es`, in turns on the same server.
//!
//! `cargo run --release --manifest-path benches/postgres/Cargo.toml [SECONDS]`, or with `ENGINE_TEST_POSTGRES=URL` on a
//! server of yours. Each turn is one number of callers, who each send a deposit and wait until it is stored, to one of
//! 1,000 accounts. Before and after, one session commits rows one by one: what the disk allows a lone caller at most.

mod engine_bank;
mod floor;
mod other_bank;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine_postgres_server::{Server, Settings};

/// As in the `engine` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many accounts there are.
const ACCOUNTS: u64 = 1_000;

/// How many turns each gets.
const TURNS: usize = 3;

/// A bank that takes deposits.
trait Bank: Send + Sync + 'static {
    /// Opens an account.
    fn open(&self, account: u64) -> impl Future<Output = ()> + Send;
    /// Deposits 1 in an account, and waits until that is stored.
    fn deposit(&self, account: u64) -> impl Future<Output = ()> + Send;
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let turn = Duration::from_secs_f64(seconds);
    let (url, _server) = match std::env::var(engine_postgres_server::VARIABLE) {
        Ok(url) => (url, None),
        Err(_) => {
            let server = Server::start(&Settings { is_durable: true, ..Settings::default() });
            (server.url(), Some(server))
        }
    };
    let ours = Arc::new(engine_bank::open(&url).await);
    let theirs = Arc::new(other_bank::open(&url).await);
    open_accounts(&ours).await;
    open_accounts(&theirs).await;
    println!("floor: {:.0} commits/s of one row each, in one session", floor::measure(&url, turn).await);
    println!("callers  engine/s  postgres-es/s  ratio   (medians of {TURNS} turns of {seconds} s, in turns)");
    for callers in [1, 8, 64, 256] {
        let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            of_ours.push(measure(&ours, callers, turn).await);
            of_theirs.push(measure(&theirs, callers, turn).await);
        }
        let (ours, theirs) = (median(of_ours), median(of_theirs));
        println!("{callers:>7}  {ours:>8.0}  {theirs:>13.0}  {:>5.1}", ours / theirs);
    }
    println!("floor: {:.0} commits/s of one row each, in one session", floor::measure(&url, turn).await);
}

async fn open_accounts(bank: &Arc<impl Bank>) {
    let next = Arc::new(AtomicU64::new(0));
    let openers: Vec<_> = (0..16)
        .map(|_| {
            let (bank, next) = (bank.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let account = next.fetch_add(1, Ordering::Relaxed);
                    if account >= ACCOUNTS {
                        return;
                    }
                    bank.open(account).await;
                }
            })
        })
        .collect();
    for opener in openers {
        opener.await.expect("accounts are opened");
    }
}

/// Commands a second.
async fn measure(bank: &Arc<impl Bank>, callers: u64, turn: Duration) -> f64 {
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|caller| {
            let (bank, done, over) = (bank.clone(), done.clone(), over.clone());
            tokio::spawn(async move {
                // Accounts of their own, so that nobody's conflicts are measured.
                let mut account = caller;
                while !over.load(Ordering::Relaxed) {
                    bank.deposit(account % ACCOUNTS).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    account += 256;
                }
            })
        })
        .collect();
    tokio::time::sleep(turn).await;
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("deposits are accepted");
    }
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}
