//! From configuration to a store and its read models: the one file that names them all.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use engine_runtime::{App, Bus, Environment, StartError, read_models::ReadModels};
use engine_store::{AppendError, EventStore, ReadError, VerifyProgress, VerifyReport, memory::MemoryStore};

/// Where events are kept when nothing is said.
pub const DEFAULT_STORE: &str = "file:./engine-data";

/// A store, named: `memory:` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// In the memory of this process.
    Memory,
    /// In a folder of this machine.
    File(PathBuf),
}

impl FromStr for StoreUrl {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        let fault = |fault: &str| OpenError::Url { url: url.to_owned(), fault: fault.to_owned() };
        match url.split_once(':') {
            Some(("memory", "")) => Ok(StoreUrl::Memory),
            Some(("memory", _)) => Err(fault("nothing may follow `memory:`")),
            Some(("file", "")) => Err(fault("a path must follow `file:`")),
            Some(("file", path)) => Ok(StoreUrl::File(path.strip_prefix("//").unwrap_or(path).into())),
            Some((scheme, _)) => Err(fault(&format!("this build has no store for `{scheme}:`"))),
            None => Err(fault("a store is named by a URL")),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Memory => formatter.write_str("memory:"),
            StoreUrl::File(path) => write!(formatter, "file:{}", path.display()),
        }
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is not one of a store. Mend it.
    #[error("store `{url}`: {fault}; use `memory:` or `file:PATH`")]
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
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
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
/// [`OpenError::Url`].
pub fn exists(url: &str) -> Result<bool, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(true),
        StoreUrl::File(path) => match std::fs::read_dir(path) {
            // The lock is there before anything else is.
            Ok(entries) => Ok(entries.flatten().any(|entry| entry.file_name() != "lock")),
            // Whatever else keeps it from being read is for `open` to tell.
            Err(error) => Ok(error.kind() != std::io::ErrorKind::NotFound),
        },
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
        StoreUrl::File(path) => {
            let opening = move || engine_log::LogStore::open(&path, engine_log::LogOptions::default());
            Ok(Arc::new(blocking(opening).await??))
        }
        #[cfg(not(feature = "file"))]
        StoreUrl::File(_) => Err(no_files(url)),
    }
}

/// Where the read models of the store of this name are kept: those of `file:PATH` in SQLite in
/// `PATH/read-models`, all others in memory.
///
/// # Errors
/// See [`OpenError`].
pub fn read_models(url: &str) -> Result<ReadModels, OpenError> {
    match url.parse::<StoreUrl>()? {
        #[cfg(feature = "sqlite")]
        StoreUrl::File(path) => {
            let folder = path.join("read-models");
            Ok(ReadModels::Stored(Arc::new(engine_sqlite::SqliteRows::in_folder(folder))))
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
    let world = Environment { read_models: read_models(url)?, ..Environment::default() };
    Ok(app.start_in(store, world).await?)
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

/// Checks the store of this name without opening it for work, telling how far it has come.
///
/// # Errors
/// See [`OpenError`]. Damage is no error but an entry of the report.
pub async fn verify(
    url: &str,
    progress: impl Fn(VerifyProgress) + Send + Sync + 'static,
) -> Result<VerifyReport, OpenError> {
    match url.parse()? {
        StoreUrl::Memory => Ok(MemoryStore::new().verify(&progress).await?),
        #[cfg(feature = "file")]
        StoreUrl::File(path) => {
            let checking = move || engine_log::verify(&path, &progress);
            Ok(blocking(checking).await??)
        }
        #[cfg(not(feature = "file"))]
        StoreUrl::File(_) => Err(no_files(url)),
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

#[cfg(not(feature = "file"))]
fn no_files(url: &str) -> OpenError {
    OpenError::Url { url: url.to_owned(), fault: "this build has no store for `file:`".to_owned() }
}

#[cfg(feature = "file")]
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(ReadError::unavailable)
}
