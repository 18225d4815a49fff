//! Generations of read models that are removed while somebody looks at them. All else is tested where all places of
//! rows are, in `crates/sqlite/tests`.

use std::sync::mpsc;

use engine_postgres::PostgresRows;
use engine_postgres_server::fresh_schema;
use engine_store::rows::{GenerationId, RowBatch, RowError, RowKey, RowStores, StoredRow};
use engine_types::Position;
use tokio::task::spawn_blocking;

use crate::kit::{session, soon};

const GENERATION: GenerationId = GenerationId { version: 1, number: 1 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_is_removed_when_nobody_looks_at_it_any_more() {
    let url = fresh_schema();
    let rows = PostgresRows::new(&url).unwrap();
    let content = b"1".to_vec();
    let batch = RowBatch {
        rows: vec![(RowKey::of("a"), Some(StoredRow { content: content.clone(), rank: 0 }))],
        position: Some(Position(0)),
        ready: true,
        ..RowBatch::default()
    };
    let opened = rows.clone();
    let generation = spawn_blocking(move || {
        let generation = opened.open("sums", GENERATION).unwrap();
        generation.commit(&batch).unwrap();
        generation
    });
    let generation = generation.await.unwrap();

    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (looked_at, mut begun) = (generation.clone(), Some(begun));
    let looking = spawn_blocking(move || {
        let mut seen = None;
        let look = looked_at.view(&mut |view| {
            begun.take().unwrap().send(()).unwrap();
            goes_on.recv().unwrap();
            seen = Some((view.position().unwrap(), view.get(&RowKey::of("a")).unwrap()));
        });
        look.map(|()| seen.unwrap())
    });
    soon("the look", has_begun).await.unwrap();
    let removing = spawn_blocking(move || rows.remove("sums", GENERATION));
    let operator = session(&url).await;
    let schema = url.split_once("schema=").unwrap().1.split('&').next().unwrap();
    let waits = "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
                 WHERE NOT granted AND relnamespace::regnamespace::text = $1";
    let is_waited_for = async || operator.query_one(waits, &[&schema]).await.unwrap().get::<_, i64>(0) > 0;
    let waiting = async { while !removing.is_finished() && !is_waited_for().await {} };
    soon("the removal", waiting).await;
    go_on.send(()).unwrap();

    assert_eq!(looking.await.unwrap().unwrap(), (Some(Position(0)), Some(content)));
    soon("the end of the removal", removing).await.unwrap().unwrap();
    let late = spawn_blocking(move || generation.view(&mut |_| panic!("there is nothing to look at")));
    let late = late.await.unwrap().unwrap_err();
    assert!(matches!(late, RowError::Outdated), "{late}");
}
