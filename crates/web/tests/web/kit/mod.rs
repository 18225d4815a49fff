//! A node of the bank on a free port of this machine, and clients of it.

mod users;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use engine_runtime::{App, Bus};
use engine_store::memory::MemoryStore;
use engine_web::{Web, WebOptions, measured, router};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A node that serves until it is dropped.
pub(crate) struct Node {
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// The bank, in memory.
    pub(crate) async fn bank() -> Self {
        Node::of(bank::app(), WebOptions::default()).await
    }

    /// Any application, in memory.
    pub(crate) async fn of(app: App, options: WebOptions) -> Self {
        let (store, figures) = measured(Arc::new(MemoryStore::new()));
        let bus = app.start(store).await.expect("the application starts");
        let web = Web::new(bus.clone(), Arc::new(users::table()), Some(figures), options);
        Node::serve(bus, router(web)).await
    }

    async fn serve(bus: Bus, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Node {
            bus,
            address,
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client"),
            task,
        }
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
