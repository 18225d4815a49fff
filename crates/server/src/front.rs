//! What meets a request first: appends go straight to what carries them out, everything else through the router.
//!
//! Appends are what a node is asked for most, and little is done for each: a router with its layers would take longer
//! than the append. Both ways count a call, find out who calls, and refuse in the same words.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::{
    Request, Response,
    body::Incoming,
    service::{Service, service_fn},
};
use tonic::body::Body;
use tower::ServiceExt;

use crate::{auth::credentials, core::Core, grpc::appends};

/// What answers the requests of a node.
#[derive(Clone)]
pub(crate) struct Front {
    core: Arc<Core>,
    router: Router,
}

impl Front {
    pub(crate) fn new(core: Arc<Core>, router: Router) -> Self {
        Front { core, router }
    }

    /// What answers the requests of one connection. Who fails to sign in again and again is known by the address.
    pub(crate) fn for_peer(mut self, peer: SocketAddr) -> Self {
        self.router = self.router.layer(Extension(ConnectInfo(peer)));
        self
    }

    /// The same, as hyper knows services. It carries the answer about until it is there, which is less to carry in a
    /// box.
    pub(crate) fn service(
        self,
    ) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> {
        service_fn(move |request| Box::pin(self.clone().answer(request)))
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        match appends::Method::of(&request) {
            Some(method) => Ok(self.append(method, request).await),
            None => Ok(self.router.oneshot(request).await?.map(Body::new)),
        }
    }

    async fn append(self, method: appends::Method, request: Request<Incoming>) -> Response<Body> {
        self.core.metrics.calls.add(1);
        match credentials::caller(&self.core, request.headers()).await {
            Ok(caller) => method.call(&self.core, caller, request).await,
            Err(refused) => refused.into_http(),
        }
    }
}
