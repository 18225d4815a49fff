//! The service `PersistentSubscriptions`: what `crate::persistent` does, in the words of the protocol.

mod read;
mod reply;
mod request;

use std::{pin::Pin, sync::Arc};

use futures_util::stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{caller, operators_only, status};
use crate::{
    core::Core,
    persistent::{GroupError, Key, Source},
    proto::{
        Empty,
        persistent_subscriptions::{
            CreateReq, CreateResp, DeleteReq, DeleteResp, GetInfoReq, GetInfoResp, ListReq, ListResp,
            ReadReq, ReadResp, ReplayParkedReq, ReplayParkedResp, UpdateReq, UpdateResp,
            persistent_subscriptions_server::{self, PersistentSubscriptions, PersistentSubscriptionsServer},
        },
    },
};

/// Clients ask for groups of `$all` only where this is said.
const BOTH: &[&str] = &["stream", "all"];

pub(super) const METHODS: super::Methods = (
    persistent_subscriptions_server::SERVICE_NAME,
    &[
        ("create", BOTH),
        ("update", BOTH),
        ("delete", BOTH),
        ("read", BOTH),
        ("getinfo", BOTH),
        ("replayparked", BOTH),
        ("list", BOTH),
        ("restartsubsystem", &[]),
    ],
);

/// The service.
pub(super) fn service(core: Arc<Core>) -> PersistentSubscriptionsServer<Service> {
    let bytes = core.limits.message_bytes;
    PersistentSubscriptionsServer::new(Service { core })
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(usize::MAX)
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

#[tonic::async_trait]
impl PersistentSubscriptions for Service {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

    async fn create(&self, request: Request<CreateReq>) -> Result<Response<CreateResp>, Status> {
        operators_only(&request)?;
        let definition = request::definition(request.into_inner().options, &self.core.limits)?;
        let key = definition.key.clone();
        let created = self.core.groups.create(&self.core, definition).await;
        created.map_err(|error| refusal(&key, error))?;
        Ok(Response::new(CreateResp {}))
    }

    async fn update(&self, request: Request<UpdateReq>) -> Result<Response<UpdateResp>, Status> {
        operators_only(&request)?;
        let definition = request::definition(request.into_inner().options, &self.core.limits)?;
        let key = definition.key.clone();
        let updated = self.core.groups.update(&self.core, definition).await;
        updated.map_err(|error| refusal(&key, error))?;
        Ok(Response::new(UpdateResp {}))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        operators_only(&request)?;
        let key = request::of_delete(request.into_inner())?;
        self.core.groups.delete(&self.core, &key).await.map_err(|error| refusal(&key, error))?;
        Ok(Response::new(DeleteResp {}))
    }

    async fn read(&self, request: Request<Streaming<ReadReq>>) -> Result<Response<Self::ReadStream>, Status> {
        let caller = caller(&request);
        let answers = read::read(self.core.clone(), caller, request).await?;
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_info(&self, request: Request<GetInfoReq>) -> Result<Response<GetInfoResp>, Status> {
        operators_only(&request)?;
        let key = request::of_info(request.into_inner())?;
        let group = self.core.groups.get(&self.core, &key).await.map_err(|error| refusal(&key, error))?;
        let info = reply::info(&group.definition, group.info().await);
        Ok(Response::new(GetInfoResp { subscription_info: Some(info) }))
    }

    async fn replay_parked(
        &self,
        request: Request<ReplayParkedReq>,
    ) -> Result<Response<ReplayParkedResp>, Status> {
        operators_only(&request)?;
        let (key, limit) = request::of_replay(request.into_inner())?;
        let group = self.core.groups.get(&self.core, &key).await.map_err(|error| refusal(&key, error))?;
        group.replay(limit).await.map_err(status::of_read)?;
        Ok(Response::new(ReplayParkedResp {}))
    }

    async fn list(&self, request: Request<ListReq>) -> Result<Response<ListResp>, Status> {
        operators_only(&request)?;
        let source = request::of_list(request.into_inner())?;
        let unnamed = |source: Option<&Source>| Key {
            source: source.cloned().unwrap_or(Source::All),
            group: String::new(),
        };
        let groups = self.core.groups.list(&self.core, source.as_ref()).await;
        let groups = groups.map_err(|error| refusal(&unnamed(source.as_ref()), error))?;
        if groups.is_empty() && source.is_some() {
            return Err(refusal(&unnamed(source.as_ref()), GroupError::Missing));
        }
        let mut subscriptions = Vec::with_capacity(groups.len());
        for group in groups {
            subscriptions.push(reply::info(&group.definition, group.info().await));
        }
        Ok(Response::new(ListResp { subscriptions }))
    }

    async fn restart_subsystem(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        operators_only(&request)?;
        restart(&self.core).await?;
        Ok(Response::new(Empty {}))
    }
}

/// Starts all groups anew.
pub(super) async fn restart(core: &Arc<Core>) -> Result<(), Status> {
    let none = Key { source: Source::All, group: String::new() };
    core.groups.restart(core).await.map_err(|error| refusal(&none, error))
}

/// Why something cannot be done with a group, as clients are told.
fn refusal(key: &Key, error: GroupError) -> Status {
    let (stream, group) = (key.source.to_string(), &key.group);
    match error {
        GroupError::Exists => status::group_exists(&stream, group),
        GroupError::Missing => status::group_missing(&stream, group),
        GroupError::Unusable(reason) => status::group_failed(&stream, group, &reason),
        GroupError::Read(error) => status::of_read(error),
        GroupError::Write(error) => status::of_append(error),
    }
}
