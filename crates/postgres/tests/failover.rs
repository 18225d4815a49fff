//! A server that is gone for good, and a standby that takes its place: nothing lost, nothing twice, nobody told.

use engine_postgres::{OpenError, PostgresOptions, PostgresStore};
use engine_postgres_server::{Server, Settings};
use engine_store::EventStore;
use engine_types::ExpectedRevision::NoStream;

use crate::kit::*;

/// Two servers: what the first one says is committed is on the second one, too.
struct Pair {
    first: Server,
    second: Server,
}

impl Pair {
    fn start() -> Self {
        let first = Server::start(&Settings::default());
        let second = first.standby();
        first.reconfigure(&["synchronous_standby_names = '*'"]);
        Pair { first, second }
    }

    fn ports(&self) -> [u16; 2] {
        [self.first.port(), self.second.port()]
    }
}

/// A URL that names both, in this order.
fn naming([one, other]: [u16; 2]) -> String {
    format!("postgres://engine@127.0.0.1:{one},127.0.0.1:{other}/engine?schema=shop")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_takes_the_place_of_a_server_that_is_gone_is_found_and_nothing_is_lost_or_twice() {
    let pair = Pair::start();
    let [first, second] = pair.ports();
    // In whichever order they are named.
    let nodes = [open(&naming([first, second])).await, open(&naming([second, first])).await];
    let mut subscriptions = [follow(&nodes[0]).await, follow(&nodes[1]).await];
    let loads = [Load::start(&nodes[0], 8), Load::start(&nodes[1], 8)];
    until_events(&nodes[0], 400).await;
    pair.first.kill();
    pair.second.promote();
    let taken_over = nodes[0].head().await.unwrap().unwrap().0;
    until_events(&nodes[1], taken_over + 400).await;
    let [one, other] = loads;
    let mut answered = [one.stop().await, other.stop().await].concat();
    let there = all(&nodes[0]).await;
    assert_whole(&there);
    let mut ids: Vec<_> = there.iter().map(|event| event.id).collect();
    for subscription in &mut subscriptions {
        assert_eq!(
            next_ids(subscription, ids.len()).await,
            ids,
            "a subscription goes on as if nothing had been"
        );
    }
    ids.sort_unstable();
    answered.sort_unstable();
    assert!(ids == answered, "{} were answered, {} are there", answered.len(), ids.len());
    for node in nodes {
        node.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_read_and_says_what_it_is_when_it_is_written_to() {
    let pair = Pair::start();
    let store = open(&naming(pair.ports())).await;
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    let [_, second] = pair.ports();
    let standby = format!("postgres://engine@127.0.0.1:{second}/engine?schema=shop");
    let mut options = PostgresOptions::default();
    options.retry_for = std::time::Duration::from_millis(200);
    // What was committed is there, but may not be shown yet.
    let reader = soon("the schema on the standby", async {
        loop {
            match PostgresStore::open(&standby, options.clone()).await {
                Ok(store) => return store,
                Err(OpenError::Unsuitable { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    until_events(&reader, 1).await;
    let refused = append(&reader, "a-2", NoStream, vec![event()]).await.unwrap_err();
    assert!(matches!(refused, engine_store::AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("name all hosts in the URL"), "{refused}");
    // Whoever asks for one that takes writes is told which do not, and why.
    let strict = format!("{standby}&target_session_attrs=read-write");
    let refused = PostgresStore::open(&strict, options).await.unwrap_err();
    assert!(refused.to_string().contains("it is a standby"), "{refused}");

    pair.first.kill();
    pair.second.promote();
    append(&reader, "a-2", NoStream, vec![event()]).await.unwrap();
    let read = reader.head().await;
    assert_eq!(read.unwrap().map(|head| head.0), Some(1));
}
