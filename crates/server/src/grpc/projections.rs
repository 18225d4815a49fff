//! The service `Projections`: those of the system, in the words of the protocol. Nobody can add others.

use std::{pin::Pin, sync::Arc};

use futures_util::stream::{self, Stream};
use tonic::{Request, Response, Status};

use super::{caller, operators_only, status};
use crate::{
    auth::Caller,
    core::Core,
    projections::{Figures, Kind, Status as State},
    proto::{
        Empty,
        projections::{
            CreateReq, CreateResp, DeleteReq, DeleteResp, DisableReq, DisableResp, EnableReq, EnableResp,
            ResetReq, ResetResp, ResultReq, ResultResp, StateReq, StateResp, StatisticsReq, StatisticsResp,
            UpdateReq, UpdateResp,
            projections_server::{self, ProjectionsServer},
            statistics_req, statistics_resp,
        },
    },
};

pub(super) const METHODS: super::Methods = (
    projections_server::SERVICE_NAME,
    &[
        ("create", &["track_emitted_streams"]),
        ("update", &[]),
        ("delete", &[]),
        ("statistics", &[]),
        ("disable", &[]),
        ("enable", &[]),
        ("reset", &[]),
        ("state", &[]),
        ("result", &[]),
        ("restartsubsystem", &[]),
    ],
);

/// The service.
pub(super) fn service(core: Arc<Core>) -> ProjectionsServer<Service> {
    ProjectionsServer::new(Service { core })
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

/// Refuses those who have not said who they are.
fn known_only<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = caller(request);
    if caller.is_known() { Ok(caller) } else { Err(status::access_denied()) }
}

/// The projection of this name.
fn named(name: &str) -> Result<Kind, Status> {
    Kind::named(name).ok_or_else(|| status::projection_missing(name))
}

fn only_the_systems() -> Status {
    Status::unimplemented("this node runs the projections of the system only: $by_category and the others")
}

/// A projection of the system has no state: all that it does is in its links.
fn nothing() -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(prost_types::Struct::default())) }
}

#[tonic::async_trait]
impl projections_server::Projections for Service {
    type StatisticsStream = Pin<Box<dyn Stream<Item = Result<StatisticsResp, Status>> + Send>>;

    async fn create(&self, request: Request<CreateReq>) -> Result<Response<CreateResp>, Status> {
        known_only(&request)?;
        Err(only_the_systems())
    }

    async fn update(&self, request: Request<UpdateReq>) -> Result<Response<UpdateResp>, Status> {
        known_only(&request)?;
        named(&request.into_inner().options.unwrap_or_default().name)?;
        Err(only_the_systems())
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        operators_only(&request)?;
        named(&request.into_inner().options.unwrap_or_default().name)?;
        Err(status::projection_failed("projections of the system cannot be deleted"))
    }

    async fn statistics(
        &self,
        request: Request<StatisticsReq>,
    ) -> Result<Response<Self::StatisticsStream>, Status> {
        use statistics_req::options::Mode;
        known_only(&request)?;
        let mode = request.into_inner().options.and_then(|options| options.mode);
        let figures = self.core.projections.figures(&self.core.store, &self.core.stopping).await;
        let mut figures = figures.map_err(status::of_append)?;
        match mode {
            Some(Mode::Name(name)) => {
                let kind = named(&name)?;
                figures.retain(|figures| figures.kind == kind);
            }
            Some(Mode::All(_) | Mode::Continuous(_)) | None => {}
            Some(Mode::Transient(_) | Mode::OneTime(_)) => figures.clear(),
        }
        let answers =
            figures.into_iter().map(|figures| Ok(StatisticsResp { details: Some(details(&figures)) }));
        Ok(Response::new(Box::pin(stream::iter(answers.collect::<Vec<_>>()))))
    }

    async fn disable(&self, request: Request<DisableReq>) -> Result<Response<DisableResp>, Status> {
        known_only(&request)?;
        let options = request.into_inner().options.unwrap_or_default();
        let (kind, core) = (named(&options.name)?, &self.core);
        let stopped =
            core.projections.disable(&core.store, &core.stopping, kind, options.write_checkpoint).await;
        stopped.map_err(status::of_append)?;
        Ok(Response::new(DisableResp {}))
    }

    async fn enable(&self, request: Request<EnableReq>) -> Result<Response<EnableResp>, Status> {
        known_only(&request)?;
        let (kind, core) = (named(&request.into_inner().options.unwrap_or_default().name)?, &self.core);
        core.projections.enable(&core.store, &core.stopping, kind).await.map_err(status::of_append)?;
        Ok(Response::new(EnableResp {}))
    }

    async fn reset(&self, request: Request<ResetReq>) -> Result<Response<ResetResp>, Status> {
        operators_only(&request)?;
        let (kind, core) = (named(&request.into_inner().options.unwrap_or_default().name)?, &self.core);
        core.projections.reset(&core.store, &core.stopping, kind).await.map_err(status::of_append)?;
        Ok(Response::new(ResetResp {}))
    }

    async fn state(&self, request: Request<StateReq>) -> Result<Response<StateResp>, Status> {
        known_only(&request)?;
        named(&request.into_inner().options.unwrap_or_default().name)?;
        Ok(Response::new(StateResp { state: Some(nothing()) }))
    }

    async fn result(&self, request: Request<ResultReq>) -> Result<Response<ResultResp>, Status> {
        known_only(&request)?;
        named(&request.into_inner().options.unwrap_or_default().name)?;
        Ok(Response::new(ResultResp { result: Some(nothing()) }))
    }

    async fn restart_subsystem(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        operators_only(&request)?;
        let core = &self.core;
        core.projections.end(&core.store).await;
        core.projections.restart(&core.store, &core.stopping).await.map_err(status::of_append)?;
        Ok(Response::new(Empty {}))
    }
}

fn details(figures: &Figures) -> statistics_resp::Details {
    let name = figures.kind.name().to_owned();
    let position = figures.position.map(|position| format!("C:{position}/P:{position}")).unwrap_or_default();
    let state = match figures.status {
        State::Running => "Running",
        State::Stopped => "Stopped",
        State::Aborted => "Aborted",
    };
    #[expect(clippy::cast_possible_truncation, reason = "a share of a hundred needs no more digits")]
    let progress = figures.percent as f32;
    statistics_resp::Details {
        version: 0,
        epoch: figures.epoch.cast_signed(),
        effective_name: name.clone(),
        status: state.to_owned(),
        name,
        mode: "Continuous".to_owned(),
        last_checkpoint: position.clone(),
        position,
        progress,
        events_processed_after_restart: figures.seen.cast_signed(),
        ..statistics_resp::Details::default()
    }
}
