//! What is answered while the store cannot be used.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use engine_store::{AppendError, AppendRequest, Appended, EventStore, layer::Layer, memory::MemoryStore};
use engine_web::WebOptions;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::kit::{Answer, Node};

/// A store that fails for as long as it is told to.
#[derive(Debug, Clone, Default)]
struct Failing {
    inner: MemoryStore,
    how: Arc<AtomicU8>,
}

const WORKS: u8 = 0;
const UNAVAILABLE: u8 = 1;
const LOSES_ANSWERS: u8 = 2;

#[async_trait::async_trait]
impl Layer for Failing {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        match self.how.load(Ordering::SeqCst) {
            WORKS => self.inner.append(request).await,
            UNAVAILABLE => Err(AppendError::unavailable("the disk is away")),
            _ => Err(AppendError::OutcomeUnknown("the answer is lost".into())),
        }
    }
}

#[tokio::test]
async fn a_command_that_was_not_stored_is_told_from_one_that_may_have_been() {
    let store = Failing::default();
    let node = Node::over(Arc::new(store.clone()), bank::app(), WebOptions::default()).await;
    let create = || {
        let body = json!({ "id": "jsdf" });
        let request = node.request(Method::POST, "/api/commands/CreateAccount").json(&body);
        Answer::of(request.header("Idempotency-Key", "0192aaaa-0000-7000-8000-000000000001"))
    };
    for (how, kind) in [(UNAVAILABLE, "unavailable"), (LOSES_ANSWERS, "outcome_unknown")] {
        store.how.store(how, Ordering::SeqCst);
        let answer = create().await;
        let problem = answer.expect(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["kind"], kind, "{problem}");
        assert!(answer.headers.contains_key("retry-after"));
        let id =
            if how == LOSES_ANSWERS { json!("0192aaaa-0000-7000-8000-000000000001") } else { json!(null) };
        assert_eq!(problem["command_id"], id, "what to send it again with");
    }
    store.how.store(WORKS, Ordering::SeqCst);
    create().await.expect(StatusCode::OK);
    assert_eq!(create().await.expect(StatusCode::OK)["duplicate"], true);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_not_called_refused() {
    let node = Node::bank().await;
    node.account("jsdf", &[5]).await;
    node.post("/api/handlers/balances/pause", &json!({})).await.expect(StatusCode::OK);
    let request = node.request(Method::POST, "/api/commands/DepositMoney");
    let request = request.json(&json!({ "id": "jsdf", "amount": 1 })).header("Consistency", "strong");
    let problem =
        Answer::of(request.header("Timeout-Ms", "50")).await.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&problem["kind"], &problem["took_effect"]), (&json!("not_yet_handled"), &json!(true)));
}
