//! A second server that follows a first one, to take its place when that is gone.

use std::process::Command;

use crate::{
    programs::{Account, programs},
    server::{Server, append_to, folder, free_port, run, watchdog},
};

impl Server {
    /// Makes a standby of this server, which streams what is committed here and can be read meanwhile.
    ///
    /// # Panics
    /// It cannot be started: tells what PostgreSQL says.
    pub fn standby(&self) -> Server {
        let (programs, account) = (programs(), Account::for_servers());
        let (folder, port) = (folder(None, account), free_port());
        let data = folder.join("data");
        let mut copying = Command::new(programs.join("pg_basebackup"));
        copying.args(["-h", "127.0.0.1", "-U", "engine", "-p", &self.port().to_string()]);
        copying.args([
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "-D",
        ]);
        run(account, copying.arg(&data));
        append_to(&data.join("postgresql.conf"), &[&format!("port = {port}")]);
        let script = "read -r line; \"$1\" -D \"$2/data\" -w -m immediate stop; rm -rf \"$2\"";
        let watchdog = watchdog(script, &programs.join("pg_ctl"), &folder, account);
        let standby = Server::of(folder, programs, account, port, watchdog);
        standby.resume();
        standby
    }

    /// Lets a standby take writes, as an operator does when the first server is gone.
    ///
    /// # Panics
    /// It is not a standby, or cannot become the first one.
    pub fn promote(&self) {
        self.control(&["-w", "promote"]);
    }
}
