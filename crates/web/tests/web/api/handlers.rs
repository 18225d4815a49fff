//! Looking after what listens to events.

use std::sync::{Arc, atomic::Ordering};

use reqwest::StatusCode;
use serde_json::json;

use super::post::Post;
use crate::kit::Node;

/// Waits until the handler has parked something.
async fn until_parked(node: &Node) -> serde_json::Value {
    loop {
        let parked = node.get("/api/handlers/post/parked").await.expect(StatusCode::OK);
        if !parked["sequences"].as_array().expect("a list").is_empty() {
            return parked["sequences"][0].clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_parked_event_is_looked_at_and_retried() {
    let post = Post::default();
    let node = post.node().await;
    node.account("jsdf", &[5]).await;
    let sequence = until_parked(&node).await;
    assert_eq!(
        (&sequence["error"], &sequence["position"]),
        (&json!("the letter box is closed"), &json!(node.first + 1))
    );
    let order = json!({ "key": sequence["key"] });
    let problem = node.post("/api/handlers/post/parked/retry", &order).await;
    assert_eq!(problem.expect(StatusCode::UNPROCESSABLE_ENTITY)["kind"], "refused");
    post.is_mended.store(true, Ordering::SeqCst);
    let done = node.post("/api/handlers/post/parked/retry", &order).await.expect(StatusCode::OK);
    assert_eq!(done["events"], 1);
    let parked = node.get("/api/handlers/post/parked").await.expect(StatusCode::OK);
    assert_eq!(parked["sequences"], json!([]));
}

#[tokio::test]
async fn a_parked_event_is_left_for_good() {
    let node = Post::default().node().await;
    node.account("jsdf", &[5]).await;
    let order = json!({ "key": until_parked(&node).await["key"] });
    let done = node.post("/api/handlers/post/parked/discard", &order).await.expect(StatusCode::OK);
    assert_eq!(done["events"], 1);
}

#[tokio::test]
async fn a_handler_rests_goes_on_and_begins_anew() {
    let node = Post { is_mended: Arc::new(true.into()) }.node().await;
    node.account("jsdf", &[5]).await;
    node.post("/api/handlers/post/pause", &json!({})).await.expect(StatusCode::OK);
    let paused = node.get("/api/handlers/post").await.expect(StatusCode::OK);
    assert_eq!(paused["state"], "paused");
    let preview =
        node.get(&format!("/api/handlers/post/reset?after={}", node.first)).await.expect(StatusCode::OK);
    assert_eq!(preview["events"], 1);
    node.post("/api/handlers/post/reset", &json!({ "after": node.first })).await.expect(StatusCode::OK);
    let reset = node.get("/api/handlers/post").await.expect(StatusCode::OK);
    assert_eq!(reset["checkpoint"], node.first);
    node.post("/api/handlers/post/resume", &json!({})).await.expect(StatusCode::OK);
    node.post("/api/handlers/pst/resume", &json!({})).await.expect(StatusCode::NOT_FOUND);
    let list = node.get("/api/handlers").await.expect(StatusCode::OK);
    let names: Vec<_> =
        list["handlers"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert!(names.contains(&json!("post")) && names.contains(&json!("balances")), "{names:?}");
}
