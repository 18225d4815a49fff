//! The queue in front of the writer: what it may be asked to do.

use bytes::Bytes;
use engine_store::{AppendError, AppendRequest, Appended, DeleteMode, DocumentKey, ExpectedVersion};
use engine_types::{ExpectedRevision, StreamName};

use super::{
    Writer,
    line::{Closed, Line, Weighed},
    reply,
};

/// Jobs that wait for the writer.
pub(crate) type Queue = Line<Job, Box<Writer>>;

/// Where the answer to a job goes.
pub(crate) type Reply<T> = reply::Reply<Result<T, AppendError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    Append(AppendRequest, Reply<Appended>),
    Delete(StreamName, ExpectedRevision, DeleteMode, Reply<()>),
    Save(DocumentKey, ExpectedVersion, Bytes, Reply<u64>),
    Remove(DocumentKey, Reply<()>),
    /// Finish the segment that is written, if anything is in it.
    Roll(Reply<()>),
}

impl Weighed for Job {
    fn bytes(&self) -> usize {
        match self {
            Job::Append(request, _) => {
                let events = request.streams.iter().flat_map(|stream| &stream.events);
                events.map(|event| event.bytes() + 128).sum()
            }
            Job::Save(_, _, content, _) => content.len(),
            Job::Delete(..) | Job::Remove(..) | Job::Roll(..) => 0,
        }
    }
}

impl From<Closed> for AppendError {
    fn from(_: Closed) -> Self {
        AppendError::unavailable("the store was closed")
    }
}
