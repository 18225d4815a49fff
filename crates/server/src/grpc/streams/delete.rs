//! Deletions, softly and for ever.

use engine_store::{AppendError, DeleteMode, Direction, Filter, ReadAll, ReadFrom, filter::Choice};
use engine_types::{Position, StreamName};
use tonic::Status;

use crate::{
    auth::{self, Action, Caller},
    core::Core,
    grpc::{
        convert::{expected_in, name_in, position_out},
        status,
    },
    proto::{
        Empty,
        streams::{DeleteReq, DeleteResp, delete_resp::PositionOption},
    },
};

/// How many pages back the event of a deletion is looked for. Others write meanwhile, but not that much.
const PAGES: usize = 8;

/// Deletes a stream, and tells where that is recorded.
pub(super) async fn delete(
    core: &Core,
    caller: &Caller,
    request: DeleteReq,
    mode: DeleteMode,
) -> Result<DeleteResp, Status> {
    let options = request.options.ok_or_else(|| Status::invalid_argument("`options` is missing"))?;
    let stream = name_in(options.stream_identifier.as_ref())?;
    if stream.is_metadata() {
        return Err(status::access_denied());
    }
    auth::check(&*core.store, caller, &stream, Action::Delete).await?;
    let expected = expected_in(options.expected_revision.as_ref())?;
    let deleting = core.store.delete_stream(&stream, expected, mode);
    match tokio::time::timeout(core.limits.append_patience, deleting).await {
        Ok(deleted) => deleted.map_err(status::of_append)?,
        Err(elapsed) => return Err(status::of_append(AppendError::OutcomeUnknown(elapsed.into()))),
    }
    core.metrics.deletions.add(1);
    let recorded = match mode {
        DeleteMode::Soft => stream.metadata_stream(),
        DeleteMode::Tombstone => stream,
    };
    let position = newest(core, &recorded).await?;
    Ok(DeleteResp {
        position_option: Some(match position {
            Some(position) => PositionOption::Position(position_out(position)),
            None => PositionOption::NoPosition(Empty {}),
        }),
    })
}

/// The position of the newest event of a stream, which need not be readable any more.
async fn newest(core: &Core, stream: &StreamName) -> Result<Option<Position>, Status> {
    let streams = vec![stream.as_str().to_owned()];
    let mut request = ReadAll {
        from: ReadFrom::End,
        direction: Direction::Backwards,
        limit: 1,
        filter: Filter::new(Choice { streams, system: true, ..Choice::default() }),
    };
    for _ in 0..PAGES {
        let page = core.store.read_all(request.clone()).await.map_err(status::of_read)?;
        match (page.events.first(), page.next) {
            (Some(event), _) => return Ok(Some(event.position)),
            (None, Some(next)) => request.from = ReadFrom::At(next),
            (None, None) => return Ok(None),
        }
    }
    Ok(None)
}
