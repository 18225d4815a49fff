//! Looking at process managers.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::Node;

const TRANSFERS: &str = "transfers";

/// Waits until an instance has ended.
async fn until_ended(node: &Node, id: &str) -> Value {
    loop {
        let page = node.get(&format!("/api/processes/{TRANSFERS}?state=ended")).await.expect(StatusCode::OK);
        let found = page["instances"].as_array().expect("a list").iter().find(|it| it["id"] == id).cloned();
        if let Some(instance) = found {
            return instance;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_process_is_looked_at_from_its_beginning_to_its_end() {
    let node = Node::bank().await;
    node.account("from", &[50]).await;
    node.account("to", &[]).await;
    let transfer = json!({ "id": "t1", "from": "from", "to": "to", "amount": 20 });
    node.send("TransferMoney", transfer).await;
    assert_eq!(until_ended(&node, "t1").await["stage"], "Completed");
    let report = node.get(&format!("/api/processes/{TRANSFERS}/t1")).await.expect(StatusCode::OK);
    let sent = |entry: &Value| entry["commands"].as_array().map_or(0, Vec::len);
    let commands: usize = report["history"].as_array().expect("a history").iter().map(sent).sum();
    assert_eq!(commands, 3, "{report}");
    let names = node.get("/api/processes").await.expect(StatusCode::OK);
    assert_eq!(names["processes"], json!([TRANSFERS]));
    let timers = node.get("/api/timers").await.expect(StatusCode::OK);
    assert_eq!(timers, json!({ "timers": [], "next": null }));
}

#[tokio::test]
async fn what_cannot_be_done_with_an_instance_is_refused() {
    let node = Node::bank().await;
    node.get(&format!("/api/processes/{TRANSFERS}/nobody")).await.expect(StatusCode::NOT_FOUND);
    node.get("/api/processes/nothing").await.expect(StatusCode::NOT_FOUND);
    let stop = format!("/api/processes/{TRANSFERS}/nobody/stop");
    node.post(&stop, &json!({})).await.expect(StatusCode::BAD_REQUEST);
    let problem = node.post(&stop, &json!({ "reason": "a test" })).await;
    assert!(problem.status.is_client_error(), "{}", problem.text);
}
