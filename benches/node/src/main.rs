//! The node under load, beside UmaDB: appends per second of 1, 64 and 256 callers, and how long the slowest of a
//! hundred waits; batches; and reading it all back. Each is spoken to by its own official client, in the same run, and
//! beside them the [floors](floor): what the node's client gets out of a server that does nothing, and of one that writes
//! and syncs. Another build of the node can be measured beside it.
//!
//! All have their turns one after the other, so that what else the machine does meets each of them; what is compared
//! of appends are the medians of the turns.
//!
//! ```text
//! cargo build --release                                    # the program `engine`
//! apt-get install protobuf-compiler                       # what the crate of its client is built with
//! python3 -m venv v && v/bin/pip install umadb==0.7.8      # its server
//! cargo run --release --manifest-path benches/node/Cargo.toml -- target/release/engine v/bin/umadb [SECONDS [ENGINE]]
//! ```

#[path = "../../../crates/server/src/listen/awake.rs"]
mod awake;
mod cost;
mod floor;
#[path = "../../../crates/server/src/listen/prompt.rs"]
mod prompt;
mod servers;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use futures_util::StreamExt;
use kurrentdb::{
    AppendToStreamOptions, BatchAppendClient, BatchAppendOptions, Client, EventData, ReadAllOptions,
    StreamState, SubscriptionFilter,
};
use tempfile::TempDir;
use tokio::task::JoinSet;
use umadb_client::AsyncUmaDbClient;
use umadb_dcb::{DcbEvent, DcbEventStoreAsync};
use uuid::Uuid;

use crate::servers::Server;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The data of each event: 128 bytes.
const DATA: &[u8] = &[b'x'; 128];

/// How many events one append of a batch holds.
const BATCH: usize = 100;

/// How many turns each has.
const TURNS: usize = 7;

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

/// What appends are sent to, and the process that takes them.
struct Contender {
    name: &'static str,
    process: u32,
    to: To,
}

/// See [`Contender`].
enum To {
    Node(Node),
    Batched(Batched),
    UmaDb(UmaDb),
}

impl Contender {
    /// One turn: appends from so many callers at the same time, each one after the other. Answers events per second.
    async fn turn(&self, callers: usize, events: usize, length: Duration) -> Result<f64> {
        match &self.to {
            To::Node(node) => self.measure(node, callers, events, length).await,
            To::Batched(batched) => self.measure(batched, callers, events, length).await,
            To::UmaDb(umadb) => self.measure(umadb, callers, events, length).await,
        }
    }

    async fn measure(
        &self,
        to: &impl Append,
        callers: usize,
        events: usize,
        length: Duration,
    ) -> Result<f64> {
        let used =
            || Ok::<_, anyhow::Error>((cost::used_by(std::process::id())?, cost::used_by(self.process)?));
        let before = used()?;
        let begun = Instant::now();
        let mut all = JoinSet::new();
        for caller in 0..callers {
            let to = to.clone();
            all.spawn(async move {
                let mut waits = Vec::new();
                while begun.elapsed() < length {
                    let sent = Instant::now();
                    to.append(caller, events).await?;
                    waits.push(sent.elapsed());
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
            "{:<14} {callers:>4} callers × {events:>3} events: {rate:>9.0} events/s   median {:>9.2?}   p99 {:>9.2?}   \
             processor for each append: client {:>8.2?}, server {:>8.2?}",
            self.name,
            at(50),
            at(99),
            each(after.0 - before.0),
            each(after.1 - before.1),
        );
        Ok(rate)
    }
}

/// All turns of so many callers, and the medians, beside that of the last.
async fn compare(contenders: &[Contender], callers: usize, events: usize, length: Duration) -> Result<()> {
    let mut rates = vec![Vec::new(); contenders.len()];
    for _ in 0..TURNS {
        for (contender, rates) in contenders.iter().zip(&mut rates) {
            rates.push(contender.turn(callers, events, length).await?);
        }
    }
    let medians: Vec<_> = rates.into_iter().map(median).collect();
    let last = medians.last().copied().unwrap_or(f64::NAN);
    for (contender, median) in contenders.iter().zip(medians) {
        let (name, ratio) = (contender.name, median / last);
        println!(
            "  → {name:<14} {callers:>4} callers × {events:>3} events: {median:>9.0} events/s, {ratio:.2} times"
        );
    }
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
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
        [floor, file @ ..] if floor == servers::FLOOR => floor::serve(file.first().map(Path::new)),
        [engine, umadb, rest @ ..] if rest.len() <= 2 => {
            let length = Duration::from_secs_f64(rest.first().map_or(Ok(2.0), |seconds| seconds.parse())?);
            tokio::runtime::Runtime::new()?.block_on(load(engine, umadb, length, rest.get(1)))
        }
        _ => bail!("usage: node-load ENGINE UMADB [SECONDS for each turn [another build of ENGINE]]"),
    }
}

/// The official client, of the node or of the floor: with a call for each append, and with one for all.
async fn official(url: &str) -> Result<(Node, Batched)> {
    let client = Client::new(url.parse()?).map_err(|error| anyhow!("{error:#}"))?;
    let batch = client.batch_append(&BatchAppendOptions::default()).await?;
    Ok((Node(client), Batched(Arc::new(batch))))
}

async fn load(engine: &str, umadb: &str, length: Duration, other: Option<&String>) -> Result<()> {
    let folder = TempDir::new_in(".")?;
    let mut contenders = Vec::new();
    let node = servers::node(engine, &folder.path().join("node")).await?;
    let (client, batched) = official(&node.url).await?;
    let reader = client.0.clone();
    add(&mut contenders, ["node", "batched"], &node, client, batched);
    let other = match other {
        Some(other) => Some(servers::node(other, &folder.path().join("other")).await?),
        None => None,
    };
    if let Some(other) = &other {
        let (client, batched) = official(&other.url).await?;
        add(&mut contenders, ["other", "other, batched"], other, client, batched);
    }
    let floor = servers::floor(None).await?;
    let (client, batched) = official(&floor.url).await?;
    add(&mut contenders, ["floor", "floor, batched"], &floor, client, batched);
    let durable = servers::floor(Some(&folder.path().join("floor"))).await?;
    let (client, _) = official(&durable.url).await?;
    contenders.push(Contender { name: "floor, durable", process: durable.process, to: To::Node(client) });
    let umadb = servers::umadb(umadb, &folder.path().join("uma")).await?;
    let client = Arc::new(servers::umadb_client(&umadb.url).await?);
    contenders.push(Contender {
        name: "umadb",
        process: umadb.process,
        to: To::UmaDb(UmaDb(client.clone())),
    });
    for contender in &contenders {
        contender.turn(1, 1, Duration::from_millis(100)).await?;
    }
    for callers in [1, 64, 256] {
        compare(&contenders, callers, 1, length).await?;
    }
    let floors = [floor.process, durable.process];
    contenders.retain(|contender| !floors.contains(&contender.process));
    compare(&contenders, 16, BATCH, length).await?;
    for _ in 0..3 {
        read_node(&reader).await?;
        read_umadb(&client).await?;
    }
    Ok(())
}

fn add(to: &mut Vec<Contender>, names: [&'static str; 2], server: &Server, node: Node, batched: Batched) {
    let [name, batched_name] = names;
    to.push(Contender { name, process: server.process, to: To::Node(node) });
    to.push(Contender { name: batched_name, process: server.process, to: To::Batched(batched) });
}
