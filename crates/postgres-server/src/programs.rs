//! Where the programs of PostgreSQL are, and who may run them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::install;

/// Who runs a server: PostgreSQL refuses to be run by root.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    /// The number of the user.
    pub user: u32,
    /// The number of the group.
    pub group: u32,
}

impl Account {
    /// Who is to run a server: another than root where this is root; absent where this may do it itself.
    ///
    /// # Panics
    /// This is root, and there is nobody else.
    pub fn for_servers() -> Option<Account> {
        if !install::is_root() {
            return None;
        }
        let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let of = |name: &str| {
            let line = known.lines().find(|line| line.starts_with(&format!("{name}:")))?;
            let mut fields = line.split(':').skip(2);
            Some(Account { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        };
        Some(of("postgres").or_else(|| of("nobody")).expect("/etc/passwd names `postgres` or `nobody`"))
    }

    /// Lets this account run a program.
    pub fn runs(account: Option<Account>, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        if let Some(account) = account {
            command.uid(account.user).gid(account.group);
        }
    }
}

/// The folder of `initdb`, `pg_ctl` and `postgres`, which are installed if need be.
///
/// # Panics
/// There are none and they cannot be installed: says what to do.
pub fn programs() -> PathBuf {
    let found = find().or_else(|| {
        install::package("postgresql");
        find()
    });
    found.unwrap_or_else(|| {
        panic!(
            "these tests need the server programs of PostgreSQL 13 or newer, and there are none on this machine: \
             install them (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; \
             macOS: `brew install postgresql`), or name a server with {}=postgres://user@host/database",
            crate::VARIABLE
        )
    })
}

fn find() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for place in ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join("bin")));
    }
    // The newest first, so far as names tell.
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    name.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}
