//! A node of the bank on a free port of this machine, and clients of it.

mod session;

use std::{net::SocketAddr, sync::Arc};

use engine_runtime::{App, Bus};
use engine_server::Options;
use engine_store::{EventStore, memory::MemoryStore};
use engine_web::{WebOptions, measured};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A node that serves until it is dropped. Its users are `admin`, `ops`, who is an operator, and those who are added.
pub(crate) struct Node {
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    /// The position of the first event behind those with which the node notes its users.
    pub(crate) first: u64,
    client: Client,
    _serving: engine_server::Node,
}

impl Node {
    /// The bank, in memory.
    pub(crate) async fn bank() -> Self {
        Node::of(bank::app(), WebOptions::default()).await
    }

    /// Any application, in memory.
    pub(crate) async fn of(app: App, options: WebOptions) -> Self {
        Node::over(Arc::new(MemoryStore::new()), app, options).await
    }

    /// Any application over any store.
    pub(crate) async fn over(store: Arc<dyn EventStore>, app: App, options: WebOptions) -> Self {
        let (store, figures) = measured(store);
        let bus = app.start(store.clone()).await.expect("the application starts");
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            web: options,
            figures: Some(figures),
            ..Options::default()
        };
        let node = engine_server::Node::start(store, vec![bus.clone()], options).await;
        let node = node.expect("there is a free port");
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let head = bus.store().head().await.expect("it can be read");
        let first = head.map_or(0, |head| head.0 + 1);
        Node { bus, address: node.address(), first, client, _serving: node }
    }

    /// Adds `rita`, who may look but not into the data, with the password `changeit`.
    pub(crate) async fn add_reader(&self) {
        let fields = [("login", "rita"), ("full_name", "Rita"), ("role", "reader"), ("password", "changeit")];
        let answer = Answer::of(self.request(Method::POST, "/users").form(&fields)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    }

    /// A request without a name.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of an admin.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).basic_auth("admin", Some("changeit"))
    }

    /// The answer to a GET of an admin.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// The answer to a POST of an admin.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Makes a persistent subscription to a stream, with a form of the console.
    pub(crate) async fn group(&self, stream: &str, group: &str) {
        let numbers = [
            ("message_timeout_ms", "30000"),
            ("max_retry_count", "10"),
            ("checkpoint_after_ms", "2000"),
            ("min_checkpoint_count", "10"),
            ("max_checkpoint_count", "1000"),
            ("max_subscriber_count", "0"),
            ("live_buffer_size", "500"),
            ("read_batch_size", "20"),
            ("history_buffer_size", "500"),
        ];
        let names = [("source", stream), ("group", group), ("start", "first"), ("strategy", "RoundRobin")];
        let form = self.request(Method::POST, "/subscriptions").form(&[&names[..], &numbers].concat());
        let answer = Answer::of(form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    }

    /// The position of the newest event.
    pub(crate) async fn head(&self) -> u64 {
        self.bus.store().head().await.expect("it can be read").expect("there are events").0
    }

    /// What people did, the oldest first.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let page = self.get("/api/streams/$audit").await.expect(StatusCode::OK);
        page["events"].as_array().expect("events").iter().map(|event| event["data"].clone()).collect()
    }

    /// Waits until a page is as it should be.
    pub(crate) async fn until(&self, path: &str, is_right: impl Fn(&str) -> bool) -> String {
        let begun = std::time::Instant::now();
        loop {
            let page = self.get(path).await.text;
            if is_right(&page) {
                return page;
            }
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{path} stays as it is: {page}");
        }
    }

    /// Sends a command, which must be accepted.
    pub(crate) async fn send(&self, command: &str, body: Value) -> Value {
        self.post(&format!("/api/commands/{command}"), &body).await.expect(StatusCode::OK)
    }

    /// An account with some money in it.
    pub(crate) async fn account(&self, id: &str, amounts: &[u64]) {
        self.send("CreateAccount", json!({ "id": id })).await;
        for amount in amounts {
            self.send("DepositMoney", json!({ "id": id, "amount": amount })).await;
        }
    }
}

/// An answer that has been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.expect("the node answers");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("the answer is text") }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The JSON of an answer that must have this status. Where it is a problem, it must be one in form too.
    pub(crate) fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let json = self.json();
        if !status.is_success() {
            assert_eq!(self.headers["content-type"], "application/problem+json");
            assert_eq!(json["status"], status.as_u16());
            assert!(!json["detail"].as_str().unwrap_or_default().is_empty(), "{json}");
        }
        json
    }
}
