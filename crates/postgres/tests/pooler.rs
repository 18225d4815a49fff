//! Through PgBouncer in transaction mode, where any statement may go to any session.

use engine_postgres_server::{Pooler, Server, Settings, in_schema};
use engine_store::{DocumentKey, EventStore, ExpectedVersion};
use engine_types::ExpectedRevision::Any;

use crate::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_write_read_and_follow_through_a_pooler_that_has_fewer_sessions_than_they() {
    let server = Server::start(&Settings::default());
    let pooler = Pooler::before(&server, 3);
    let url = format!("{}&listen=off", in_schema(&pooler.url(), "shop"));
    let nodes = [open(&url).await, open(&url).await];
    let mut subscription = follow(&nodes[0]).await;
    let loads = [Load::start(&nodes[0], 8), Load::start(&nodes[1], 8)];
    for round in 1..=5 {
        until_events(&nodes[1], round * 100).await;
        append(&nodes[0], "shared-1", Any, vec![event()]).await.unwrap();
        let key = DocumentKey::new(format!("checkpoint/{round}")).unwrap();
        let version = nodes[0].save_document(&key, ExpectedVersion::Absent, "{}".into()).await.unwrap();
        assert_eq!(version, 1);
        assert!(nodes[1].load_document(&key).await.unwrap().is_some());
    }
    for load in loads {
        load.stop().await;
    }
    let there = all(&nodes[1]).await;
    assert_whole(&there);
    let ids: Vec<_> = there.iter().map(|event| event.id).collect();
    assert_eq!(next_ids(&mut subscription, ids.len()).await, ids);
}
