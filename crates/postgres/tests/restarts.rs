//! Connections that end under the store, for whatever reason: nothing lost, nothing twice, nobody told.

use engine_postgres_server::{Server, Settings, fresh_schema, in_schema, url};

use crate::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_and_comes_back_loses_nothing_and_writes_nothing_twice() {
    let server = Server::start(&Settings { is_durable: true, ..Settings::default() });
    let store = open(&in_schema(&server.url(), "shop")).await;
    let mut subscription = follow(&store).await;
    let load = Load::start(&store, 16);
    for (round, mode) in (1..).zip(["immediate", "fast", "immediate"]) {
        until_events(&store, round * 200).await;
        server.stop(mode);
        server.resume();
    }
    until_events(&store, 900).await;
    let mut answered = load.stop().await;
    let there = all(&store).await;
    assert_whole(&there);
    let mut ids: Vec<_> = there.iter().map(|event| event.id).collect();
    assert_eq!(
        next_ids(&mut subscription, ids.len()).await,
        ids,
        "a subscription goes on as if nothing had been"
    );
    ids.sort_unstable();
    answered.sort_unstable();
    assert!(ids == answered, "{} were answered, {} are there", answered.len(), ids.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_an_operator_terminates_are_replaced_without_a_word() {
    let server = Server::start(&Settings::default());
    let store = open(&in_schema(&server.url(), "shop")).await;
    let operator = session(&server.url()).await;
    let mut subscription = follow(&store).await;
    let load = Load::start(&store, 16);
    for round in 1..=20 {
        until_events(&store, round * 50).await;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        operator.query(others, &[]).await.unwrap();
    }
    let mut answered = load.stop().await;
    let there = all(&store).await;
    assert_whole(&there);
    let mut ids: Vec<_> = there.iter().map(|event| event.id).collect();
    assert_eq!(next_ids(&mut subscription, ids.len()).await, ids);
    ids.sort_unstable();
    answered.sort_unstable();
    assert!(ids == answered, "{} were answered, {} are there", answered.len(), ids.len());
}

#[tokio::test]
async fn a_server_that_stays_away_is_told_as_nothing_written_and_is_found_again() {
    let server = Server::start(&Settings::default());
    let mut options = engine_postgres::PostgresOptions::default();
    options.retry_for = std::time::Duration::from_millis(200);
    let url = in_schema(&server.url(), "shop");
    let store = engine_postgres::PostgresStore::open(&url, options).await.unwrap();
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    server.stop("fast");
    // The first may have been under way when the session ended; from then on it is known that nothing is sent.
    let _ = append(&store, "a-1", Any, vec![event()]).await;
    let refused = append(&store, "a-1", Any, vec![event()]).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(text.contains("cannot be reached") && text.contains("127.0.0.1"), "{text}");
    let refused = store.head().await.unwrap_err();
    assert!(matches!(refused, ReadError::Unavailable(_)), "{refused:?}");
    server.resume();
    append(&store, "a-2", NoStream, vec![event()]).await.unwrap();
}

#[tokio::test]
async fn what_another_node_appends_is_told_although_nothing_is_listened_to() {
    let schema = fresh_schema();
    let writer = open(&schema).await;
    let reader = open(&format!("{schema}&listen=off")).await;
    let mut subscription = follow(&reader).await;
    for _ in 0..3 {
        let event = event();
        let id = event.id;
        append(&writer, "a-1", Any, vec![event]).await.unwrap();
        assert_eq!(next_ids(&mut subscription, 1).await, [id]);
    }
}

#[tokio::test]
async fn a_long_transaction_of_somebody_else_keeps_nobody_from_anything() {
    let schema = fresh_schema();
    let store = open(&schema).await;
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    let idle = session(&url()).await;
    let look = "BEGIN ISOLATION LEVEL REPEATABLE READ; CREATE TEMPORARY TABLE x (y int); SELECT count(*) FROM pg_class";
    idle.batch_execute(look).await.unwrap();
    let mut subscription = follow(&store).await;
    for _ in 0..20 {
        append(&store, "a-1", Any, vec![event()]).await.unwrap();
    }
    assert_eq!(next_ids(&mut subscription, 21).await.len(), 21);
    idle.batch_execute("ROLLBACK").await.unwrap();
}

use engine_store::{AppendError, EventStore, ReadError};
use engine_types::ExpectedRevision::{Any, NoStream};
