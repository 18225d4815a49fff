//! What the server refuses, and what that says to the caller.

use std::time::Duration;

use engine_postgres::{OpenError, PostgresOptions, PostgresStore};
use engine_postgres_server::{fresh_schema, url};
use engine_store::{AppendError, DocumentKey, EventStore, ReadError};
use engine_types::ExpectedRevision::{Any, NoStream};
use tokio::task::JoinSet;

use crate::kit::*;

fn schema_of(url: &str) -> &str {
    url.rsplit_once("schema=").unwrap().1
}

/// The number of the lock of appends, as the function in the schema has it.
async fn lock_of(operator: &tokio_postgres::Client, schema: &str) -> String {
    let source = "SELECT prosrc FROM pg_proc WHERE proname = 'append' AND pronamespace = to_regnamespace($1)";
    let source: String = operator.query_one(source, &[&schema]).await.unwrap().get(0);
    source.split_once("pg_advisory_xact_lock(").unwrap().1.split_once(')').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_lock_that_somebody_holds_for_long_is_told_as_nothing_written() {
    let schema = fresh_schema();
    let store = open(&schema).await;
    let operator = session(&url()).await;
    let lock = lock_of(&operator, schema_of(&schema)).await;
    // So that the test need not wait as long as users do.
    let soon = format!("ALTER FUNCTION {}.append SET lock_timeout = '500ms'", schema_of(&schema));
    operator.batch_execute(&soon).await.unwrap();
    operator.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({lock})")).await.unwrap();
    // All that wait at the same time are told at the same time.
    let appends = (0..5).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { append(&store, &format!("b-{number}"), NoStream, vec![event()]).await })
    });
    for refused in appends.collect::<Vec<_>>() {
        let refused = refused.await.unwrap().unwrap_err();
        assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
        assert!(refused.to_string().contains("holds the lock of appends"), "{refused}");
    }
    operator.batch_execute("ROLLBACK").await.unwrap();
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn when_all_connections_are_in_use_that_is_said() {
    let schema = fresh_schema();
    let mut options = PostgresOptions::default();
    options.wait_for_connection = Duration::from_millis(200);
    let store = PostgresStore::open(&format!("{schema}&connections=2"), options).await.unwrap();
    let operator = session(&url()).await;
    let lock = format!("BEGIN; LOCK TABLE {}.documents IN ACCESS EXCLUSIVE MODE", schema_of(&schema));
    operator.batch_execute(&lock).await.unwrap();
    let mut loading = JoinSet::new();
    for _ in 0..3 {
        let store = store.clone();
        loading.spawn(async move { store.load_document(&DocumentKey::new("a").unwrap()).await });
    }
    let refused = soon("a refusal", loading.join_next()).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(refused, ReadError::Unavailable(_)), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("all 2 connections were in use") && text.contains("?connections="), "{text}");
    operator.batch_execute("ROLLBACK").await.unwrap();
    while let Some(loaded) = soon("the others", loading.join_next()).await {
        assert_eq!(loaded.unwrap().unwrap(), None);
    }
}

#[tokio::test]
async fn a_schema_that_was_dropped_is_told_with_what_to_do() {
    let schema = fresh_schema();
    let store = open(&schema).await;
    let operator = session(&url()).await;
    operator.batch_execute(&format!("DROP SCHEMA {} CASCADE", schema_of(&schema))).await.unwrap();
    let refused = append(&store, "a-1", NoStream, vec![event()]).await.unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("engine store migrate"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_whose_transactions_may_not_be_serialized_try_again_until_all_is_written() {
    const EACH: usize = 40;
    // As a database has it whose owner asked for it.
    let strict = "options=-c%20default_transaction_isolation%3Dserializable";
    let schema = format!("{}&{strict}", fresh_schema());
    let nodes = [open(&schema).await, open(&schema).await];
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = nodes[writer % 2].clone();
        writers.spawn(async move {
            for _ in 0..EACH {
                append(&store, &format!("shared-{}", writer / 4), Any, vec![event()]).await.unwrap();
            }
        });
    }
    soon("the writers", writers.join_all()).await;
    let there = all(&nodes[0]).await;
    assert_eq!(there.len(), 8 * EACH);
    assert_whole(&there);
}

#[tokio::test]
async fn one_append_that_the_server_does_not_take_is_not_the_fault_of_the_others() {
    let schema = fresh_schema();
    let store = open(&schema).await;
    let operator = session(&url()).await;
    let name = schema_of(&schema);
    let check = format!("ALTER TABLE {name}.events ADD CHECK (type <> 'Unwanted')");
    operator.batch_execute(&check).await.unwrap();
    let mut writers = JoinSet::new();
    for number in 0..20 {
        let store = store.clone();
        writers.spawn(async move {
            let event_type = if number == 7 { "Unwanted" } else { "Happened" };
            let event = engine_store::NewEvent { event_type: event_type.into(), ..event() };
            (number, append(&store, &format!("a-{number}"), NoStream, vec![event]).await)
        });
    }
    for (number, answer) in writers.join_all().await {
        match answer {
            Ok(_) => assert_ne!(number, 7),
            Err(AppendError::Invalid(fault)) => {
                assert!(number == 7 && fault.contains("events"), "{number}: {fault}");
            }
            Err(other) => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(all(&store).await.len(), 19);
}

#[tokio::test]
async fn who_cannot_be_let_in_is_told_so() {
    let url = url();
    let (_, place) = url.split_once('@').unwrap();
    let url = format!("postgres://nobody@{place}");
    let refused = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("role \"nobody\" does not exist"), "{refused}");
}
