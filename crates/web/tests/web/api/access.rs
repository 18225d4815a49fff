//! Who may do what.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::kit::{Answer, Node};

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_told_how_to() {
    let node = Node::bank().await;
    let answer = Answer::of(node.anonymous(Method::GET, "/api/all")).await;
    assert_eq!(answer.expect(StatusCode::UNAUTHORIZED)["kind"], "not_signed_in");
    assert!(answer.headers["www-authenticate"].to_str().is_ok_and(|value| value.starts_with("Basic")));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_too_many_of_them_make_wait() {
    let node = Node::bank().await;
    let wrong = || node.anonymous(Method::GET, "/api/map").basic_auth("admin", Some("wrong"));
    for _ in 0..5 {
        let problem = Answer::of(wrong()).await.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(problem["kind"], "wrong_credentials");
    }
    let answer = Answer::of(wrong()).await;
    answer.expect(StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers["retry-after"].to_str().is_ok_and(|value| value.parse::<u64>().is_ok()));
}

#[tokio::test]
async fn many_who_come_at_once_with_the_right_password_are_all_let_in() {
    let node = Node::bank().await;
    let asked: Vec<_> = (0..64).map(|_| tokio::spawn(node.request(Method::GET, "/api/map").send())).collect();
    for answer in asked {
        let answer = answer.await.expect("it ends").expect("the node answers");
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_reader_sees_that_events_are_there_but_not_what_they_state() {
    let node = Node::bank().await;
    node.add_reader().await;
    node.account("jsdf", &[23]).await;
    let ask = |path: &str| Answer::of(node.anonymous(Method::GET, path).basic_auth("rita", Some("changeit")));
    let page = ask("/api/streams/account-jsdf").await.expect(StatusCode::OK);
    for event in page["events"].as_array().expect("events") {
        assert_eq!((&event["data"], &event["metadata"]), (&Value::Null, &Value::Null));
        assert_eq!(event["hidden"], true);
    }
    for path in ["/api/aggregates/account/jsdf", "/api/queries/balances"] {
        assert_eq!(ask(path).await.expect(StatusCode::FORBIDDEN)["kind"], "forbidden");
    }
}

#[tokio::test]
async fn commands_and_orders_need_an_operator() {
    let node = Node::bank().await;
    node.add_reader().await;
    for path in
        ["/api/commands/CreateAccount", "/api/handlers/balances/pause", "/api/read-models/balances/rebuild"]
    {
        let request = |name| node.anonymous(Method::POST, path).basic_auth(name, Some("changeit"));
        let body = json!({ "id": "jsdf" });
        Answer::of(request("rita").json(&body)).await.expect(StatusCode::FORBIDDEN);
        Answer::of(request("ops").json(&body)).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_stands_for_its_user_until_it_is_revoked() {
    let node = Node::bank().await;
    let form = |fields: &[(&str, &str)]| node.request(Method::POST, "/account/tokens").form(fields);
    let page = Answer::of(form(&[("purpose", "a cash machine")])).await;
    let token = page.text.split_once("id=\"token\">").and_then(|(_, rest)| rest.split('<').next());
    let token = token.expect("it is shown").to_owned();
    let ask = |token: &str| Answer::of(node.anonymous(Method::GET, "/api/map").bearer_auth(token));
    ask(&token).await.expect(StatusCode::OK);
    ask("another").await.expect(StatusCode::UNAUTHORIZED);
    let hash = page.text.split_once("name=\"revoke\" value=\"").and_then(|(_, rest)| rest.split('"').next());
    Answer::of(form(&[("revoke", hash.expect("it is listed"))])).await;
    ask(&token).await.expect(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_the_page_of_another_site_sends_is_refused() {
    let node = Node::bank().await;
    for path in ["/commands/CreateAccount", "/api/commands/CreateAccount", "/sign-in", "/users"] {
        let request = node.request(Method::POST, path).header("Sec-Fetch-Site", "cross-site").body("{}");
        assert_eq!(Answer::of(request).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
