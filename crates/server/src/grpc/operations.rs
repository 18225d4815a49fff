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
            scavenge_resp::ScavengeResult,
        },
    },
    scavenge::Begun,
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
        let begun = self.core.scavenges.begin(self.core.store.clone(), self.core.stopping.clone());
        let (scavenge_id, result) = match begun {
            Begun::Started(id) => (id, ScavengeResult::Started),
            Begun::InProgress(id) => (id, ScavengeResult::InProgress),
        };
        Ok(Response::new(ScavengeResp { scavenge_id, scavenge_result: result.into() }))
    }

    async fn stop_scavenge(
        &self,
        request: Request<StopScavengeReq>,
    ) -> Result<Response<ScavengeResp>, Status> {
        operators_only(&request)?;
        let id = request.into_inner().options.unwrap_or_default().scavenge_id;
        if self.core.scavenges.stop(&id) {
            let stopped = ScavengeResult::Stopped.into();
            Ok(Response::new(ScavengeResp { scavenge_id: id, scavenge_result: stopped }))
        } else {
            Err(status::scavenge_not_found(&id))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::Caller, core::testing, proto::operations::stop_scavenge_req};

    fn by<T>(caller: Caller, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(caller);
        request
    }

    fn stop(id: &str) -> StopScavengeReq {
        StopScavengeReq { options: Some(stop_scavenge_req::Options { scavenge_id: id.to_owned() }) }
    }

    #[tokio::test]
    async fn a_scavenge_begins_is_told_of_and_stopped_by_its_id() {
        let service = Service { core: testing::core().await };
        let start = || service.start_scavenge(by(Caller::Trusted, StartScavengeReq { options: None }));
        // Nothing else runs on this thread before the test waits, so the first goes on meanwhile.
        let first = start().await.unwrap().into_inner();
        assert_eq!(first.scavenge_result(), ScavengeResult::Started);
        let second = start().await.unwrap().into_inner();
        assert_eq!(second.scavenge_result(), ScavengeResult::InProgress);
        assert_eq!(second.scavenge_id, first.scavenge_id);
        let other = service.stop_scavenge(by(Caller::Trusted, stop("other"))).await.unwrap_err();
        assert_eq!(other.metadata().get("exception").unwrap(), "scavenge-not-found");
        let stopped = service.stop_scavenge(by(Caller::Trusted, stop(&first.scavenge_id))).await;
        assert_eq!(stopped.unwrap().into_inner().scavenge_result(), ScavengeResult::Stopped);
    }

    #[tokio::test]
    async fn only_those_who_run_the_node_can_end_it() {
        let service = Service { core: testing::core().await };
        let denied = service.shutdown(by(Caller::Anonymous, Empty {})).await.unwrap_err();
        assert_eq!(denied.code(), tonic::Code::PermissionDenied);
        assert!(!service.core.asked_to_stop.is_cancelled());
        service.shutdown(by(Caller::Trusted, Empty {})).await.unwrap();
        assert!(service.core.asked_to_stop.is_cancelled());
    }
}
