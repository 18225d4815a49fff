//! Appending: one try after the other until the answer is known.

use engine_store::{
    AppendError, AppendRequest, Appended, StreamAppend, StreamAppended,
    concurrency::{self, StreamState, Verdict},
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use kurrentdb::{AppendToStreamOptions, ReadStreamOptions, StreamPosition};

use crate::{
    connection::{Connection, Patience},
    convert,
    fault::Fault,
    read,
    store::KurrentStore,
};

/// How many events of others may have come behind those of an append whose answer was lost, so that it is still
/// found by looking back.
const LOOK_BACK: usize = 1_000;

/// An expectation that no stream can meet: asking with it tells where a stream is, and writes nothing.
const NEVER: u64 = i64::MAX as u64 - 1;

/// Where the last event of an append stands.
#[derive(Debug, Clone, Copy)]
struct Written {
    revision: Revision,
    position: Position,
}

pub(crate) async fn append(store: &KurrentStore, request: AppendRequest) -> Result<Appended, AppendError> {
    request.check()?;
    let [part] = &request.streams[..] else {
        return Err(AppendError::Unsupported(
            "this store appends to one stream at a time: the official client of KurrentDB has no call for several"
                .to_owned(),
        ));
    };
    if part.events.is_empty() {
        return condition(store, part).await;
    }
    let before = store.novelty.newest();
    match send(&store.connection, part).await {
        Ok(written) => Ok(Appended {
            streams: vec![StreamAppended {
                stream: part.stream.clone(),
                revision: CurrentRevision::At(written.revision),
            }],
            position: Some(written.position),
            deduplicated: !store.novelty.is_new(before, written.position),
        }),
        Err(Fault::WrongRevision(actual)) => Err(conflict(&part.stream, part.expected, actual)),
        Err(fault) => Err(fault.of_append(&part.stream)),
    }
}

pub(crate) fn conflict(
    stream: &StreamName,
    expected: ExpectedRevision,
    actual: CurrentRevision,
) -> AppendError {
    AppendError::Conflict { stream: stream.clone(), expected, actual }
}

/// Sends the events until there is an answer. The same ids with the same expectation are written once.
async fn send(connection: &Connection, part: &StreamAppend) -> Result<Written, Fault> {
    let options = AppendToStreamOptions::default()
        .stream_state(convert::state(part.expected))
        .deadline(connection.options.deadline);
    let mut patience = Patience::new(connection.options.patience);
    let mut lost = false;
    loop {
        let (client, number) = connection.client();
        let events: Vec<_> = part.events.iter().map(convert::event_out).collect();
        let answer = tokio::select! {
            biased;
            () = connection.closed.cancelled() => Err(Fault::Closed),
            answer = client.append_to_stream(part.stream.as_str(), &options, events) => answer.map_err(Fault::from),
        };
        let fault = match answer {
            Ok(written) => {
                let revision = Revision(written.next_expected_version);
                return Ok(Written { revision, position: convert::position_in(written.position) });
            }
            Err(fault) => fault,
        };
        lost |= matches!(fault, Fault::Lost(..));
        match fault.may_pass() {
            Some(trouble) if patience.wait(&connection.closed).await => connection.mend(trouble, number),
            _ => {
                return Err(match fault {
                    Fault::NotDone(trouble, cause) if lost => Fault::Lost(trouble, cause),
                    fault => fault,
                });
            }
        }
        // Without a certain place, a server that was started anew may not know the ids any more.
        let anywhere = matches!(part.expected, ExpectedRevision::Any | ExpectedRevision::StreamExists);
        if lost
            && anywhere
            && let Some(written) = look_back(connection, part).await?
        {
            return Ok(written);
        }
    }
}

/// Looks for the events of an append among the newest of the stream.
async fn look_back(connection: &Connection, part: &StreamAppend) -> Result<Option<Written>, Fault> {
    let count = LOOK_BACK + part.events.len();
    let options = ReadStreamOptions::default().position(StreamPosition::End).backwards().max_count(count);
    let newest = match read::stream(connection, &part.stream, &options, count).await {
        Ok(page) => page.events,
        Err(Fault::NotFound) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let last = part.events.last().and_then(|last| newest.iter().find(|event| event.id == last.id));
    Ok(last.map(|event| Written { revision: event.revision, position: event.position }))
}

/// An append of no events is a condition. The client does not tell a stream without events from one with a single one
/// when it answers it, so that it is decided here.
async fn condition(store: &KurrentStore, part: &StreamAppend) -> Result<Appended, AppendError> {
    let stream = &part.stream;
    let state = stream_state(&store.connection, stream).await.map_err(|fault| fault.of_append(stream))?;
    match concurrency::decide(state, part.expected, &[], |_| None, |_| None) {
        Verdict::Deleted => Err(AppendError::StreamDeleted { stream: stream.clone() }),
        Verdict::Conflict => Err(conflict(stream, part.expected, state.current)),
        Verdict::Nothing | Verdict::Write { .. } | Verdict::Written(_) => Ok(Appended {
            streams: vec![StreamAppended { stream: stream.clone(), revision: state.current }],
            position: None,
            deduplicated: false,
        }),
    }
}

/// Where a stream is, and whether it can be read.
pub(crate) async fn stream_state(connection: &Connection, stream: &StreamName) -> Result<StreamState, Fault> {
    let newest = ReadStreamOptions::default().position(StreamPosition::End).backwards().max_count(1);
    match read::stream(connection, stream, &newest, 1).await {
        Ok(page) => {
            let last = page.last.or_else(|| page.events.first().map(|event| event.revision));
            if let Some(last) = last {
                return Ok(StreamState { current: CurrentRevision::At(last), ..StreamState::default() });
            }
        }
        Err(Fault::Deleted) => return Ok(StreamState { tombstoned: true, ..StreamState::default() }),
        Err(Fault::NotFound) => {}
        Err(fault) => return Err(fault),
    }
    let current = ask_by_conflict(connection, stream).await?;
    Ok(StreamState { current, deleted: current != CurrentRevision::NoStream, ..StreamState::default() })
}

/// Where a stream is that cannot be read.
async fn ask_by_conflict(connection: &Connection, stream: &StreamName) -> Result<CurrentRevision, Fault> {
    let options = AppendToStreamOptions::default()
        .stream_state(kurrentdb::StreamState::StreamRevision(NEVER))
        .deadline(connection.options.deadline);
    let ask = |client: kurrentdb::Client| {
        let options = &options;
        async move { client.append_to_stream(stream.as_str(), options, Vec::new()).await }
    };
    match connection.call(ask).await {
        Err(Fault::WrongRevision(current)) => Ok(current),
        Ok(_) => Err(Fault::Refused(format!("the server takes revision {NEVER} of `{stream}` for its end"))),
        Err(fault) => Err(fault),
    }
}
