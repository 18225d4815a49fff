//! `serve`: the store, open to the network, until a signal.

use engine_server::{Node, Options, StartError, WebOptions};

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
        let figures = world.measured().await?;
        let store = world.store().await?.clone();
        let apps = if runs_the_app { vec![world.bus().await?.clone()] } else { Vec::new() };
        let web = WebOptions { data_folder: world.folder(), ..WebOptions::default() };
        let options = Options { web, figures, ..serve.options() };
        let tls = options.tls.is_some();
        let node = Node::start(store, apps, options).await.map_err(Failure::from)?;
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

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let kind = match error {
            StartError::Exposed { .. } | StartError::Tls(_) => "usage",
            _ => "cannot_open",
        };
        Failure::new(kind, error.to_string())
    }
}
