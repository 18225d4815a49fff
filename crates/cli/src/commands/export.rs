//! `export`: all events, one line of JSON each.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use engine::{
    Position,
    store::{EventStore, transfer},
};

use super::progress;
use crate::{
    args::Export,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Writes the events to the file, or to stdout. An export that broke off is gone on with behind its last whole
/// line.
pub(super) async fn run(export: &Export, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let store = &**world.store().await?;
    if export.file == Path::new("-") {
        write(store, None, &mut output.raw()).await?;
        return Ok(output.flush()?);
    }
    let (file, after) = open(&export.file).map_err(|error| unusable(&export.file, &error))?;
    let mut out = BufWriter::new(file);
    let events = write(store, after, &mut out).await?;
    let synced = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map_err(|error| unusable(&export.file, &error))?;
    output.answer(&Answer::Exported { events, after, file: &export.file })?;
    Ok(output.flush()?)
}

async fn write(
    store: &dyn EventStore,
    after: Option<Position>,
    out: &mut impl Write,
) -> Result<u64, Trouble> {
    let bar = progress::bar("exporting");
    bar.set_length(store.head().await?.map_or(0, |head| head.next().0));
    let exported = transfer::export(store, after, out, |position| bar.set_position(position.0)).await;
    bar.finish_and_clear();
    match exported {
        Ok(events) => Ok(events),
        Err(transfer::ExportError::Read(error)) => Err(error.into()),
        Err(transfer::ExportError::Write(error)) => Err(error.into()),
        Err(error) => Err(Failure::new("internal", error.to_string()).into()),
    }
}

/// Opens the file to be written behind its last whole line, and tells the position of the event there.
fn open(path: &Path) -> io::Result<(File, Option<Position>)> {
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let (mut end, mut after) = (0, None);
    let mut lines = BufReader::new(&file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let event = transfer::parse(&line).map_err(|fault| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the file is there and is no export ({fault})"),
            )
        })?;
        after = Some(event.position);
        end += line.len() as u64;
        line.clear();
    }
    drop(lines);
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok((file, after))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("invalid", format!("field `file`: `{}` cannot be written: {error}", path.display()))
        .of_field("file")
}
