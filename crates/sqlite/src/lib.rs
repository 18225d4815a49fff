//! Read models in SQLite: one file for each generation of a projection, in a folder of this machine.
//!
//! The rows of a batch and the position of its last event are stored in one transaction. Files are in
//! write-ahead mode, so that readers see whole batches while the next is written. After a power cut the newest
//! batches may be missing, never half of one: their events are counted again.
//!
//! ```
//! use engine_sqlite::SqliteRows;
//! use engine_store::rows::{GenerationId, RowBatch, RowKey, RowStores, StoredRow};
//! use engine_types::Position;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let stores = SqliteRows::in_folder(folder.path());
//! let rows = stores.open("balances", GenerationId { version: 1, number: 1 })?;
//! let row = StoredRow { content: b"23".to_vec(), rank: 23 };
//! rows.commit(&RowBatch {
//!     rows: vec![(RowKey::of("jsdf"), Some(row))],
//!     position: Some(Position(7)),
//!     ..RowBatch::default()
//! })?;
//! assert_eq!(rows.get(&RowKey::of("jsdf"))?.as_deref(), Some(&b"23"[..]));
//! # Ok(()) }
//! ```

mod file;
mod listing;
mod schema;
mod view;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine_store::rows::{GenerationId, RowError, RowStore, RowStores};

use file::SqliteFile;

/// How the names of files end.
const ENDING: &str = ".sqlite";

/// Keeps generations of read models as files of a folder, which is made when it is needed.
#[derive(Debug, Clone)]
pub struct SqliteRows {
    folder: PathBuf,
}

impl SqliteRows {
    /// Files in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        SqliteRows { folder: folder.into() }
    }

    fn path(&self, projection: &str, generation: GenerationId) -> PathBuf {
        self.folder.join(format!("{projection}.{generation}{ENDING}"))
    }
}

impl RowStores for SqliteRows {
    fn generations(&self, projection: &str) -> Result<Vec<GenerationId>, RowError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreachable(&self.folder, &error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| unreachable(&self.folder, &error))?.file_name();
            found.extend(name.to_str().and_then(|name| parse(name, projection)));
        }
        Ok(found)
    }

    fn open(&self, projection: &str, generation: GenerationId) -> Result<Arc<dyn RowStore>, RowError> {
        fs::create_dir_all(&self.folder).map_err(|error| unreachable(&self.folder, &error))?;
        Ok(Arc::new(SqliteFile::open(&self.path(projection, generation))?))
    }

    fn remove(&self, projection: &str, generation: GenerationId) -> Result<(), RowError> {
        let path = self.path(projection, generation);
        // The file itself goes last: without it nobody looks for the others.
        for beside in ["-wal", "-shm", ""] {
            let mut file = path.clone().into_os_string();
            file.push(beside);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unreachable(Path::new(&file), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The generation that a file of this name holds, if it belongs to the projection.
fn parse(name: &str, projection: &str) -> Option<GenerationId> {
    let rest = name.strip_prefix(projection)?.strip_prefix(".v")?.strip_suffix(ENDING)?;
    let (version, number) = rest.split_once(".g")?;
    Some(GenerationId { version: version.parse().ok()?, number: number.parse().ok()? })
}

fn unreachable(path: &Path, error: &io::Error) -> RowError {
    RowError::unavailable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_projection_whose_whole_name_it_bears() {
        let generation = GenerationId { version: 2, number: 13 };
        assert_eq!(parse(&format!("balances.{generation}.sqlite"), "balances"), Some(generation));
        for name in [
            "balances.v2.g13.sqlite-wal",
            "balances.x.v2.g13.sqlite",
            "balances.v2.sqlite",
            "other.v2.g13.sqlite",
        ] {
            assert_eq!(parse(name, "balances"), None, "{name}");
        }
    }
}
