//! One server: made in a folder of its own, stopped and removed with the process that made it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::programs::{Account, programs};

/// How a server is to be.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether what was committed survives a power cut; slower.
    pub is_durable: bool,
    /// Lines for `postgresql.conf`.
    pub more: Vec<String>,
    /// The folder to make it in; absent for one among the temporary files.
    pub folder: Option<PathBuf>,
}

/// A running server.
///
/// It listens on a free port of 127.0.0.1, trusts everybody there, and has a user and a database `engine`.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    account: Option<Account>,
    port: u16,
    watchdog: Child,
}

impl Server {
    /// Makes a server and starts it.
    ///
    /// A second process waits for this one to end, for whatever reason, and then stops the server and removes its
    /// folder: nothing is left behind by a test that is killed.
    ///
    /// # Panics
    /// It cannot be started: tells what PostgreSQL says.
    pub fn start(settings: &Settings) -> Self {
        let (programs, account) = (programs(), Account::for_servers());
        let folder = folder(settings.folder.as_deref(), account);
        let port = free_port();
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--no-sync", "-A", "trust", "-U", "engine", "-E", "UTF8", "--locale=C", "-D"]);
        run(account, initdb.arg(folder.join("data")));
        configure(&folder, port, settings);
        let script = "read -r line; \"$1\" -D \"$2/data\" -w -m immediate stop; rm -rf \"$2\"";
        let watchdog = watchdog(script, &programs.join("pg_ctl"), &folder, account);
        let server = Server::of(folder, programs, account, port, watchdog);
        server.resume();
        let mut createdb = Command::new(server.programs.join("createdb"));
        createdb.args(["-h", "127.0.0.1", "-U", "engine", "-p", &port.to_string(), "engine"]);
        run(account, &mut createdb);
        server
    }

    pub(crate) fn of(
        folder: PathBuf,
        programs: PathBuf,
        account: Option<Account>,
        port: u16,
        watchdog: Child,
    ) -> Self {
        Server { folder, programs, account, port, watchdog }
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://engine@127.0.0.1:{}/engine", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, which also holds its log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who runs it, where that is not this process's own user.
    pub fn account(&self) -> Option<Account> {
        self.account
    }

    /// Starts it again after [`Server::stop`].
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn resume(&self) {
        let log = self.folder.join("log");
        self.control(&["-w", "-l", &log.to_string_lossy(), "start"]);
    }

    /// Stops it: `fast` as an operator does, `immediate` as a crash does.
    ///
    /// # Panics
    /// It does not stop.
    pub fn stop(&self, mode: &str) {
        self.control(&["-w", "-m", mode, "stop"]);
    }

    /// Restarts it with more lines in `postgresql.conf`.
    ///
    /// # Panics
    /// It does not take them.
    pub fn reconfigure(&self, lines: &[&str]) {
        append_to(&self.folder.join("data/postgresql.conf"), lines);
        self.restart();
    }

    /// Restarts it with these lines, and no others, as `pg_hba.conf`: who is let in, and how.
    ///
    /// # Panics
    /// It does not take them.
    pub fn let_in(&self, lines: &[&str]) {
        let file = self.folder.join("data/pg_hba.conf");
        fs::write(file, lines.join("\n") + "\n").expect("who is let in can be written");
        self.restart();
    }

    /// Writes a file into its folder which nobody but it can read, such as a key.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn keep(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::{PermissionsExt, chown};
        let file = self.folder.join(name);
        fs::write(&file, content).expect("a file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a file can be hidden");
        if let Some(owner) = self.account {
            chown(&file, Some(owner.user), Some(owner.group)).expect("a file can be given away");
        }
        file
    }

    /// Ends its first process at once, and with it all others, as a power cut does: nobody is told.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&self) {
        let noted = fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("the server runs");
        let process = noted.lines().next().expect("its first line is a process").to_owned();
        run(None, Command::new("kill").args(["-KILL", &process]));
    }

    fn restart(&self) {
        let log = self.folder.join("log");
        self.control(&["-w", "-m", "fast", "-l", &log.to_string_lossy(), "restart"]);
    }

    pub(crate) fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        run(self.account, command.arg("-D").arg(self.folder.join("data")).args(arguments));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // It says nothing that could be of use now.
        let _ = self.watchdog.wait();
    }
}

pub(crate) fn folder(within: Option<&Path>, account: Option<Account>) -> PathBuf {
    let name = format!("engine-postgres-{}", uuid::Uuid::now_v7().simple());
    let folder = within.map_or_else(std::env::temp_dir, Path::to_owned).join(name);
    fs::create_dir_all(&folder).expect("a folder for the server can be made");
    if let Some(account) = account {
        std::os::unix::fs::chown(&folder, Some(account.user), Some(account.group))
            .expect("the folder can be given to the one who runs the server");
    }
    folder
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("127.0.0.1 has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

fn configure(folder: &Path, port: u16, settings: &Settings) {
    let file = folder.join("data/postgresql.conf");
    let mut lines = fs::read_to_string(&file).expect("initdb wrote a configuration");
    let ours = format!(
        "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\n\
         max_wal_size = 4GB\nlog_min_messages = fatal\n"
    );
    lines.push_str(&ours);
    if !settings.is_durable {
        lines.push_str("fsync = off\nfull_page_writes = off\n");
    }
    fs::write(&file, lines).expect("the configuration can be written");
    append_to(&file, &settings.more.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Adds lines to a file of settings; of two that say otherwise the last one holds.
pub(crate) fn append_to(file: &Path, lines: &[&str]) {
    let mut all = fs::read_to_string(file).expect("the settings can be read");
    for line in lines {
        all.push_str(line);
        all.push('\n');
    }
    fs::write(file, all).expect("the settings can be written");
}

/// Runs a script that waits until its standard input is closed, which the end of this process does, and cleans up.
pub(crate) fn watchdog(script: &str, program: &Path, folder: &Path, account: Option<Account>) -> Child {
    let script = format!("trap '' INT TERM HUP; {script}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(program).arg(folder).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Account::runs(account, &mut command);
    command.spawn().expect("sh can be run")
}

/// Runs a program to its end.
pub(crate) fn run(account: Option<Account>, command: &mut Command) {
    Account::runs(account, command);
    // A server that is started keeps what it inherits: it gets files, and no pipe that would never end.
    let said = tempfile::NamedTempFile::new().expect("a file among the temporary ones can be made");
    let file = || said.reopen().map(Stdio::from).expect("the file can be opened again");
    command.current_dir("/").stdin(Stdio::null()).stdout(file()).stderr(file());
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let said = fs::read(said.path()).unwrap_or_default();
    assert!(status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&said));
}
