//! Making a connection: to one of the hosts of a URL, whichever lets work be done.
//!
//! The host that did so the last time is asked first, so that one that is gone costs its patience only once.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::time::timeout;
use tokio_postgres::{
    Client, Config, Connection, Socket,
    config::{self, LoadBalanceHosts, SslMode},
};

use crate::{
    PostgresUrl,
    error::{Trouble, is_out_of_connections, told, words},
    tls::{self, Encrypted, Mode},
};

/// The end of a connection that moves bytes.
pub(crate) type Line = Connection<Socket, Encrypted>;

/// What is said before the faults of servers that have no connection to spare.
pub(crate) const OUT_OF_CONNECTIONS: &str = "the server has no connection to spare: ";

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    hosts: Vec<Host>,
    tls: tls::Settings,
    /// The URL, without a password.
    shown: String,
    /// How long each host may take.
    patience: Duration,
    /// The host that is asked first.
    first: AtomicUsize,
    is_random: bool,
}

/// One host of a URL.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// As in the URL, with its port.
    name: String,
    config: Config,
}

/// Why a host does not let work be done.
struct Fault {
    words: String,
    is_out_of_connections: bool,
}

#[cfg(test)]
impl Host {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl Connector {
    pub(crate) fn new(url: &PostgresUrl, patience: Duration) -> Self {
        Connector {
            hosts: url.hosts.clone(),
            tls: url.tls.clone(),
            shown: url.to_string(),
            patience,
            first: AtomicUsize::new(0),
            is_random: url.is_random,
        }
    }

    /// Connects to the first host that lets work be done.
    pub(crate) async fn connect(&self) -> Result<(Client, Line), Trouble> {
        let count = self.hosts.len();
        let first = if self.is_random { random() } else { self.first.load(Ordering::Relaxed) };
        let (mut faults, mut are_out) = (Vec::new(), false);
        for place in (0..count).map(|step| first.wrapping_add(step) % count) {
            let host = &self.hosts[place];
            match timeout(self.patience, self.connect_to(host)).await {
                Ok(Ok(connected)) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(fault)) => {
                    are_out |= fault.is_out_of_connections;
                    faults.push((host, fault.words));
                }
                Err(_) => faults.push((host, format!("no connection within {:?}", self.patience))),
            }
        }
        let faults: Vec<_> = match faults.as_slice() {
            [(_, fault)] => vec![fault.clone()],
            many => many.iter().map(|(host, fault)| format!("{}: {fault}", host.name)).collect(),
        };
        let (shown, faults) = (&self.shown, faults.join("; "));
        Err(if are_out {
            Trouble::OutOfConnections(format!("{shown}: {OUT_OF_CONNECTIONS}{faults}"))
        } else {
            Trouble::Unreachable(format!("{shown} cannot be reached: {faults}"))
        })
    }

    async fn connect_to(&self, host: &Host) -> Result<(Client, Line), Fault> {
        let tls = self.tls.tls().map_err(|words| Fault { words, is_out_of_connections: false })?;
        match host.config.connect(tls.clone()).await {
            // Whoever only prefers TLS goes on without it.
            Err(error) if self.tls.mode() == Mode::Prefer && is_of_tls(&error) => {
                let mut plain = host.config.clone();
                plain.ssl_mode(SslMode::Disable).connect(tls).await
            }
            connected => connected,
        }
        .map_err(|error| Fault {
            words: explained(&error),
            is_out_of_connections: is_out_of_connections(&error),
        })
    }
}

/// Looks after a connection until it ends, which it does with its client.
pub(crate) fn look_after(line: Line) {
    tokio::spawn(async move {
        if let Err(error) = line.await {
            tracing::debug!(error = words(&error), "a connection to PostgreSQL ended");
        }
    });
}

fn random() -> usize {
    usize::try_from(RandomState::new().hash_one(0) >> 33).unwrap_or(0)
}

fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_none() && error.to_string().starts_with("error performing TLS handshake")
}

/// Why a host does not let work be done, in words.
fn explained(error: &tokio_postgres::Error) -> String {
    let text = told(error);
    if text.contains("database does not allow writes") {
        "it is a standby, which takes no writes".to_owned()
    } else if text.contains("server does not support TLS") {
        "the server speaks no TLS: turn it on there (`ssl = on`), or say `sslmode=disable` where the network can be \
         trusted"
            .to_owned()
    } else {
        text
    }
}

/// The hosts of a URL, each with all that is said of a connection.
///
/// # Errors
/// What does not go together.
pub(crate) fn hosts(whole: &Config, tls: &tls::Settings) -> Result<Vec<Host>, String> {
    let (names, addresses, ports) = (names(whole), whole.get_hostaddrs(), whole.get_ports());
    let count = how_many(whole);
    if count == 0 {
        return Err("it names no host".to_owned());
    }
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(format!("it names {} hosts and {} addresses of hosts", names.len(), addresses.len()));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(format!("it names {count} hosts and {} ports", ports.len()));
    }
    let host = |place: usize| {
        let mut config = without_hosts(whole);
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        config.port(port).ssl_mode(tls.driver_mode());
        let address = addresses.get(place);
        if let Some(address) = address {
            config.hostaddr(*address);
        }
        let name = names.get(place).cloned().or(address.map(ToString::to_string)).unwrap_or_default();
        if name.starts_with('/') {
            // No TLS is spoken over a socket of this machine, whatever is said.
            config.ssl_mode(SslMode::Disable);
        }
        config.host(&name);
        Host { name: format!("{name}:{port}"), config }
    };
    Ok((0..count).map(host).collect())
}

/// How many hosts there are.
pub(crate) fn how_many(whole: &Config) -> usize {
    names(whole).len().max(whole.get_hostaddrs().len())
}

/// The names of the hosts, or the folders of their sockets. The driver takes `host=a,b` of a URL for one.
fn names(whole: &Config) -> Vec<String> {
    let each = whole.get_hosts().iter().flat_map(|host| match host {
        config::Host::Tcp(name) => name.split(',').map(str::to_owned).collect(),
        #[cfg(unix)]
        config::Host::Unix(path) => vec![path.display().to_string()],
    });
    each.collect()
}

/// The same, but for where to.
fn without_hosts(whole: &Config) -> Config {
    let mut config = Config::new();
    if let Some(user) = whole.get_user() {
        config.user(user);
    }
    if let Some(password) = whole.get_password() {
        config.password(password);
    }
    if let Some(database) = whole.get_dbname() {
        config.dbname(database);
    }
    if let Some(options) = whole.get_options() {
        config.options(options);
    }
    if let Some(name) = whole.get_application_name() {
        config.application_name(name);
    }
    if let Some(patience) = whole.get_connect_timeout() {
        config.connect_timeout(*patience);
    }
    if let Some(patience) = whole.get_tcp_user_timeout() {
        config.tcp_user_timeout(*patience);
    }
    if let Some(interval) = whole.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = whole.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    config
        .keepalives(whole.get_keepalives())
        .keepalives_idle(whole.get_keepalives_idle())
        .ssl_negotiation(whole.get_ssl_negotiation())
        .target_session_attrs(whole.get_target_session_attrs())
        .channel_binding(whole.get_channel_binding());
    config
}

/// Whether the hosts are asked in any order.
pub(crate) fn is_random(whole: &Config) -> bool {
    whole.get_load_balance_hosts() == LoadBalanceHosts::Random
}
