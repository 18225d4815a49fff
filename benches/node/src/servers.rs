//! The servers.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep},
};
use umadb_client::{AsyncUmaDbClient, UmaDbClient};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// The argument with which this program is the floor.
pub const FLOOR: &str = "floor";

/// A running server, until it is dropped.
pub struct Server {
    /// Where it listens.
    pub url: String,
    pub process: u32,
    _running: Child,
}

impl Server {
    fn running(url: String, running: Child) -> Result<Self> {
        let process = running.id().context("a server ended at once")?;
        Ok(Server { url, process, _running: running })
    }
}

/// A node over a store in this folder.
pub async fn node(engine: &str, store: &Path) -> Result<Server> {
    let store = format!("file:{}", store.display());
    let mut node = Command::new(engine)
        .args(["--json", "--store", &store, "serve", "--no-app", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{engine} cannot be started"))?;
    let told: serde_json::Value = serde_json::from_str(&first_line(&mut node).await?)
        .context("the node does not tell where it listens")?;
    let address = told["listening"].as_str().context("the node does not tell where it listens")?;
    Server::running(format!("kurrentdb://{address}?tls=false"), node)
}

/// The [floor](crate::floor): this program once more; the durable one, with a file.
pub async fn floor(file: Option<&Path>) -> Result<Server> {
    let mut floor = Command::new(std::env::current_exe()?)
        .arg(FLOOR)
        .args(file)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the floor cannot be started")?;
    let address = first_line(&mut floor).await?;
    Server::running(format!("kurrentdb://{}?tls=false", address.trim()), floor)
}

/// UmaDB over a file in this folder.
pub async fn umadb(program: &str, folder: &Path) -> Result<Server> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let umadb = Command::new(program)
        .args(["--listen", &free.to_string(), "--db-path"])
        .arg(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    Server::running(format!("http://{free}"), umadb)
}

/// The first line that a server writes.
async fn first_line(server: &mut Child) -> Result<String> {
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("no output")?).read_line(&mut line).await?;
    Ok(line)
}

/// Connects as soon as the server answers.
pub async fn umadb_client(url: &str) -> Result<AsyncUmaDbClient> {
    let begun = Instant::now();
    loop {
        match UmaDbClient::new(url.to_owned()).connect_async().await {
            Ok(client) => return Ok(client),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error).context("UmaDB does not answer"),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
