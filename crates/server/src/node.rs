//! A node: a store, open to the network.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use axum::middleware;
use engine_runtime::Bus;
use engine_store::{BoxError, EventStore};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Options, TlsError, WebOptions,
    auth::{self, UserError, Users},
    console,
    core::Core,
    front::Front,
    grpc, http, listen,
    metrics::Metrics,
    persistent::Groups,
    projections::Projections,
    scavenge::Scavenges,
    tls,
};

/// A store that is open to the network, until [`Node::stop`].
///
/// Dropping it cuts off everybody.
#[derive(Debug)]
pub struct Node {
    core: Arc<Core>,
    serving: JoinHandle<()>,
}

impl Node {
    /// Opens a store to the network. `apps` are the applications that run over the same store in this process; the
    /// first of them is served over HTTP too: its commands, queries and events below `/api`, and the console.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        store: Arc<dyn EventStore>,
        apps: Vec<Bus>,
        options: Options,
    ) -> Result<Node, StartError> {
        let Options { listen: wanted, tls: files, insecure, limits, web, figures } = options;
        let cannot_ask = |error: UserError| StartError::Users(error.into());
        let users = Users::open(store.clone()).await.map_err(cannot_ask)?;
        let stays_here = wanted.ip().is_loopback();
        if files.is_none()
            && !insecure
            && !stays_here
            && users.has_default_password().await.map_err(cannot_ask)?
        {
            return Err(StartError::Exposed { address: wanted });
        }
        let tls = files.as_ref().map(tls::acceptor).transpose()?;
        let unusable = |cause| StartError::Listen { address: wanted, cause };
        let listener = TcpListener::bind(wanted).await.map_err(unusable)?;
        let core = Arc::new(Core {
            store,
            apps,
            users,
            trusts_everybody: files.is_none() && (insecure || stays_here),
            groups: Groups::default(),
            projections: Projections::default(),
            limits,
            metrics: Metrics::default(),
            address: listener.local_addr().map_err(unusable)?,
            instance: Uuid::new_v4(),
            started: Instant::now(),
            stopping: CancellationToken::new(),
            asked_to_stop: CancellationToken::new(),
            scavenges: Scavenges::default(),
        });
        let identify = middleware::from_fn_with_state(core.clone(), auth::credentials::identify);
        let note = middleware::from_fn_with_state(core.clone(), http::note);
        let web = WebOptions { secure_cookies: files.is_some(), ..web };
        let console =
            console::router(&core, web, figures).await.map_err(|error| StartError::Console(error.into()))?;
        let router = grpc::router(&core).merge(http::router(core.clone())).layer(identify);
        let router = router.fallback_service(console).layer(note);
        let front = Front::new(core.clone(), router);
        let serving = tokio::spawn(listen::serve(core.clone(), listener, tls, front));
        if let Err(error) = core.projections.begin(&core.store, &core.stopping).await {
            tracing::warn!(%error, "projections that ran before could not be started");
        }
        Ok(Node { core, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// Waits until somebody asks over the wire that the node stops.
    pub async fn asked_to_stop(&self) {
        self.core.asked_to_stop.cancelled().await;
    }

    /// Takes no more calls, ends subscriptions, and lets everything else that is open come to its end, for as long as
    /// [`Limits::drain_patience`](crate::Limits::drain_patience) allows. The store stays open.
    pub async fn stop(mut self) {
        self.core.stopping.cancel();
        self.core.groups.end().await;
        self.core.projections.end(&self.core.store).await;
        if let Err(error) = (&mut self.serving).await {
            tracing::error!(%error, "the node did not stop in order");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.core.stopping.cancel();
        self.serving.abort();
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read.
    #[error("the console cannot be opened: {0}")]
    Console(#[source] BoxError),
    /// Others could sign in with a password that everybody knows. Choose one of what the message offers.
    #[error(
        "{address} can be reached from elsewhere, where everybody knows the password of `admin` or `ops`, and \
         without TLS everybody can read along: change both passwords (on 127.0.0.1), give a certificate with \
         --tls-cert and --tls-key, or accept it with --insecure, which lets everybody do everything"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The users cannot be read from the store, or written to it.
    #[error("the users of the node are not at hand: {0}")]
    Users(#[source] BoxError),
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
