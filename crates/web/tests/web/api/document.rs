//! The description of the API.

use reqwest::{Method, StatusCode};

use crate::kit::{Answer, Node};

#[tokio::test]
async fn the_description_names_every_operation_and_needs_no_name() {
    let node = Node::bank().await;
    let document = Answer::of(node.anonymous(Method::GET, "/api/openapi.json")).await.expect(StatusCode::OK);
    let paths = document["paths"].as_object().expect("paths");
    for path in ["/api/commands/{name}", "/api/streams/{stream}", "/api/events/stream", "/api/queries/{name}"]
    {
        assert!(paths.contains_key(path), "{path} is missing");
    }
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} says nothing of itself");
            let has_problems = path == "/api/openapi.json" || operation["responses"]["401"].is_object();
            assert!(has_problems, "{method} {path} does not say what can go wrong");
        }
    }
    assert!(document["components"]["schemas"]["Problem"].is_object());
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let node = Node::bank().await;
    node.get("/api/nothing").await.expect(StatusCode::NOT_FOUND);
    node.post("/api/all", &serde_json::json!({})).await.expect(StatusCode::METHOD_NOT_ALLOWED);
    let map = node.get("/api/map").await.expect(StatusCode::OK);
    assert_eq!(map["app"], "bank");
}

#[tokio::test]
async fn each_command_and_query_of_the_application_is_described_with_the_types_of_its_fields() {
    let node = Node::bank().await;
    let document = node.get("/api/openapi.json").await.expect(StatusCode::OK);
    let deposit = &document["paths"]["/api/commands/DepositMoney"]["post"];
    let schema = &deposit["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"]["amount"]["type"], "integer", "{deposit}");
    assert_eq!(schema["required"], serde_json::json!(["id", "amount"]));
    let parameters = &document["paths"]["/api/queries/statement"]["get"]["parameters"];
    let names: Vec<_> = parameters.as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert!(names.contains(&"account".into()) && !names.contains(&"name".into()), "{names:?}");
}
