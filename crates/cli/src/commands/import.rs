//! `import`: takes events in that `export` has written.

use std::{io, path::Path};

use engine::store::transfer::{self, ImportError, Imported, Importer, Revisions};

use indicatif::ProgressBar;
use tokio::{
    fs::File,
    io::{AsyncBufRead, AsyncBufReadExt, BufReader},
};

use super::progress;
use crate::{
    args::Import,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// How much of the file is read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Reads the file, or stdin, line by line.
pub(super) async fn run(import: &Import, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let bar = progress::bar("importing");
    let lines: Box<dyn AsyncBufRead + Unpin> = if import.file == Path::new("-") {
        Box::new(BufReader::new(tokio::io::stdin()))
    } else {
        let file = File::open(&import.file).await.map_err(|error| unusable(&import.file, &error))?;
        bar.set_length(file.metadata().await.map_or(0, |metadata| metadata.len()));
        Box::new(BufReader::with_capacity(BUFFER_BYTES, file))
    };
    let store = &**world.store().await?;
    let revisions = if import.renumber { Revisions::Renumbered } else { Revisions::Kept };
    let imported = take(lines, Importer::new(store, revisions), &import.file, &bar).await;
    bar.finish_and_clear();
    output.answer(&Answer::Imported(imported?))?;
    Ok(output.flush()?)
}

async fn take(
    mut lines: Box<dyn AsyncBufRead + Unpin>,
    mut importer: Importer<'_>,
    path: &Path,
    bar: &ProgressBar,
) -> Result<Imported, Trouble> {
    let mut line = Vec::new();
    let mut number = 0;
    while lines.read_until(b'\n', &mut line).await.map_err(|error| unusable(path, &error))? > 0 {
        number += 1;
        bar.inc(line.len() as u64);
        if !line.trim_ascii().is_empty() {
            let event = transfer::parse(&line).map_err(|fault| {
                let fault = fault.at_line(number);
                Failure::new(
                    "invalid",
                    format!("`{}`: {fault}; the lines before it are imported", path.display()),
                )
            });
            match event {
                Ok(event) => importer.take(event).await.map_err(failed)?,
                Err(failure) => {
                    importer.finish().await.map_err(failed)?;
                    return Err(failure.into());
                }
            }
        }
        line.clear();
    }
    importer.finish().await.map_err(failed)
}

fn failed(error: ImportError) -> Trouble {
    match error {
        ImportError::Append(error) => Failure::from(error).into(),
        error => Failure::new("conflict", error.to_string()).into(),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("invalid", format!("field `file`: `{}` cannot be read: {error}", path.display()))
        .of_field("file")
}
