//! PgBouncer in front of a server: in transaction mode, so that no two transactions need share a session.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use crate::{
    install,
    programs::Account,
    server::{Server, folder, free_port, watchdog},
};

/// A running pooler. It ends with the process that started it.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    watchdog: Child,
}

impl Pooler {
    /// Starts a pooler that has so many sessions of a server for any number of clients.
    ///
    /// # Panics
    /// It is not installed and cannot be, or cannot be started: says what to do.
    pub fn before(server: &Server, sessions: usize) -> Self {
        let program = program();
        let account = Account::for_servers();
        let (folder, port) = (folder(None, account), free_port());
        let settings = folder.join("pgbouncer.ini");
        let lines = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {sessions}\n\
             max_client_conn = 200\nlogfile = {}\npidfile =\n",
            server.port(),
            folder.join("log").display()
        );
        // The user of the server, for a pooler that lets everybody in.
        let lines = lines.replace("* = host", "engine = user=engine dbname=engine host");
        fs::write(&settings, lines).expect("the settings can be written");
        let script = "\"$1\" -q \"$2/pgbouncer.ini\" & read -r line; kill $!; wait; rm -rf \"$2\"";
        let pooler = Pooler { port, watchdog: watchdog(script, &program, &folder, account) };
        pooler.wait_until_it_answers(&folder);
        pooler
    }

    /// The URL of the database behind it.
    pub fn url(&self) -> String {
        format!("postgres://engine@127.0.0.1:{}/engine", self.port)
    }

    fn wait_until_it_answers(&self, folder: &Path) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(10), "PgBouncer does not answer: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn program() -> PathBuf {
    let find = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
        folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
    };
    let found = find().or_else(|| {
        install::package("pgbouncer");
        find()
    });
    found.expect(
        "this test needs PgBouncer, which is not on this machine: install it (Debian, Ubuntu: \
         `apt-get install pgbouncer`; Fedora: `dnf install pgbouncer`; macOS: `brew install pgbouncer`)",
    )
}
