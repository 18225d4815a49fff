//! The service `Operations`: what administrators and operators ask of the node.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{operators_only, status};
use crate::{
    core::Core,
    proto::{
        Empty,
        operations::{
            ScavengeResp, SetNodePriorityReq, StartScavengeReq, StopScavengeReq,
            operations_server::{self, Operations, OperationsServer},
        },
    },
};

pub(super) const METHODS: super::Methods = (
    operations_server::SERVICE_NAME,
    &[
        ("startscavenge", &[]),
        ("stopscavenge", &[]),
        ("shutdown", &[]),
        ("mergeindexes", &[]),
        ("resignnode", &[]),
        ("setnodepriority", &[]),
        ("restartpersistentsubscriptions", &[]),
    ],
);

/// The service.
pub(super) fn service(core: Arc<Core>) -> OperationsServer<Service> {
    OperationsServer::new(Service { core })
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

/// An answer that says nothing but that it was heard.
type Heard = Result<Response<Empty>, Status>;

const fn heard() -> Empty {
    Empty {}
}

#[tonic::async_trait]
impl Operations for Service {
    async fn start_scavenge(
        &self,
        request: Request<StartScavengeReq>,
    ) -> Result<Response<ScavengeResp>, Status> {
        operators_only(&request)?;
        let kind = self.core.store.properties().kind;
        Err(Status::unimplemented(format!("the store `{kind}` cannot be scavenged while it is served")))
    }

    async fn stop_scavenge(
        &self,
        request: Request<StopScavengeReq>,
    ) -> Result<Response<ScavengeResp>, Status> {
        operators_only(&request)?;
        let id = request.into_inner().options.unwrap_or_default().scavenge_id;
        Err(status::scavenge_not_found(&id))
    }

    async fn shutdown(&self, request: Request<Empty>) -> Heard {
        operators_only(&request)?;
        tracing::info!(by = super::caller(&request).name(), "asked to stop");
        self.core.asked_to_stop.cancel();
        Ok(Response::new(heard()))
    }

    // The store keeps its indexes in order by itself.
    async fn merge_indexes(&self, request: Request<Empty>) -> Heard {
        operators_only(&request)?;
        Ok(Response::new(heard()))
    }

    // A node alone leads, whatever it is asked.
    async fn resign_node(&self, request: Request<Empty>) -> Heard {
        operators_only(&request)?;
        Ok(Response::new(heard()))
    }

    async fn set_node_priority(&self, request: Request<SetNodePriorityReq>) -> Heard {
        operators_only(&request)?;
        Ok(Response::new(heard()))
    }

    async fn restart_persistent_subscriptions(&self, request: Request<Empty>) -> Heard {
        operators_only(&request)?;
        super::persistent::restart(&self.core).await?;
        Ok(Response::new(heard()))
    }
}
