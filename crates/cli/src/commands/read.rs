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
    world.expect_store().await?;
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

#[cfg(test)]
mod tests {
    use engine::{
        App, ExpectedRevision,
        store::{AppendRequest, NewEvent},
        stores::Stay,
    };

    use super::*;

    fn args(words: &[&str]) -> Read {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            read: Read,
        }
        Line::parse_from([&["read"], words].concat()).read
    }

    async fn append(world: &World, stream: &str, numbers: std::ops::Range<u64>) {
        let event = |number| NewEvent::json(uuid::Uuid::now_v7(), "Counted", &number).unwrap();
        let events = numbers.map(event).collect();
        let request = AppendRequest::to(StreamName::new(stream).unwrap(), ExpectedRevision::Any, events);
        world.store().await.unwrap().append(request).await.unwrap();
    }

    fn world() -> World {
        World::new(App::new("empty"), "memory:".to_owned(), Stay::Brief)
    }

    /// The revisions that are printed, in order.
    async fn revisions(world: &World, words: &[&str]) -> Result<Vec<u64>, Trouble> {
        let (mut output, printed) = Output::to_memory(true);
        run(&args(words), world, &mut output).await?;
        drop(output);
        let text: String = printed.iter().map(char::from).collect();
        let revision = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["revision"].as_u64();
        Ok(text.lines().map(|line| revision(line).unwrap()).collect())
    }

    #[tokio::test]
    async fn pages_join_without_a_hole_in_both_directions() {
        let world = world();
        append(&world, "count-a", 0..1_700).await;
        for what in ["count-a", "$all"] {
            let all: Vec<u64> = (0..1_700).collect();
            assert_eq!(revisions(&world, &[what]).await.unwrap(), all);
            let back: Vec<u64> = all.into_iter().rev().collect();
            assert_eq!(revisions(&world, &[what, "--backwards"]).await.unwrap(), back);
            let limited = revisions(&world, &[what, "--from", "3", "--limit", "1200"]).await.unwrap();
            assert_eq!(limited, (3..1_203).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_missing_stream_is_not_found_but_an_empty_store_is_empty() {
        let world = world();
        let Err(Trouble::Failed(failure)) = revisions(&world, &["count-a"]).await else { panic!("found") };
        assert_eq!(failure.kind, "not_found");
        assert!(revisions(&world, &["$all"]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn following_goes_on_with_what_comes() {
        let world = world();
        append(&world, "count-a", 0..2).await;
        let (mut output, printed) = Output::to_memory(false);
        let lines = || printed.try_iter().filter(|byte| *byte == b'\n').count();
        let follow = args(&["count-a", "--follow", "--limit", "4"]);
        let following = run(&follow, &world, &mut output);
        tokio::pin!(following);
        // The follower runs until it waits: what was there is printed, and the end is open.
        assert!(futures_util::future::poll_immediate(&mut following).await.is_none());
        assert_eq!(lines(), 2);
        append(&world, "count-a", 2..4).await;
        following.await.unwrap();
        assert_eq!(lines(), 2);
    }
}
