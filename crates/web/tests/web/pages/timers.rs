//! The timers that wait, whoever has set them.

use reqwest::StatusCode;
use serde_json::json;

use crate::kit::Node;

/// With one timer of a process manager, and one of a sender that is due later.
async fn with_timers() -> Node {
    let node = Node::of(conference::app(), engine_web::WebOptions::default()).await;
    node.send("AddSeats", json!({ "id": "c1", "seats": 10 })).await;
    node.send("PlaceOrder", json!({ "id": "o1", "conference": "c1", "seats": 2 })).await;
    node.until("/timers", |page| page.contains("/commands/ExpireOrder")).await;
    let later = conference::seats::AddSeats { id: "c1".into(), seats: 5 };
    let day = std::time::Duration::from_secs(86_400);
    node.bus.send_command_at(later, day).await.expect("it can be set");
    node
}

#[tokio::test]
async fn timers_of_processes_and_of_senders_are_listed_with_their_commands() {
    let node = with_timers().await;
    let page = node.get("/timers").await.text;
    for part in ["/processes/registration/o1", "/commands/ExpireOrder", "a sender", "/commands/AddSeats"] {
        assert!(page.contains(part), "`{part}` is missing: {page}");
    }
    let listed = node.get("/api/timers").await.expect(StatusCode::OK);
    let (first, second) = (&listed["timers"][0], &listed["timers"][1]);
    assert_eq!((&first["command"], &first["instance"]), (&json!("ExpireOrder"), &json!("o1")), "{listed}");
    assert_eq!((&second["command"], &second["process"]), (&json!("AddSeats"), &json!(null)), "{listed}");
}

#[tokio::test]
async fn timers_are_paged_by_their_ids() {
    let node = with_timers().await;
    let first = node.get("/api/timers?limit=1").await.expect(StatusCode::OK);
    let next = first["next"].as_str().expect("there is more");
    assert_eq!(first["timers"][0]["id"], next, "{first}");
    let second = node.get(&format!("/api/timers?after={next}")).await.expect(StatusCode::OK);
    assert_eq!((&second["timers"][0]["command"], &second["next"]), (&json!("AddSeats"), &json!(null)));
    let page = node.get(&format!("/timers?after={next}")).await.text;
    assert!(page.contains("AddSeats") && !page.contains("ExpireOrder"), "{page}");
    let wrong = node.get("/api/timers?after=soon").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("parameter `after`"), "{}", wrong.text);
}
