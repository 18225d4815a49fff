//! From configuration to a store and its read models: the one file that names them all.

mod folder;
mod names;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use engine_runtime::{
    App, Bus, Environment, StartError,
    listen::ownership::{Leases, Ownership, SoleOwner},
    read_models::ReadModels,
};
use engine_store::{
    AppendError, BackupReport, EventStore, MaintenanceError, Progress, ReadError, VerifyProgress,
    VerifyReport, memory::MemoryStore,
};

pub use folder::FolderOptions;
pub use names::shown;
use names::{is_kurrent, node_name, without_lease};

/// Where events are kept when nothing is said.
pub const DEFAULT_STORE: &str = "file:./engine-data";

/// How long a process that shares a store may be silent before others take over its work, unless the URL says
/// something else (`?lease=`).
pub const DEFAULT_LEASE: Duration = Duration::from_secs(10);

/// A store, named: `memory:`, `file:PATH?compression=zstd&chain=blake3`, `postgres://USER@HOST/DATABASE?schema=NAME` or
/// `kurrentdb://USER:PASSWORD@HOST:2113?tls=false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// In the memory of this process.
    Memory,
    /// In a folder of this machine.
    File(PathBuf, FolderOptions),
    /// In a schema of PostgreSQL, with the length of leases.
    Postgres(String, Duration),
    /// On a server of KurrentDB or EventStoreDB, with the length of leases.
    Kurrent(String, Duration),
}

impl FromStr for StoreUrl {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        let fault = |fault: &str| OpenError::Url { url: shown(url), fault: fault.to_owned() };
        match url.split_once(':') {
            Some(("memory", "")) => Ok(StoreUrl::Memory),
            Some(("memory", _)) => Err(fault("nothing may follow `memory:`")),
            Some(("file", path)) => {
                let parsed = folder::parse(path.strip_prefix("//").unwrap_or(path));
                let (path, options) = parsed.map_err(|wrong| fault(&wrong))?;
                Ok(StoreUrl::File(path, options))
            }
            Some(("postgres" | "postgresql", _)) => {
                let (url, lease) = without_lease(url).map_err(|wrong| fault(&wrong))?;
                Ok(StoreUrl::Postgres(url, lease))
            }
            Some((scheme, _)) if is_kurrent(scheme) => {
                let (url, lease) = without_lease(url).map_err(|wrong| fault(&wrong))?;
                Ok(StoreUrl::Kurrent(url, lease))
            }
            Some((scheme, _)) => Err(fault(&format!("this build has no store for `{scheme}:`"))),
            None => Err(fault("a store is named by a URL")),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Memory => formatter.write_str("memory:"),
            StoreUrl::File(path, options) => {
                write!(formatter, "file:{}{options}", path.display().to_string().replace('?', "%3F"))
            }
            StoreUrl::Postgres(url, _) | StoreUrl::Kurrent(url, _) => formatter.write_str(&shown(url)),
        }
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is not one of a store. Mend it.
    #[error(
        "store `{url}`: {fault}; use `memory:`, `file:PATH`, `postgres://USER@HOST/DATABASE` or `kurrentdb://HOST:2113`"
    )]
    Url {
        /// The name.
        url: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The folder cannot be used. The message says what to do.
    #[cfg(feature = "file")]
    #[error(transparent)]
    File(#[from] engine_log::OpenError),
    /// The schema cannot be used. The message says what to do.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] engine_postgres::OpenError),
    /// There is no connection to the server. The message says what to do.
    #[cfg(feature = "kurrentdb")]
    #[error(transparent)]
    Kurrent(#[from] engine_kurrentdb::ConnectError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Work on the store was not done.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
}

impl OpenError {
    /// The kind of error, as one stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            OpenError::Url { .. } => "usage",
            #[cfg(feature = "file")]
            OpenError::File(error) => match error {
                engine_log::OpenError::Locked { .. } => "locked",
                engine_log::OpenError::WrongVersion { .. } => "wrong_version",
                engine_log::OpenError::Corrupt { .. } => "corrupt",
                engine_log::OpenError::Unsettled { .. } | engine_log::OpenError::TakenBack { .. } => {
                    "unavailable"
                }
                _ => "cannot_open",
            },
            #[cfg(feature = "postgres")]
            OpenError::Postgres(error) => match error {
                engine_postgres::OpenError::Url { .. } => "usage",
                engine_postgres::OpenError::WrongVersion { .. } => "wrong_version",
                engine_postgres::OpenError::Unreachable { .. }
                | engine_postgres::OpenError::OutOfConnections { .. } => "unavailable",
                _ => "cannot_open",
            },
            OpenError::Maintenance(MaintenanceError::Read(ReadError::Corrupt(_))) => "corrupt",
            OpenError::Maintenance(MaintenanceError::Read(_)) => "unavailable",
            OpenError::Maintenance(MaintenanceError::Unsupported(_)) => "unsupported",
            OpenError::Maintenance(MaintenanceError::Locked(_)) => "locked",
            OpenError::Maintenance(_) => "cannot_open",
            #[cfg(feature = "kurrentdb")]
            OpenError::Kurrent(error) => match error {
                engine_kurrentdb::ConnectError::Url { .. } => "usage",
                engine_kurrentdb::ConnectError::Read(_) => "unavailable",
                _ => "cannot_open",
            },
            OpenError::Read(ReadError::Corrupt(_)) => "corrupt",
            OpenError::Read(_) => "unavailable",
        }
    }
}

/// Whether there is a store of this name, or something else where it would be; [`open`] makes one where there is
/// nothing. Changes nothing.
///
/// # Errors
/// [`OpenError::Url`], and where it takes a server, what keeps it from being asked.
pub async fn exists(url: &str) -> Result<bool, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(true),
        StoreUrl::File(path, _) => match std::fs::read_dir(path) {
            // The lock is there before anything else is.
            Ok(entries) => Ok(entries.flatten().any(|entry| entry.file_name() != "lock")),
            // Whatever else keeps it from being read is for `open` to tell.
            Err(error) => Ok(error.kind() != std::io::ErrorKind::NotFound),
        },
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url, _) => Ok(engine_postgres::PostgresStore::exists(&url).await?),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(..) => Err(left_out(url, "postgres")),
        // The server is there before anything is kept on it.
        StoreUrl::Kurrent(..) => Ok(true),
    }
}

/// Opens the store of this name, and makes it where there is nothing.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(url: &str) -> Result<Arc<dyn EventStore>, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new())),
        #[cfg(feature = "file")]
        StoreUrl::File(path, options) => {
            let opening = move || engine_log::LogStore::open(&path, options.into());
            Ok(Arc::new(blocking(opening).await??))
        }
        #[cfg(not(feature = "file"))]
        StoreUrl::File(..) => Err(left_out(url, "file")),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url, _) => {
            let options = engine_postgres::PostgresOptions::default();
            Ok(Arc::new(engine_postgres::PostgresStore::open(&url, options).await?))
        }
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(..) => Err(left_out(url, "postgres")),
        #[cfg(feature = "kurrentdb")]
        StoreUrl::Kurrent(url, _) => {
            let options = engine_kurrentdb::Options::default();
            Ok(Arc::new(engine_kurrentdb::KurrentStore::connect(&url, options).await?))
        }
        #[cfg(not(feature = "kurrentdb"))]
        StoreUrl::Kurrent(..) => Err(left_out(url, "kurrentdb")),
    }
}

/// Brings what holds the store to the version of this program, where that is not done by opening it: the schema of
/// `postgres:`. Answers what there was before and what there is now; none where there is nothing to be done.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(url: &str) -> Result<Option<(i64, i64)>, OpenError> {
    match url.parse::<StoreUrl>()? {
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url, _) => {
            let done = engine_postgres::migrate(&url).await?;
            Ok(Some((done.from, done.to)))
        }
        _ => Ok(None),
    }
}

/// How long a process is to work on a store, which matters to others that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stay {
    /// Until it is told to end: it takes its share of the work at once.
    #[default]
    Long,
    /// For one command: it works only where nobody else does.
    Brief,
}

/// The world that an application runs in over the store of this name: its read models where they belong, and, where
/// several processes may share the store, the work divided among them.
///
/// # Errors
/// See [`OpenError`].
pub fn environment(url: &str, stay: Stay) -> Result<Environment, OpenError> {
    let read_models = read_models(url)?;
    let ownership: Arc<dyn Ownership> = match url.parse()? {
        StoreUrl::Postgres(_, lease) | StoreUrl::Kurrent(_, lease) => {
            let patience = if stay == Stay::Brief { lease } else { Duration::ZERO };
            Arc::new(Leases::new(node_name(), lease).patient(patience))
        }
        StoreUrl::Memory | StoreUrl::File(..) => Arc::new(SoleOwner),
    };
    Ok(Environment { read_models, ownership, ..Environment::default() })
}

/// Where the read models of the store of this name are kept: those of `postgres:` beside the events, those of `file:PATH` in SQLite in
/// `PATH/read-models`, all others in memory.
///
/// # Errors
/// See [`OpenError`].
pub fn read_models(url: &str) -> Result<ReadModels, OpenError> {
    match url.parse::<StoreUrl>()? {
        #[cfg(feature = "sqlite")]
        StoreUrl::File(path, _) => {
            let folder = path.join("read-models");
            Ok(ReadModels::Stored(Arc::new(engine_sqlite::SqliteRows::in_folder(folder))))
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url, _) => {
            Ok(ReadModels::Stored(Arc::new(engine_postgres::PostgresRows::new(&url)?)))
        }
        _ => Ok(ReadModels::Memory),
    }
}

/// Opens the store of this name and runs an application over it, with its read models where they belong.
///
/// # Errors
/// What keeps the store from being opened, and what keeps the application from being started.
pub async fn start(app: App, url: &str) -> Result<Bus, RunError> {
    let store = open(url).await?;
    Ok(app.start_in(store, environment(url, Stay::Long)?).await?)
}

/// Why an application does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The application cannot be started over it.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Checks the store of this name without opening it for work, telling how far it has come. `link` is one of the hash
/// chain of a store in a folder that was noted earlier, and must be met.
///
/// # Errors
/// See [`OpenError`]. Damage is no error but an entry of the report.
pub async fn verify(
    url: &str,
    link: Option<String>,
    progress: impl Fn(VerifyProgress) + Send + Sync + 'static,
) -> Result<VerifyReport, OpenError> {
    let parsed = url.parse()?;
    if link.is_some() && !matches!(parsed, StoreUrl::File(..)) {
        let fault = "only a store in a folder has a hash chain, and so a link of it".to_owned();
        return Err(OpenError::Url { url: shown(url), fault });
    }
    match parsed {
        StoreUrl::Memory => Ok(MemoryStore::new().verify(&progress).await?),
        #[cfg(feature = "file")]
        StoreUrl::File(path, options) => {
            let expected = engine_log::Expected { required: options.chain, noted: link };
            let checking = move || engine_log::verify_against(&path, &expected, &progress);
            Ok(blocking(checking).await??)
        }
        #[cfg(not(feature = "file"))]
        StoreUrl::File(..) => Err(left_out(url, "file")),
        // What the server does for its own files is its own affair: this reads everything.
        StoreUrl::Postgres(..) | StoreUrl::Kurrent(..) => {
            let store = open(url).await?;
            let report = store.verify(&progress).await?;
            // Nothing was written that could be lost.
            let _ = store.close().await;
            Ok(report)
        }
    }
}

/// Copies the store of this name into a directory, as it stands now, telling how far it has come. A store in a folder
/// may be open, here or in another process: nothing is written there.
///
/// # Errors
/// See [`OpenError`].
pub async fn backup(
    url: &str,
    destination: &std::path::Path,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<BackupReport, OpenError> {
    match url.parse::<StoreUrl>()? {
        #[cfg(feature = "file")]
        StoreUrl::File(path, _) => {
            let destination = destination.to_owned();
            let copying = move || engine_log::backup(&path, &destination, &progress);
            Ok(blocking(copying).await??)
        }
        _ => {
            let store = open(url).await?;
            let report = store.backup(destination, &progress).await;
            // Nothing was written that could be lost.
            let _ = store.close().await;
            Ok(report?)
        }
    }
}

/// Makes the store of this name of a backup, where nothing is yet, telling how far it has come.
///
/// # Errors
/// See [`OpenError`]: nothing is ever overwritten.
pub async fn restore(
    source: &std::path::Path,
    url: &str,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<BackupReport, OpenError> {
    match url.parse::<StoreUrl>()? {
        #[cfg(feature = "file")]
        StoreUrl::File(path, _) => {
            let source = source.to_owned();
            let restoring = move || engine_log::restore(&source, &path, &progress);
            Ok(blocking(restoring).await??)
        }
        _ => {
            let _nothing_to_do = (source, progress);
            let fault = "only a store in a folder is made of a backup".to_owned();
            Err(OpenError::Url { url: shown(url), fault })
        }
    }
}

/// Whether an error of [`EventStore::close`] means no more than that the next start takes longer.
pub fn is_closed_unmarked(error: &AppendError) -> bool {
    #[cfg(feature = "file")]
    return engine_log::ClosedUnmarked::is_cause_of(error);
    #[cfg(not(feature = "file"))]
    {
        let _never = error;
        false
    }
}

#[cfg(not(all(feature = "file", feature = "postgres", feature = "kurrentdb")))]
fn left_out(url: &str, scheme: &str) -> OpenError {
    OpenError::Url {
        url: shown(url),
        fault: format!("this build has no store for `{scheme}:`; build it with `--features {scheme}`"),
    }
}

#[cfg(feature = "file")]
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(ReadError::unavailable)
}
