//! `serve`: the store, open to the network, until a signal.

use std::sync::Arc;

use engine::{App, Bus, EventStore};
use engine_server::{Node, StartError};

use crate::{
    args::Serve,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    shell, work,
    world::World,
};

/// Serves until a signal, or until somebody asks for the end over the wire. With `runs_the_app`, the application runs
/// over the same store meanwhile: its event handlers, and its read models.
pub(crate) async fn run(
    serve: &Serve,
    runs_the_app: bool,
    world: &World,
    output: &mut Output,
) -> Result<(), Trouble> {
    let mut signals = shell::listen()?;
    let result = async {
        let store = world.store().await?.clone();
        let bus = if runs_the_app { world.bus().await?.clone() } else { store_alone(store.clone()).await? };
        let options = serve.options();
        let tls = options.tls.is_some();
        let node = Node::start(store, vec![bus], options).await.map_err(Failure::from)?;
        let (address, store) = (node.address(), world.url());
        output.answer(&Answer::Serving { address, tls, store: &store })?;
        output.flush()?;
        tokio::select! {
            _ = signals.next() => {}
            () = node.asked_to_stop() => {}
        }
        node.stop().await;
        Ok(())
    }
    .await;
    work::close(world, &mut signals).await;
    result
}

/// An application of no commands: through it the console shows what is in the store.
async fn store_alone(store: Arc<dyn EventStore>) -> Result<Bus, Failure> {
    Ok(App::new("store").start(store).await?)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let kind = match error {
            StartError::Exposed { .. } | StartError::Tls(_) => "usage",
            _ => "cannot_open",
        };
        Failure::new(kind, error.to_string())
    }
}
