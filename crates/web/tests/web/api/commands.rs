//! Sending commands.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::kit::{Answer, Node};

#[tokio::test]
async fn an_accepted_command_answers_where_its_events_are() {
    let node = Node::bank().await;
    node.send("CreateAccount", json!({ "id": "jsdf" })).await;
    let answer = node.post("/api/commands/DepositMoney", &json!({ "id": "jsdf", "amount": 23 })).await;
    let receipt = answer.expect(StatusCode::OK);
    assert_eq!(receipt["stream"], "account-jsdf");
    assert_eq!((&receipt["revision"], &receipt["position"]), (&json!(1), &json!(node.first + 1)));
    assert_eq!(receipt["events"], json!([{ "type": "MoneyDeposited", "data": { "amount": 23 } }]));
    assert_eq!(receipt["duplicate"], false);
    assert_eq!(answer.headers["etag"], "\"1\"");
}

#[tokio::test]
async fn every_event_names_the_user_who_sent_its_command() {
    let node = Node::bank().await;
    node.account("jsdf", &[]).await;
    let page = node.get("/api/streams/account-jsdf").await.expect(StatusCode::OK);
    assert_eq!(page["events"][0]["metadata"]["user"], "admin");
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_first_answer_again() {
    let node = Node::bank().await;
    node.account("jsdf", &[]).await;
    let send = || {
        let body = json!({ "id": "jsdf", "amount": 5 });
        let request = node.request(Method::POST, "/api/commands/DepositMoney").json(&body);
        Answer::of(request.header("Idempotency-Key", "\"0192aaaa-0000-7000-8000-000000000001\""))
    };
    let (first, again) = (send().await.expect(StatusCode::OK), send().await.expect(StatusCode::OK));
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!((&first["revision"], &first["events"]), (&again["revision"], &again["events"]));
    let state = node.get("/api/aggregates/account/jsdf").await.expect(StatusCode::OK);
    assert_eq!(state["state"]["balance"], 5);
}

#[tokio::test]
async fn each_kind_of_refusal_has_a_status_of_its_own() {
    let node = Node::bank().await;
    node.account("jsdf", &[5]).await;
    for (command, body, status, kind) in [
        ("DepositMoney", json!({ "id": "jsdf", "amount": 0 }), StatusCode::UNPROCESSABLE_ENTITY, "rejected"),
        ("DepositMoney", json!({ "id": "jsdf" }), StatusCode::BAD_REQUEST, "invalid"),
        ("DepositMoney", json!([1]), StatusCode::BAD_REQUEST, "invalid"),
        ("DepositMony", json!({}), StatusCode::NOT_FOUND, "unknown_command"),
    ] {
        let problem = node.post(&format!("/api/commands/{command}"), &body).await.expect(status);
        assert_eq!(problem["kind"], kind, "{problem}");
    }
    let request = node.request(Method::POST, "/api/commands/DepositMoney");
    Answer::of(request.body("{\"id\":")).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let node = Node::bank().await;
    let answer = node.post("/api/commands/DepositMoney", &json!({ "id": "jsdf" })).await;
    assert_eq!(answer.expect(StatusCode::BAD_REQUEST)["field"], "amount");
}

#[tokio::test]
async fn an_instance_that_is_not_where_it_was_expected_is_a_conflict() {
    let node = Node::bank().await;
    node.account("jsdf", &[5]).await;
    let send = |header: &'static str, value: &'static str| {
        let body = json!({ "id": "jsdf", "amount": 1 });
        Answer::of(node.request(Method::POST, "/api/commands/DepositMoney").json(&body).header(header, value))
    };
    let problem = send("If-Match", "\"0\"").await.expect(StatusCode::CONFLICT);
    assert_eq!((&problem["kind"], &problem["actual"]), (&json!("conflict"), &json!(1)));
    send("If-None-Match", "*").await.expect(StatusCode::CONFLICT);
    send("If-Match", "\"1\"").await.expect(StatusCode::OK);
    send("If-Match", "*").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_dry_run_tells_the_events_and_stores_none() {
    let node = Node::bank().await;
    node.account("jsdf", &[]).await;
    let answer =
        node.post("/api/commands/DepositMoney?dry_run=true", &json!({ "id": "jsdf", "amount": 5 })).await;
    let dry = answer.expect(StatusCode::OK);
    assert_eq!(dry["events"][0]["type"], "MoneyDeposited");
    let state = node.get("/api/aggregates/account/jsdf").await.expect(StatusCode::OK);
    assert_eq!(state["revision"], 0);
}

#[tokio::test]
async fn the_ids_that_a_sender_brings_are_kept() {
    let node = Node::bank().await;
    let request = node.request(Method::POST, "/api/commands/CreateAccount").json(&json!({ "id": "jsdf" }));
    let request = request.header("Correlation-Id", "order 7").header("Causation-Id", "a call");
    assert_eq!(Answer::of(request).await.expect(StatusCode::OK)["correlation_id"], "order 7");
    let page = node.get("/api/streams/account-jsdf").await.expect(StatusCode::OK);
    assert_eq!(page["events"][0]["metadata"]["$correlationId"], "order 7");
    assert_eq!(page["events"][0]["metadata"]["$commandCausationId"], "a call");
}

#[tokio::test]
async fn a_strong_command_is_answered_when_read_models_show_it() {
    let node = Node::bank().await;
    node.account("jsdf", &[5]).await;
    let body = json!({ "id": "jsdf", "amount": 5 });
    let request = node.request(Method::POST, "/api/commands/DepositMoney").json(&body);
    Answer::of(request.header("Consistency", "strong")).await.expect(StatusCode::OK);
    let request = node.request(Method::GET, "/api/queries/balances").header("Consistency", "eventual");
    assert_eq!(Answer::of(request).await.expect(StatusCode::OK)["answer"][0]["balance"], 10);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let node = Node::bank().await;
    let request = node.request(Method::POST, "/api/commands/CreateAccount");
    Answer::of(request.body(vec![b' '; 5 * 1024 * 1024])).await.expect(StatusCode::PAYLOAD_TOO_LARGE);
}
