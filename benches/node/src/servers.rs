//! The servers, those that store each over a folder of its own in the working folder, until they are dropped.

use std::{net::TcpListener, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tempfile::TempDir;
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

/// The running servers, and where they listen.
pub struct Servers {
    pub node: String,
    pub floor: String,
    pub umadb: String,
    pub node_process: u32,
    pub floor_process: u32,
    pub umadb_process: u32,
    _running: [Child; 3],
    _folder: TempDir,
}

impl Servers {
    pub async fn start(engine: &str, umadb: &str) -> Result<Self> {
        let folder = TempDir::new_in(".")?;
        let store = format!("file:{}", folder.path().join("node").display());
        let mut node = Command::new(engine)
            .args(["--json", "--store", &store, "serve", "--no-app", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{engine} cannot be started"))?;
        let told: serde_json::Value = serde_json::from_str(&first_line(&mut node).await?)
            .context("the node does not tell where it listens")?;
        let address = told["listening"].as_str().context("the node does not tell where it listens")?;
        let mut floor = Command::new(std::env::current_exe()?)
            .arg(FLOOR)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the floor cannot be started")?;
        let floor_address = first_line(&mut floor).await?;
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let uma = Command::new(umadb)
            .args(["--listen", &free.to_string(), "--db-path"])
            .arg(folder.path().join("uma"))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{umadb} cannot be started"))?;
        Ok(Servers {
            node: format!("kurrentdb://{address}?tls=false"),
            floor: format!("kurrentdb://{}?tls=false", floor_address.trim()),
            umadb: format!("http://{free}"),
            node_process: node.id().context("the node ended")?,
            floor_process: floor.id().context("the floor ended")?,
            umadb_process: uma.id().context("UmaDB ended")?,
            _running: [node, floor, uma],
            _folder: folder,
        })
    }
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
