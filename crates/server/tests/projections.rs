//! The projections of the system, asked for by the official client in Rust.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use kit::{PATIENCE, node, types};
use kurrentdb::{
    AppendToStreamOptions, Client, EventData, GenericProjectionOptions, GetStateProjectionOptions,
    ProjectionClient, ReadStreamOptions, ResolvedEvent,
};
use serde_json::json;

const ALL: [&str; 5] =
    ["$by_category", "$by_correlation_id", "$by_event_type", "$stream_by_category", "$streams"];

async fn put(client: &Client, stream: &str, events: Vec<EventData>) {
    client.append_to_stream(stream, &AppendToStreamOptions::default(), events).await.unwrap();
}

async fn links(client: &Client, stream: &str) -> Vec<ResolvedEvent> {
    let options = ReadStreamOptions::default().resolve_link_tos();
    let mut found = Vec::new();
    let Ok(mut events) = client.read_stream(stream, &options).await else { return found };
    while let Ok(Some(event)) = events.next().await {
        found.push(event);
    }
    found
}

/// Waits until a stream has so many links; gives the events that they lead to.
async fn resolved(client: &Client, stream: &str, count: usize) -> Vec<(String, u64)> {
    let waiting = async {
        loop {
            let found = links(client, stream).await;
            if found.len() >= count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await.expect("the links are not written");
    let target = |link: &ResolvedEvent| {
        assert!(link.is_resolved());
        let event = link.event.as_ref().unwrap();
        (event.stream_id().to_owned(), event.revision)
    };
    found.iter().map(target).collect()
}

fn pairs(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(stream, revision)| ((*stream).to_owned(), *revision)).collect()
}

async fn enable_all(projections: &ProjectionClient) {
    for name in ALL {
        projections.enable(name, &GenericProjectionOptions::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_sorted_by_category_type_correlation_and_stream() {
    let kit::Connected { node: _node, client } = node().await;
    put(&client, "account-1", types(&["Opened", "Deposited"])).await;
    put(&client, "transfer-1", types(&["Opened"])).await;
    let projections = ProjectionClient::new(client.settings().clone()).unwrap();
    enable_all(&projections).await;
    let correlated = EventData::json("Deposited", &json!({})).unwrap();
    let correlated = correlated.metadata_as_json(&json!({ "$correlationId": "c1" })).unwrap();
    put(&client, "account-2", vec![correlated]).await;

    let of_accounts = pairs(&[("account-1", 0), ("account-1", 1), ("account-2", 0)]);
    assert_eq!(resolved(&client, "$ce-account", 3).await, of_accounts);
    assert_eq!(resolved(&client, "$et-Opened", 2).await, pairs(&[("account-1", 0), ("transfer-1", 0)]));
    assert_eq!(resolved(&client, "$bc-c1", 1).await, pairs(&[("account-2", 0)]));
    let first = pairs(&[("account-1", 0), ("transfer-1", 0), ("account-2", 0)]);
    assert_eq!(resolved(&client, "$streams", 3).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projection_stops_goes_on_and_begins_anew_without_writing_a_link_twice() {
    let kit::Connected { node: _node, client } = node().await;
    let projections = ProjectionClient::new(client.settings().clone()).unwrap();
    let options = GenericProjectionOptions::default();
    let status = async |name: &str| projections.get_status(name, &options).await.unwrap().unwrap();
    assert_eq!(status("$by_category").await.status, "Stopped");

    projections.enable("$by_category", &options).await.unwrap();
    put(&client, "account-1", types(&["Opened"])).await;
    resolved(&client, "$ce-account", 1).await;
    assert_eq!(status("$by_category").await.status, "Running");
    projections.disable("$by_category", &options).await.unwrap();
    assert_eq!(status("$by_category").await.status, "Stopped");
    put(&client, "account-2", types(&["Opened"])).await;
    projections.reset("$by_category", &options).await.unwrap();
    projections.enable("$by_category", &options).await.unwrap();
    put(&client, "account-3", types(&["Opened"])).await;
    let all = pairs(&[("account-1", 0), ("account-2", 0), ("account-3", 0)]);
    assert_eq!(resolved(&client, "$ce-account", 3).await, all);

    let state: Result<serde_json::Value, _> =
        projections.get_state("$by_category", &GetStateProjectionOptions::default()).await.unwrap();
    assert_eq!(state.unwrap(), json!({}));
    assert!(projections.enable("none", &options).await.is_err());
}
