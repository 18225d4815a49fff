//! Reading pages.
//!
//! The server reads from where an event stands, and refuses other places. The store promises more: a page may begin
//! anywhere. So pages lead to the place beside the last event, and a page from there is read from that event on.

use engine_store::{
    AllPage, Direction, Filter, ReadAll, ReadError, ReadFrom, ReadStream, RecordedEvent, StreamPage,
    read::check_limit,
};
use engine_types::{Position, Revision, StreamName};
use kurrentdb::{ReadAllOptions, ReadEvent, ReadStreamOptions, StreamPosition};

use crate::{connection::Connection, convert, fault::Fault, filter, store::KurrentStore};

/// What the server tells of one stream.
pub(crate) struct Told {
    pub(crate) events: Vec<RecordedEvent>,
    /// The revision of the newest event, readable or not.
    pub(crate) last: Option<Revision>,
}

/// Reads at most `count` events of a stream.
pub(crate) async fn stream(
    connection: &Connection,
    stream: &StreamName,
    options: &ReadStreamOptions,
    count: usize,
) -> Result<Told, Fault> {
    let options = &options.clone().max_count(count).deadline(connection.options.deadline);
    let ask = |client: kurrentdb::Client| async move {
        let mut messages = client.read_stream(stream.as_str(), options).await?;
        let mut told = Told { events: Vec::new(), last: None };
        while let Some(message) = messages.next_read_event().await? {
            match message {
                ReadEvent::Event(event) => told.events.extend(convert::event_in(event.get_original_event())),
                ReadEvent::LastStreamPosition(revision) => told.last = Some(Revision(revision)),
                ReadEvent::FirstStreamPosition(_) | ReadEvent::LastAllStreamPosition(_) => {}
            }
        }
        Ok(told)
    };
    connection.call(ask).await
}

pub(crate) async fn stream_page(store: &KurrentStore, request: ReadStream) -> Result<StreamPage, ReadError> {
    check_limit(request.limit)?;
    let limit = request.limit.min(store.connection.options.page_events);
    let name = &request.stream;
    let forwards = request.direction == Direction::Forwards;
    let beyond = matches!(request.from, ReadFrom::At(revision) if i64::try_from(revision.0).is_err());
    let options = ReadStreamOptions::default();
    let (options, count) = match request.from {
        // Forwards from the end there is nothing: only the end itself is asked for.
        ReadFrom::End => {
            (options.position(StreamPosition::End).backwards(), if forwards { 1 } else { limit + 1 })
        }
        ReadFrom::At(_) if beyond => {
            (options.position(StreamPosition::End).backwards(), if forwards { 1 } else { limit + 1 })
        }
        ReadFrom::Start if forwards => (options.position(StreamPosition::Start).forwards(), limit),
        ReadFrom::Start => (options.position(StreamPosition::Start).forwards(), 1),
        ReadFrom::At(revision) if forwards => {
            (options.position(StreamPosition::Position(revision.0)).forwards(), limit)
        }
        ReadFrom::At(revision) => {
            (options.position(StreamPosition::Position(revision.0)).backwards(), limit + 1)
        }
    };
    let told =
        stream(&store.connection, name, &options, count).await.map_err(|fault| fault.of_read(Some(name)))?;
    store.novelty.saw(told.events.iter().map(|event| event.position).max());
    let last = match told.last {
        Some(last) => last,
        None => last_revision(store, name).await?,
    };
    Ok(match (request.from, forwards) {
        (ReadFrom::End, true) => StreamPage { events: Vec::new(), next: None, last },
        (ReadFrom::At(_), true) if beyond => StreamPage { events: Vec::new(), next: None, last },
        (ReadFrom::Start, false) => StreamPage { events: told.events, next: None, last },
        (_, true) => after(told.events, limit, last),
        (_, false) => before(told.events, limit, last),
    })
}

/// Servers before 21.10 do not tell it with the page.
async fn last_revision(store: &KurrentStore, stream: &StreamName) -> Result<Revision, ReadError> {
    let state = crate::append::stream_state(&store.connection, stream).await;
    let state = state.map_err(|fault| fault.of_read(Some(stream)))?;
    state.current.revision().ok_or_else(|| ReadError::StreamNotFound { stream: stream.clone() })
}

fn after(events: Vec<RecordedEvent>, limit: usize, last: Revision) -> StreamPage {
    let next = events.last().filter(|_| events.len() == limit).map(|event| event.revision.next());
    StreamPage { next: next.filter(|next| *next <= last), events, last }
}

/// One event more was read, to know whether there is one.
fn before(mut events: Vec<RecordedEvent>, limit: usize, last: Revision) -> StreamPage {
    let next = events.get(limit).map(|event| event.revision);
    events.truncate(limit);
    StreamPage { events, next, last }
}

/// A stretch of all streams, as the server gives it.
struct Stretch {
    events: Vec<RecordedEvent>,
    /// Whether the server came to the end in this direction.
    end: bool,
}

/// Reads at most `count` events that pass the server's part of the filter.
async fn stretch(
    connection: &Connection,
    from: StreamPosition<Position>,
    direction: Direction,
    count: usize,
    wanted: &Filter,
) -> Result<Stretch, Fault> {
    let options = ReadAllOptions::default().position(from.map(convert::position_out)).max_count(count);
    let options = match direction {
        Direction::Forwards => options.forwards(),
        Direction::Backwards => options.backwards(),
    };
    let options = &match filter::of_server(wanted) {
        Some(filter) => options.filter(filter),
        None => options,
    };
    let ask = |client: kurrentdb::Client| async move {
        let mut messages = client.read_all(options).await?;
        let (mut events, mut told) = (Vec::new(), 0);
        while let Some(event) = messages.next().await? {
            told += 1;
            events.extend(convert::event_in(event.get_original_event()));
        }
        Ok(Stretch { events, end: told < count })
    };
    connection.call(ask).await
}

pub(crate) async fn all_page(store: &KurrentStore, request: ReadAll) -> Result<AllPage, ReadError> {
    check_limit(request.limit)?;
    let limit = request.limit.min(store.connection.options.page_events);
    let page = match request.direction {
        Direction::Forwards => forwards(store, request.from, limit, &request.filter).await,
        Direction::Backwards => backwards(store, request.from, limit, &request.filter).await,
    };
    let mut page = page.map_err(|fault| fault.of_read(None))?;
    let passes =
        |event: &RecordedEvent| request.filter.matches(event) && !convert::is_own(event.stream.as_str());
    page.events.retain(passes);
    Ok(page)
}

async fn forwards(
    store: &KurrentStore,
    from: ReadFrom<Position>,
    limit: usize,
    wanted: &Filter,
) -> Result<AllPage, Fault> {
    let connection = &store.connection;
    let read = |from, count| stretch(connection, from, Direction::Forwards, count, wanted);
    let (start, stretch) = match from {
        ReadFrom::End => {
            let next = newest(store).await?.map_or(Position::FIRST, Position::next);
            return Ok(AllPage { events: Vec::new(), next: Some(next), end: true });
        }
        ReadFrom::Start | ReadFrom::At(Position::FIRST) => {
            (Position::FIRST, read(StreamPosition::Start, limit).await?)
        }
        ReadFrom::At(start) => {
            let beside = start.previous().unwrap_or(Position::FIRST);
            let stretch = match read(StreamPosition::Position(beside), limit + 1).await {
                Err(Fault::NoPlace(_)) => match read(StreamPosition::Position(start), limit).await {
                    Err(Fault::NoPlace(fault))
                        if newest(store).await?.is_some_and(|newest| newest >= start) =>
                    {
                        return Err(Fault::NoPlace(fault));
                    }
                    Err(Fault::NoPlace(_)) => Stretch { events: Vec::new(), end: true },
                    stretch => stretch?,
                },
                stretch => stretch?,
            };
            (start, stretch)
        }
    };
    store.novelty.saw(stretch.events.last().map(|event| event.position));
    let Stretch { mut events, end } = stretch;
    events.retain(|event| event.position >= start);
    events.truncate(limit);
    let next = events.last().map_or(start, |event| event.position.next()).max(start);
    Ok(AllPage { events, next: Some(next), end })
}

async fn backwards(
    store: &KurrentStore,
    from: ReadFrom<Position>,
    limit: usize,
    wanted: &Filter,
) -> Result<AllPage, Fault> {
    let connection = &store.connection;
    let read = |from, count| stretch(connection, from, Direction::Backwards, count, wanted);
    let stretch = match from {
        ReadFrom::Start => {
            let everything = Filter::everything();
            let first =
                stretch(connection, StreamPosition::Start, Direction::Forwards, 1, &everything).await?;
            return Ok(AllPage { events: first.events, next: None, end: true });
        }
        ReadFrom::End | ReadFrom::At(Position(u64::MAX)) => read(StreamPosition::End, limit).await?,
        ReadFrom::At(place) => match read(StreamPosition::Position(place.next()), limit).await {
            Err(Fault::NoPlace(fault)) => from_event(store, place, limit, wanted, fault).await?,
            stretch => stretch?,
        },
    };
    let Stretch { events, end } = stretch;
    let next = events.last().filter(|_| !end).and_then(|event| event.position.previous());
    Ok(AllPage { events, next, end: next.is_none() })
}

/// Backwards from the event at this place, where none stands right behind it.
async fn from_event(
    store: &KurrentStore,
    place: Position,
    limit: usize,
    wanted: &Filter,
    fault: String,
) -> Result<Stretch, Fault> {
    let connection = &store.connection;
    let Some(newest) = newest(store).await? else { return Ok(Stretch { events: Vec::new(), end: true }) };
    if place >= newest {
        return stretch(connection, StreamPosition::End, Direction::Backwards, limit, wanted).await;
    }
    let everything = Filter::everything();
    let at = StreamPosition::Position(place);
    let mut first = stretch(connection, at, Direction::Forwards, 1, &everything).await?.events;
    first.retain(|event| event.position == place);
    if first.is_empty() {
        return Err(Fault::NoPlace(fault));
    }
    let rest = stretch(connection, at, Direction::Backwards, limit, wanted).await?;
    first.retain(|event| wanted.matches(event));
    let end = rest.end && first.len() + rest.events.len() <= limit;
    first.extend(rest.events);
    first.truncate(limit);
    Ok(Stretch { events: first, end })
}

/// The position of the newest event of all, documents too.
pub(crate) async fn newest(store: &KurrentStore) -> Result<Option<Position>, Fault> {
    let everything = Filter::everything();
    let newest =
        stretch(&store.connection, StreamPosition::End, Direction::Backwards, 1, &everything).await?;
    let position = newest.events.first().map(|event| event.position);
    store.novelty.saw(position);
    Ok(position)
}

/// How many events are read at once when the newest that is no document is looked for.
const HEAD_STRETCH: usize = 16;

/// The position of the newest event that is no document.
pub(crate) async fn head(store: &KurrentStore) -> Result<Option<Position>, ReadError> {
    let mut request = ReadAll::backwards().limit(1);
    loop {
        let page = all_page(store, request.clone()).await?;
        if let Some(event) = page.events.first() {
            return Ok(Some(event.position));
        }
        match page.next {
            Some(next) => request = request.from(next).limit(HEAD_STRETCH),
            None => return Ok(None),
        }
    }
}
