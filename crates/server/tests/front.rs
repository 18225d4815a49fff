//! Appends go past the router: they are counted, refused and told apart from what is not there as all else is.

mod kit;

use kit::{answer, client, json, metric, node};
use kurrentdb::{AppendToStreamOptions, BatchAppendOptions, Error, StreamState};

#[tokio::test]
async fn appends_are_counted_as_calls() {
    let node = node().await;
    node.client.append_to_stream("account-1", &AppendToStreamOptions::default(), json(1)).await.unwrap();
    let address = node.node.address();
    let before = metric(address, "engine_calls_total").await;
    for _ in 0..3 {
        node.client.append_to_stream("account-1", &AppendToStreamOptions::default(), json(1)).await.unwrap();
    }
    let batch = node.client.batch_append(&BatchAppendOptions::default()).await.unwrap();
    batch.append_to_stream("account-1", StreamState::Any, json(1)).await.unwrap();
    // Three appends, a batch, and the question itself.
    assert_eq!(metric(address, "engine_calls_total").await, before + 5);
}

#[tokio::test]
async fn a_batch_with_wrong_credentials_is_refused_and_appends_nothing() {
    let node = node().await;
    let wrong = client(&node.node, "admin:wrong@", false);
    let batch = wrong.batch_append(&BatchAppendOptions::default()).await.unwrap();
    let refused = batch.append_to_stream("account-1", StreamState::Any, json(1)).await;
    assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    assert_eq!(metric(node.node.address(), "engine_appends_total").await, 0);
}

#[tokio::test]
async fn a_method_that_is_not_there_is_told_as_such_beside_those_that_go_past_the_router() {
    let node = node().await;
    for path in ["event_store.client.streams.Streams/AppendAll", "nobody.Nothing/Append", "Append"] {
        let request = format!(
            "POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let answer = answer(node.node.address(), request).await.to_lowercase();
        assert!(answer.contains("\r\ngrpc-status: 12\r\n"), "{path}: {answer}");
    }
}
