//! Asking read models, and building them anew.

use reqwest::StatusCode;
use serde_json::json;

use crate::kit::Node;

#[tokio::test]
async fn a_query_is_asked_with_its_fields_in_the_url_or_in_a_body() {
    let node = Node::bank().await;
    node.account("jsdf", &[23]).await;
    let by_url = node.get("/api/queries/statement?account=jsdf").await.expect(StatusCode::OK);
    assert_eq!(by_url["answer"]["balance"], 23);
    let by_body = node.post("/api/queries/statement", &json!({ "account": "jsdf" })).await;
    assert_eq!(by_body.expect(StatusCode::OK), by_url);
    let missing = node.get("/api/queries/statement").await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(missing["field"], "account");
    node.get("/api/queries/statement?account=nobody").await.expect(StatusCode::NOT_FOUND);
    node.get("/api/queries/nothing").await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_read_model_is_built_anew_and_shown() {
    let node = Node::bank().await;
    node.account("jsdf", &[23]).await;
    node.get("/api/queries/balances").await.expect(StatusCode::OK);
    let before = node.get("/api/read-models/balances").await.expect(StatusCode::OK);
    node.post("/api/read-models/balances/rebuild", &json!({})).await.expect(StatusCode::OK);
    loop {
        let now = node.get("/api/read-models/balances").await.expect(StatusCode::OK);
        if now["generation"].as_u64() > before["generation"].as_u64() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let answer = node.get("/api/queries/balances").await.expect(StatusCode::OK);
    assert_eq!(answer["answer"][0]["balance"], 23);
    let list = node.get("/api/read-models").await.expect(StatusCode::OK);
    assert_eq!(list["read_models"].as_array().map(Vec::len), Some(2));
    node.post("/api/read-models/nothing/rebuild", &json!({})).await.expect(StatusCode::NOT_FOUND);
}
