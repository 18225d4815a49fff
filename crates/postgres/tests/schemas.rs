//! Schemas: many in one database, made once by whoever comes first, and of one version.

use engine_postgres::{OpenError, PostgresOptions, PostgresStore, migrate};
use engine_postgres_server::{fresh_schema, url};
use engine_types::ExpectedRevision::NoStream;
use tokio::task::JoinSet;

use crate::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_that_open_a_new_schema_at_once_make_it_once() {
    let schema = fresh_schema();
    let mut opening = JoinSet::new();
    for number in 0..8 {
        let schema = schema.clone();
        opening.spawn(async move {
            let store = open(&schema).await;
            append(&store, &format!("a-{number}"), NoStream, vec![event()]).await.unwrap();
        });
    }
    soon("all of them", opening.join_all()).await;
    assert_whole(&all(&open(&schema).await).await);
}

#[tokio::test]
async fn schemas_of_one_database_know_nothing_of_each_other() {
    let (one, other) = (open(&fresh_schema()).await, open(&fresh_schema()).await);
    append(&one, "a-1", NoStream, vec![event()]).await.unwrap();
    append(&other, "a-1", NoStream, vec![event(), event()]).await.unwrap();
    assert_eq!((all(&one).await.len(), all(&other).await.len()), (1, 2));
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused_with_what_to_do() {
    let schema = fresh_schema();
    drop(open(&schema).await);
    let name = schema.rsplit_once("schema=").unwrap().1;
    let operator = session(&url()).await;
    operator
        .execute(&format!("INSERT INTO {name}.migrations VALUES (99, 'of the future')"), &[])
        .await
        .unwrap();
    for refused in [
        PostgresStore::open(&schema, PostgresOptions::default()).await.map(drop),
        migrate(&schema).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, OpenError::WrongVersion { found: 99, .. }), "{refused:?}");
        assert!(refused.to_string().contains("use a newer program"), "{refused}");
    }
}

#[tokio::test]
async fn people_can_query_their_events_with_sql() {
    let schema = fresh_schema();
    let store = open(&schema).await;
    let name = schema.rsplit_once("schema=").unwrap().1;
    for (stream, text) in
        [("account-1", r#"{"b":1,  "amount":20}"#), ("account-2", r#"{"amount":3}"#), ("x", "no json")]
    {
        let event = engine_store::NewEvent { data: text.into(), ..event() };
        append(&store, stream, NoStream, vec![event]).await.unwrap();
    }
    let operator = session(&url()).await;
    let sum = format!(
        "SELECT sum((data->>'amount')::int8)::int8 FROM {name}.event_list WHERE category = 'account'"
    );
    assert_eq!(operator.query_one(&sum, &[]).await.unwrap().get::<_, i64>(0), 23);
    let streams = format!("SELECT count(*) FROM {name}.stream_list WHERE last_revision = 0");
    assert_eq!(operator.query_one(&streams, &[]).await.unwrap().get::<_, i64>(0), 3);
    let texts: Vec<_> = all(&store).await.into_iter().map(|event| event.data).collect();
    assert_eq!(texts, [&br#"{"b":1,  "amount":20}"#[..], br#"{"amount":3}"#, b"no json"]);
}
