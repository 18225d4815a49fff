//! A person looks after handlers and read models.

use std::sync::atomic::Ordering;

use engine_store::{AppendRequest, NewEvent};
use engine_types::ExpectedRevision;
use serde_json::json;

use crate::{driver::Browser, kit::Node, post::Post};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_retries_a_parked_event_and_builds_a_read_model_anew() {
    let post = Post::default();
    let node = post.node().await;
    node.account("jsdf", &[5, 6]).await;
    let browser = Browser::open(&node, 1440, 900, false).await;
    browser.sign_in("ops", "changeit").await;
    browser.until("main", "has put aside 1 sequence").await;
    browser.goto("/parked").await;
    browser.until("main", "the letter box is closed").await;
    browser.picture("parked").await;
    browser.click_text("button", "Retry").await;
    browser.until(".notice.bad", "still parked").await;
    post.is_mended.store(true, Ordering::SeqCst);
    browser.click_text("button", "Retry").await;
    browser.until(".notice.good", "2 events of post were handled").await;
    browser.until("main", "Nothing is parked").await;

    browser.goto("/handlers").await;
    let generation = browser.text("#model-balances .generation").await;
    browser.picture("handlers").await;
    browser.click("#model-balances button").await;
    browser.until(".notice.good", "is being built anew").await;
    let next = (generation.trim().parse::<u64>().expect("a number") + 1).to_string();
    browser.until("#model-balances .generation", &next).await;

    browser.click("#handler-post button").await;
    browser.until("#handler-post", "paused").await;
    browser.click("#handler-post a[href$=reset]").await;
    browser.until("main", "would be handled again").await;
    browser.picture("reset").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_an_event_is_shown_as_text() {
    let node = Node::bank().await;
    let evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let event =
        NewEvent::json(uuid::Uuid::from_u128(7), "Note<b>", &json!({ (evil): evil })).expect("it is JSON");
    let stream = "notes-<i>1".parse().expect("a name");
    let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
    node.bus.store().append(request).await.expect("it is stored");
    let browser = Browser::open(&node, 1440, 900, false).await;
    browser.sign_in("admin", "changeit").await;
    let event = format!("/events/{}", node.first);
    for path in [&event, "/all", "/tail", "/", "/streams", "/streams/notes-%3Ci%3E1"] {
        browser.goto(path).await;
        browser.until("main", "<").await;
        let found = browser
            .run("return document.querySelectorAll('main img, main b, main i, main script').length")
            .await;
        assert_eq!(found, 0, "{path} lets markup through");
        assert!(!browser.client.title().await.expect("a title").contains("owned"));
    }
    browser.goto(&event).await;
    browser.until(".json", evil).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
