//! Who gave orders over the API, and what came of them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::post::Post;
use crate::kit::{Answer, Node};

fn told(record: &Value) -> [&str; 4] {
    ["user", "action", "subject", "outcome"].map(|key| record[key].as_str().unwrap_or_default())
}

#[tokio::test]
async fn every_order_is_recorded_with_the_name_of_who_gave_it() {
    let node = Post { is_mended: std::sync::Arc::new(true.into()) }.node().await;
    node.account("jsdf", &[5]).await;
    let order = |method, path: &'static str, body: Value| {
        Answer::of(node.anonymous(method, path).basic_auth("ops", Some("changeit")).json(&body))
    };
    for (path, body, status) in [
        ("/api/handlers/post/pause", json!({}), StatusCode::OK),
        ("/api/handlers/post/reset", json!({ "after": null }), StatusCode::OK),
        ("/api/handlers/post/resume", json!({}), StatusCode::OK),
        ("/api/handlers/post/parked/retry", json!({ "key": "k" }), StatusCode::UNPROCESSABLE_ENTITY),
        ("/api/handlers/post/parked/discard", json!({ "key": "k" }), StatusCode::UNPROCESSABLE_ENTITY),
        ("/api/read-models/balances/rebuild", json!({}), StatusCode::OK),
        (
            "/api/processes/transfers/nobody/stop",
            json!({ "reason": "a test" }),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        order(Method::POST, path, body).await.expect(status);
    }
    let records = node.audit().await;
    let told: Vec<_> = records.iter().map(told).collect();
    let expected = [
        ["ops", "pause", "post", "done"],
        ["ops", "reset", "post", "done"],
        ["ops", "resume", "post", "done"],
        ["ops", "retry", "post", "refused"],
        ["ops", "discard", "post", "refused"],
        ["ops", "rebuild", "balances", "done"],
        ["ops", "stop", "transfers-nobody", "refused"],
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_command_is_recorded_by_its_events_or_else_on_its_own() {
    let node = Node::bank().await;
    node.account("jsdf", &[5]).await;
    let page = node.get("/api/streams/account-jsdf").await.expect(StatusCode::OK);
    assert_eq!(page["events"][1]["metadata"]["user"], "admin");
    assert_eq!(page["events"][1]["metadata"]["$command"], "DepositMoney");
    let nothing = node.get("/api/streams/$audit").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND, "its events name the sender");
    let body = json!({ "id": "jsdf", "amount": 0 });
    node.post("/api/commands/DepositMoney", &body).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    let records = node.audit().await;
    assert_eq!(records.iter().map(told).collect::<Vec<_>>(), [["admin", "send", "DepositMoney", "rejected"]]);
    assert_eq!(records[0]["details"]["fields"], body);
}
