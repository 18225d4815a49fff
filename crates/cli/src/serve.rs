//! `serve`: the store, open to the network, until a signal.

use engine_server::{Node, Options, StartError, WebOptions};

use crate::{
    args::Serve,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    shell, work,
    world::World,
};

/// Serves until a signal, or until somebody asks for the end over the wire. The application runs over the same store
/// meanwhile, with its event handlers and read models, unless it is not wanted.
pub(crate) async fn run(
    serve: &Serve,
    app_is_named: bool,
    world: &World,
    output: &mut Output,
) -> Result<(), Trouble> {
    if serve.no_app && app_is_named {
        let fault = "`--no-app` and `--app` contradict each other: give one of them";
        return Err(Failure::usage(fault).into());
    }
    let mut signals = shell::listen()?;
    let result = async {
        let figures = world.measured().await?;
        let store = world.store().await?.clone();
        let apps = if serve.no_app { Vec::new() } else { vec![world.bus().await?.clone()] };
        let app = (!serve.no_app).then(|| world.map().app.as_str());
        let options = Options { web: web(serve, world), figures, ..serve.options() };
        let tls = options.tls.is_some();
        let node = Node::start(store, apps, options).await.map_err(Failure::from)?;
        let (address, store) = (node.address(), world.url());
        output.answer(&Answer::Serving { address, tls, store: &store, app })?;
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

/// What the console shows of the store, and where it keeps backups.
fn web(serve: &Serve, world: &World) -> WebOptions {
    let data_folder = world.folder();
    let backups = serve.backups.clone().or_else(|| {
        let folder = data_folder.as_ref()?;
        let mut name = folder.file_name()?.to_owned();
        name.push("-backups");
        Some(folder.with_file_name(name))
    });
    WebOptions { data_folder, backups, ..WebOptions::default() }
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
