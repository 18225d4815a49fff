//! Looking after what listens to events, with the forms of the console.

use std::sync::{Arc, atomic::Ordering};

use bank::account::{CreateAccount, DepositMoney};
use engine_store::{AllPage, EventStore, ReadAll, ReadError, layer::Layer, memory::MemoryStore};
use engine_web::WebOptions;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    api::post::Post,
    kit::{Answer, Node},
};

/// More events than a read model counts at a time.
const MANY: u64 = 5_000;

/// A store in which nobody can read all events while it is closed.
#[derive(Debug, Clone)]
struct Closable {
    inner: MemoryStore,
    is_open: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl Layer for Closable {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.expect("the test is there");
        self.inner.read_all(request).await
    }
}

#[tokio::test]
async fn a_rebuild_that_is_broken_off_leaves_what_is_shown() {
    let store = Closable { inner: MemoryStore::new(), is_open: watch::Sender::new(true) };
    let node = Node::over(Arc::new(store.clone()), bank::app(), WebOptions::default()).await;
    node.bus.send_command(CreateAccount { id: "jsdf".into() }).await.expect("it is accepted");
    for _ in 0..MANY {
        node.bus.send_command(DepositMoney { id: "jsdf".into(), amount: 1 }).await.expect("it is accepted");
    }
    let balances = "/api/read-models/balances";
    let before = node.get(balances).await.expect(StatusCode::OK);
    let session = node.sign_in("admin", "changeit").await;
    for by_form in [true, false] {
        store.is_open.send_replace(false);
        session.post("/read-models/balances/rebuild", &[]).await;
        let meanwhile = node.get(balances).await.expect(StatusCode::OK);
        assert_eq!(meanwhile["rebuild"]["state"], "building", "{meanwhile}");
        if by_form {
            session.post("/read-models/balances/cancel", &[]).await;
        } else {
            let request = node.request(Method::DELETE, &format!("{balances}/rebuild"));
            Answer::of(request).await.expect(StatusCode::OK);
        }
        store.is_open.send_replace(true);
        node.until("/handlers", |page| !page.contains("/read-models/balances/cancel")).await;
        let now = node.get(balances).await.expect(StatusCode::OK);
        assert_eq!((&now["generation"], &now["rebuild"]), (&before["generation"], &json!(null)), "{now}");
    }
    let gone = node.request(Method::DELETE, &format!("{balances}/rebuild"));
    Answer::of(gone).await.expect(StatusCode::NOT_FOUND);
}

/// A node whose handler has parked the deposits of three accounts.
async fn with_three_parked(post: &Post) -> Node {
    let node = post.node().await;
    for id in ["a", "b", "c"] {
        node.account(id, &[5]).await;
    }
    node.until("/parked", |page| page.contains("3 sequences")).await;
    node
}

#[tokio::test]
async fn one_parked_sequence_is_left_for_good_and_the_others_stay() {
    let node = with_three_parked(&Post::default()).await;
    let session = node.sign_in("admin", "changeit").await;
    let done = session.post("/parked/post/discard", &[("key", "account-b")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let parked = node.get("/api/handlers/post/parked").await.expect(StatusCode::OK);
    let keys: Vec<_> = parked["sequences"].as_array().expect("a list").iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, ["account-a", "account-c"]);
    assert_eq!(node.audit().await.last().map(|entry| entry["subject"].clone()), Some(json!("post")));
}

#[tokio::test]
async fn all_parked_sequences_are_retried_or_left_for_good_at_once() {
    let post = Post::default();
    for order in ["retry", "discard"] {
        post.is_mended.store(false, Ordering::SeqCst);
        let node = with_three_parked(&post).await;
        post.is_mended.store(order == "retry", Ordering::SeqCst);
        let session = node.sign_in("admin", "changeit").await;
        session.post(&format!("/parked/post/{order}"), &[]).await;
        let parked = node.get("/api/handlers/post/parked").await.expect(StatusCode::OK);
        assert_eq!(parked["sequences"], json!([]), "{order}");
    }
}
