//! Threads of which each serves connections of its own.
//!
//! What a call of gRPC does is little beside what it costs to wake another thread for it: handed from thread to thread,
//! a lone append takes longer. So a connection over HTTP/2, without TLS, stays in one lane: it is read, its calls are
//! carried out and it is written by one thread, and other connections go to other threads. HTTP/1.1 is left where it
//! is, beside the application whose commands it sends.
//!
//! There are as many lanes as processors. All nodes of the process share them, and they last as long as the process:
//! what a store has begun in one (a connection to its server, say) does not end with the node.

use std::{
    io,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Handle};

static LANES: LazyLock<Vec<Handle>> = LazyLock::new(|| {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    // Fewer do as well.
    (0..processors).map_while(|number| open(number).ok()).collect()
});

/// The lane of the next connection: each in turn. The one of the caller, where no thread can be started.
pub(super) fn next() -> Handle {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    turn.checked_rem(LANES.len()).and_then(|lane| LANES.get(lane).cloned()).unwrap_or_else(Handle::current)
}

fn open(number: usize) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let lane = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("node-lane-{number}"))
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(lane)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_over_threads_and_each_stays_in_one() {
        let mut names = HashSet::new();
        for _ in 0..LANES.len() {
            let lane = next();
            let name = || thread::current().name().map(str::to_owned);
            let first = lane.spawn(async move { name() }).await.expect("it runs");
            let second = lane.spawn(async move { tokio::spawn(async move { name() }).await }).await;
            assert_eq!(first, second.expect("it runs").expect("it runs"));
            names.insert(first.expect("it has a name"));
        }
        assert_eq!(names.len(), LANES.len(), "{names:?}");
    }
}
