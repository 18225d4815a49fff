//! Reading and following events.

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::kit::{Answer, Node};

#[tokio::test]
async fn streams_are_listed_page_by_page() {
    let node = Node::bank().await;
    for id in ["a", "b", "c"] {
        node.account(id, &[1]).await;
    }
    let page = node.get("/api/streams?limit=2").await.expect(StatusCode::OK);
    assert_eq!(page["streams"][0], json!({ "stream": "account-a", "last_revision": 1 }));
    assert_eq!(page["next"], "account-b");
    let page = node.get("/api/streams?limit=2&after=account-b").await.expect(StatusCode::OK);
    assert_eq!((&page["streams"][0]["stream"], &page["next"]), (&json!("account-c"), &Value::Null));
    let empty = node.get("/api/streams?category=order").await.expect(StatusCode::OK);
    assert_eq!(empty["streams"], json!([]));
}

#[tokio::test]
async fn a_stream_is_read_both_ways() {
    let node = Node::bank().await;
    node.account("jsdf", &[1, 2, 3]).await;
    let amounts = |page: &Value| -> Vec<u64> {
        let events = page["events"].as_array().expect("events").iter();
        events.filter_map(|event| event["data"]["amount"].as_u64()).collect()
    };
    let page = node.get("/api/streams/account-jsdf?from=1&limit=2").await.expect(StatusCode::OK);
    assert_eq!((amounts(&page), &page["next"]), (vec![1, 2], &json!(3)));
    let page = node.get("/api/streams/account-jsdf?direction=backwards&limit=2").await.expect(StatusCode::OK);
    assert_eq!((amounts(&page), &page["next"], &page["last_revision"]), (vec![3, 2], &json!(1), &json!(3)));
    node.get("/api/streams/account-nobody").await.expect(StatusCode::NOT_FOUND);
    node.get("/api/streams/account-jsdf?limit=0").await.expect(StatusCode::BAD_REQUEST);
    node.get("/api/streams/account-jsdf?from=x").await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn all_events_are_read_with_a_filter() {
    let node = Node::bank().await;
    node.account("jsdf", &[1, 2]).await;
    let page = node.get("/api/all?type=MoneyDeposited&limit=1").await.expect(StatusCode::OK);
    assert_eq!(page["events"][0]["position"], node.first + 1);
    let page = node.get("/api/all?direction=backwards&limit=1").await.expect(StatusCode::OK);
    assert_eq!(page["events"][0]["revision"], 2);
}

#[tokio::test]
async fn a_state_is_shown_as_it_was() {
    let node = Node::bank().await;
    node.account("jsdf", &[1, 2]).await;
    let state = node.get("/api/aggregates/account/jsdf?at=1").await.expect(StatusCode::OK);
    assert_eq!((&state["revision"], &state["state"]["balance"]), (&json!(1), &json!(1)));
    node.get("/api/aggregates/account/nobody").await.expect(StatusCode::NOT_FOUND);
    node.get("/api/aggregates/nothing/jsdf").await.expect(StatusCode::NOT_FOUND);
}

/// Reads server-sent events until so many of type `event` have come; answers their ids.
async fn ids(request: reqwest::RequestBuilder, most: usize) -> Vec<String> {
    let mut bytes = request.send().await.expect("the node answers").bytes_stream();
    let (mut text, mut ids) = (String::new(), Vec::new());
    while ids.len() < most {
        let chunk = bytes.next().await.expect("it goes on").expect("it can be read");
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((message, rest)) = text.clone().split_once("\n\n") {
            rest.clone_into(&mut text);
            let id = message.lines().find_map(|line| line.strip_prefix("id: "));
            ids.extend(id.filter(|_| message.contains("event: event")).map(str::to_owned));
        }
    }
    ids
}

#[tokio::test]
async fn a_follower_that_was_cut_off_goes_on_where_it_was() {
    let node = Node::bank().await;
    node.account("jsdf", &[1, 2]).await;
    let follow = || node.request(Method::GET, "/api/events/stream?after=start");
    let places = |from: u64| [from, from + 1].map(|place| (node.first + place).to_string());
    assert_eq!(ids(follow(), 2).await, places(0));
    let (rest, ()) = tokio::join!(ids(follow().header("Last-Event-ID", places(0)[1].as_str()), 2), async {
        node.send("DepositMoney", json!({ "id": "jsdf", "amount": 3 })).await;
    });
    assert_eq!(rest, places(2));
}

#[tokio::test]
async fn a_place_to_go_on_from_that_is_none_is_refused() {
    let node = Node::bank().await;
    let follow = |header: &'static str| {
        node.request(Method::GET, "/api/events/stream").header("Last-Event-ID", header)
    };
    let problem = Answer::of(follow("yesterday")).await.expect(StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("yesterday")), "{problem}");
    node.get("/api/events/stream?after=x").await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_so_many_follow_at_the_same_time() {
    let options = engine_web::WebOptions { live_connections: 1, ..engine_web::WebOptions::default() };
    let node = Node::of(bank::app(), options).await;
    let follow = || node.request(Method::GET, "/api/events/stream");
    let first = follow().send().await.expect("the node answers");
    assert_eq!(first.status(), StatusCode::OK);
    Answer::of(follow()).await.expect(StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn data_that_is_no_json_is_base64_text() {
    let node = Node::bank().await;
    let stream = "notes-1".parse().expect("a name");
    let event = engine_store::NewEvent {
        id: uuid::Uuid::from_u128(1),
        event_type: "Note".into(),
        content_type: engine_store::ContentType::Binary,
        data: vec![0xff, 0x00].into(),
        metadata: bytes::Bytes::new(),
    };
    let request = engine_store::AppendRequest::to(stream, engine_types::ExpectedRevision::Any, vec![event]);
    node.bus.store().append(request).await.expect("it is stored");
    let page = node.get("/api/streams/notes-1").await.expect(StatusCode::OK);
    let event = &page["events"][0];
    assert_eq!(
        (&event["data"], &event["content_type"]),
        (&json!("/wA="), &json!("application/octet-stream"))
    );
}
