//! The node under load, beside UmaDB: appends per second of 1, 64 and 256 callers, and how long the slowest of a
//! hundred waits; batches; and reading it all back. Each is spoken to by its own official client, in the same run, and
//! beside them the [floor](floor): what the node's client gets out of a server that does nothing.
//!
//! ```text
//! cargo build --release                                    # the program `engine`
//! apt-get install protobuf-compiler                       # what the crate of its client is built with
//! python3 -m venv v && v/bin/pip install umadb==0.7.8      # its server
//! cargo run --release --manifest-path benches/node/Cargo.toml -- target/release/engine v/bin/umadb [SECONDS]
//! ```

#[path = "../../../crates/server/src/listen/awake.rs"]
mod awake;
mod cost;
mod floor;
#[path = "../../../crates/server/src/listen/prompt.rs"]
mod prompt;
mod servers;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt;
use kurrentdb::{
    AppendToStreamOptions, BatchAppendClient, BatchAppendOptions, Client, EventData, ReadAllOptions,
    StreamState, SubscriptionFilter,
};
use tokio::task::JoinSet;
use umadb_client::AsyncUmaDbClient;
use umadb_dcb::{DcbEvent, DcbEventStoreAsync};
use uuid::Uuid;

use crate::servers::Servers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The data of each event: 128 bytes.
const DATA: &[u8] = &[b'x'; 128];

/// How many events one append of a batch holds.
const BATCH: usize = 100;

/// What is measured: one append.
trait Append: Clone + Send + Sync + 'static {
    fn append(&self, caller: usize, events: usize) -> impl Future<Output = Result<()>> + Send;
}

#[derive(Clone)]
struct Node(Client);

/// The node through one call of `BatchAppend`, which all callers share.
#[derive(Clone)]
struct Batched(Arc<BatchAppendClient>);

#[derive(Clone)]
struct UmaDb(Arc<AsyncUmaDbClient>);

impl Append for Node {
    async fn append(&self, caller: usize, events: usize) -> Result<()> {
        let event = || EventData::binary("Loaded", DATA.into()).id(Uuid::new_v4());
        let events: Vec<_> = (0..events).map(|_| event()).collect();
        let options = AppendToStreamOptions::default().stream_state(StreamState::Any);
        self.0.append_to_stream(format!("load-{caller}"), &options, events).await?;
        Ok(())
    }
}

impl Append for Batched {
    async fn append(&self, caller: usize, events: usize) -> Result<()> {
        let event = || EventData::binary("Loaded", DATA.into()).id(Uuid::new_v4());
        let events: Vec<_> = (0..events).map(|_| event()).collect();
        self.0.append_to_stream(format!("batch-{caller}"), StreamState::Any, events).await?;
        Ok(())
    }
}

impl Append for UmaDb {
    async fn append(&self, caller: usize, events: usize) -> Result<()> {
        let event = || {
            DcbEvent::default()
                .event_type("Loaded")
                .tags([format!("load-{caller}")])
                .data(DATA)
                .uuid(Uuid::new_v4())
        };
        let events = (0..events).map(|_| event()).collect();
        self.0.append(events, None, None).await?;
        Ok(())
    }
}

/// Appends from so many callers at the same time, each one after the other.
async fn measure(
    (name, server): (&str, u32),
    to: impl Append,
    callers: usize,
    events: usize,
    length: Duration,
) -> Result<f64> {
    let used = || Ok::<_, anyhow::Error>((cost::used_by(std::process::id())?, cost::used_by(server)?));
    let before = used()?;
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for caller in 0..callers {
        let (to, done) = (to.clone(), done.clone());
        all.spawn(async move {
            let mut waits = Vec::new();
            while begun.elapsed() < length {
                let sent = Instant::now();
                to.append(caller, events).await?;
                waits.push(sent.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(waits)
        });
    }
    let mut waits = Vec::new();
    while let Some(joined) = all.join_next().await {
        waits.extend(joined??);
    }
    let rate = waits.len() as f64 * events as f64 / begun.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |share: usize| waits[(waits.len() * share / 100).min(waits.len() - 1)];
    let after = used()?;
    let each = |used: Duration| used / u32::try_from(waits.len()).unwrap_or(u32::MAX);
    println!(
        "{name:<14} {callers:>4} callers × {events:>3} events: {rate:>9.0} events/s   median {:>9.2?}   p99 {:>9.2?}   \
         processor for each append: client {:>8.2?}, server {:>8.2?}",
        at(50),
        at(99),
        each(after.0 - before.0),
        each(after.1 - before.1),
    );
    Ok(rate)
}

async fn read_node(client: &Client) -> Result<()> {
    let filter = SubscriptionFilter::on_event_type().add_prefix("Loaded");
    for (name, options) in
        [("all", ReadAllOptions::default()), ("filtered", ReadAllOptions::default().filter(filter))]
    {
        let (begun, mut count) = (Instant::now(), 0_u64);
        let mut events = client.read_all(&options.max_count(1_000_000)).await?;
        while events.next().await?.is_some() {
            count += 1;
        }
        println!(
            "node           reads ({name}): {:.0} events/s of {count}",
            count as f64 / begun.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

async fn read_umadb(client: &AsyncUmaDbClient) -> Result<()> {
    let (begun, mut count) = (Instant::now(), 0_u64);
    let mut events = client.read(None, None, false, Some(1_000_000)).await?;
    while let Some(event) = events.next().await {
        event?;
        count += 1;
    }
    println!("umadb          reads: {:.0} events/s of {count}", count as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [floor] if floor == servers::FLOOR => floor::serve(),
        [engine, umadb, rest @ ..] => {
            let length = Duration::from_secs(rest.first().map_or(Ok(5), |seconds| seconds.parse())?);
            tokio::runtime::Runtime::new()?.block_on(compare(engine, umadb, length))
        }
        _ => bail!("usage: node-load ENGINE UMADB [SECONDS for each figure]"),
    }
}

/// The official client, of the node or of the floor: with a call for each append, and with one for all.
async fn official(url: &str) -> Result<(Node, Batched)> {
    let client = Client::new(url.parse()?).map_err(|error| anyhow!("{error:#}"))?;
    let batch = client.batch_append(&BatchAppendOptions::default()).await?;
    Ok((Node(client), Batched(Arc::new(batch))))
}

async fn compare(engine: &str, umadb: &str, length: Duration) -> Result<()> {
    let servers = Servers::start(engine, umadb).await?;
    let (node, batched) = official(&servers.node).await?;
    let (floor, floor_batched) = official(&servers.floor).await?;
    let umadb = UmaDb(Arc::new(servers::umadb_client(&servers.umadb).await?));
    node.append(0, 1).await?;
    floor.append(0, 1).await?;
    umadb.append(0, 1).await?;
    let [node_process, floor_process] = [servers.node_process, servers.floor_process];
    for callers in [1, 64, 256] {
        // In turns, so that what else the machine does meets all of them.
        let mut best = [0.0_f64; 5];
        for _ in 0..2 {
            let rates = [
                measure(("node", node_process), node.clone(), callers, 1, length).await?,
                measure(("batched", node_process), batched.clone(), callers, 1, length).await?,
                measure(("floor", floor_process), floor.clone(), callers, 1, length).await?,
                measure(("floor, batched", floor_process), floor_batched.clone(), callers, 1, length).await?,
                measure(("umadb", servers.umadb_process), umadb.clone(), callers, 1, length).await?,
            ];
            for (best, rate) in best.iter_mut().zip(rates) {
                *best = best.max(rate);
            }
        }
        let [rest @ .., umadb] = best;
        let [node, batched, floor, floor_batched] = rest.map(|rate| rate / umadb);
        println!(
            "  → {callers} callers: {node:.2} times as many, {batched:.2} batched; of the floor's {floor:.2} and \
             {floor_batched:.2}"
        );
    }
    measure(("node", node_process), node.clone(), 16, BATCH, length).await?;
    measure(("umadb", servers.umadb_process), umadb.clone(), 16, BATCH, length).await?;
    measure(("batched", node_process), batched.clone(), 16, BATCH, length).await?;
    read_node(&node.0).await?;
    read_umadb(&umadb.0).await
}
