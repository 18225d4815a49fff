//! `read`: the events of a stream or of `$all`, page by page, and live.

use engine::{
    Position, Revision, StreamName,
    store::{
        Direction, EventStore, Filter, ReadAll, ReadFrom, ReadStream, SubscribeFrom, SubscribeTo,
        SubscriptionMessage,
    },
};

use crate::{
    args::Read,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// How many events are in memory at a time.
const PAGE_EVENTS: u64 = 500;

/// What to read.
enum Source {
    All,
    Stream(StreamName),
}

/// Reads what is there; with `--follow`, also what comes.
pub(super) async fn run(read: &Read, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let source = match read.stream.as_str() {
        "$all" => Source::All,
        name => Source::Stream(StreamName::new(name).map_err(|fault| {
            Failure::new("invalid", format!("stream `{name}`: {fault}")).of_field("stream")
        })?),
    };
    let store = &**world.store().await?;
    match source {
        source if read.follow => follow(source, read, store, output).await?,
        Source::Stream(stream) => read_stream(stream, read, store, output).await?,
        Source::All => read_all(read, store, output).await?,
    }
    Ok(output.flush()?)
}

async fn read_stream(
    stream: StreamName,
    read: &Read,
    store: &dyn EventStore,
    output: &mut Output,
) -> Result<(), Trouble> {
    let mut left = read.limit.unwrap_or(u64::MAX);
    let mut from = begin(read, Revision);
    loop {
        let direction = direction(read);
        let request = ReadStream { stream: stream.clone(), from, direction, limit: page(left) };
        let page = store.read_stream(request).await?;
        for event in &page.events {
            output.answer(&Answer::Event { event, in_all: false })?;
        }
        left -= page.events.len() as u64;
        match page.next {
            Some(next) if left > 0 => from = ReadFrom::At(next),
            _ => return Ok(()),
        }
        // Stores that need not wait would never let a signal in.
        tokio::task::yield_now().await;
    }
}

async fn read_all(read: &Read, store: &dyn EventStore, output: &mut Output) -> Result<(), Trouble> {
    let mut left = read.limit.unwrap_or(u64::MAX);
    let mut from = begin(read, Position);
    loop {
        let (direction, filter) = (direction(read), Filter::everything());
        let page = store.read_all(ReadAll { from, direction, limit: page(left), filter }).await?;
        for event in &page.events {
            output.answer(&Answer::Event { event, in_all: true })?;
        }
        left -= page.events.len() as u64;
        match page.next {
            Some(next) if left > 0 && !page.end => from = ReadFrom::At(next),
            _ => return Ok(()),
        }
        tokio::task::yield_now().await;
    }
}

/// Prints what is there, then what comes, each line at once.
async fn follow(
    source: Source,
    read: &Read,
    store: &dyn EventStore,
    output: &mut Output,
) -> Result<(), Trouble> {
    let in_all = matches!(source, Source::All);
    let to = match source {
        Source::All => SubscribeTo::All(behind(read, Position)),
        Source::Stream(stream) => SubscribeTo::Stream(stream, behind(read, Revision)),
    };
    let mut left = read.limit.unwrap_or(u64::MAX);
    let mut subscription = store.subscribe(to, Filter::everything()).await?;
    while left > 0 {
        if let SubscriptionMessage::Event(event) = subscription.next().await? {
            output.answer(&Answer::Event { event: &event, in_all })?;
            output.flush()?;
            left -= 1;
        }
    }
    Ok(())
}

fn direction(read: &Read) -> Direction {
    if read.backwards { Direction::Backwards } else { Direction::Forwards }
}

fn begin<P>(read: &Read, place: impl Fn(u64) -> P) -> ReadFrom<P> {
    match read.from {
        Some(number) => ReadFrom::At(place(number)),
        None if read.backwards => ReadFrom::End,
        None => ReadFrom::Start,
    }
}

fn behind<P>(read: &Read, place: impl Fn(u64) -> P) -> SubscribeFrom<P> {
    match read.from.and_then(|first| first.checked_sub(1)) {
        Some(before) => SubscribeFrom::After(place(before)),
        None => SubscribeFrom::Start,
    }
}

fn page(left: u64) -> usize {
    usize::try_from(left.min(PAGE_EVENTS)).expect("a page is small")
}
