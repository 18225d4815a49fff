//! What the overview warns of.

use std::sync::Arc;

use engine_store::{Clock, SystemClock, Timestamp, memory::MemoryStore};
use engine_types::{Heard, ProcessManager, Reaction, Route};
use engine_web::WebOptions;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{api::post::Post, kit::Node};

/// The machine's clock, ten minutes late: what it has stored is that old.
#[derive(Debug)]
struct Late;

impl Clock for Late {
    fn now(&self) -> Timestamp {
        let micros = SystemClock.now().as_micros() - 600_000_000;
        Timestamp::from_micros(micros)
    }
}

#[tokio::test]
async fn it_says_that_writes_are_fine_but_reads_are_stale() {
    let store = MemoryStore::with_clock(Arc::new(Late));
    let node =
        Node::over(Arc::new(store), Post { is_mended: Arc::new(true.into()) }.app(), WebOptions::default())
            .await;
    let overview = node.get("/").await.text;
    assert!(!overview.contains("stale"), "{overview}");
    node.post("/api/handlers/post/pause", &json!({})).await.expect(StatusCode::OK);
    node.account("jsdf", &[5]).await;
    let overview = node.get("/").await.text;
    assert!(overview.contains("Writes are fine, but what is read is stale."), "{overview}");
    assert!(overview.contains("is 10 min behind"), "{overview}");
    node.post("/api/handlers/post/resume", &json!({})).await.expect(StatusCode::OK);
    node.until("/", |overview| !overview.contains("stale")).await;
}

/// A process manager of which every instance gets stuck.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Notary;

impl ProcessManager for Notary {
    const NAME: &'static str = "notary";
    type Event = bank::account::AccountEvent;

    fn route(heard: &Heard<'_, Self::Event>) -> Route {
        Route::StartOrContinue(heard.aggregate_id().to_owned())
    }

    fn react(&self, _: &Heard<'_, Self::Event>) -> Reaction {
        Reaction::park("the seal is lost")
    }

    fn evolve(self, _: &Heard<'_, Self::Event>) -> Self {
        self
    }
}

#[tokio::test]
async fn it_counts_processes_that_are_stuck_and_leads_to_them() {
    let app = bank::app().process::<Notary>(engine_runtime::ProcessOptions::default());
    let node = Node::of(app, WebOptions::default()).await;
    node.account("jsdf", &[5]).await;
    let overview = node.until("/", |overview| overview.contains("1 instance")).await;
    let link = "/processes/notary?state=parked";
    assert!(overview.contains(link) && overview.contains("is stuck."), "{overview}");
    let instances = node.get(link).await.text;
    assert!(instances.contains("the seal is lost") && instances.contains("/processes/notary/jsdf"));
    let ops = node.sign_in("ops", "changeit").await;
    let told = async |answer: crate::kit::Answer| {
        let page = answer.headers["location"].to_str().expect("text").to_owned();
        ops.get(&page).await.text
    };
    let again = told(ops.post("/processes/notary/jsdf/retry", &[]).await).await;
    assert!(again.contains("the seal is lost"), "{again}");
    let stopped = told(ops.post("/processes/notary/jsdf/stop", &[("reason", "a new seal")]).await).await;
    assert!(stopped.contains("It has ended."), "{stopped}");
}

#[tokio::test]
async fn a_running_instance_has_an_age_by_which_it_is_found() {
    let store = MemoryStore::with_clock(Arc::new(Late));
    let node = Node::over(Arc::new(store), bank::app(), WebOptions::default()).await;
    node.account("from", &[50]).await;
    node.account("to", &[]).await;
    node.send("TransferMoney", json!({ "id": "t1", "from": "from", "to": "to", "amount": 20 })).await;
    let is_there = |page: &str| page.contains("/processes/transfers/t1");
    let page = node.until("/processes/transfers?quiet=10m", is_there).await;
    assert!(page.contains("10 min"), "{page}");
    assert!(!is_there(&node.get("/processes/transfers?quiet=1h").await.text));
}
