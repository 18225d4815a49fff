//! The service `Gossip`: who is in the cluster. This node alone, and it leads.

use std::sync::Arc;

use engine_store::{Clock, SystemClock};
use tonic::{Request, Response, Status};

use super::convert::{IdForm, id_out};
use crate::{
    core::Core,
    http::reached::Reached,
    proto::{
        Empty,
        gossip::{
            ClusterInfo, EndPoint, MemberInfo,
            gossip_server::{self, Gossip, GossipServer},
            member_info::VNodeState,
        },
    },
};

pub(super) const METHODS: super::Methods = (gossip_server::SERVICE_NAME, &[("read", &[])]);

/// The service.
pub(super) fn service(core: Arc<Core>) -> GossipServer<Service> {
    GossipServer::new(Service { core })
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

#[tonic::async_trait]
impl Gossip for Service {
    async fn read(&self, request: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let reached = request.extensions().get::<Reached>().cloned();
        let Reached { host, port } = reached.unwrap_or_else(|| Reached::of_address(self.core.address));
        let member = MemberInfo {
            instance_id: Some(id_out(self.core.instance, IdForm::Structured)),
            time_stamp: SystemClock.now().as_micros().saturating_mul(10),
            state: VNodeState::Leader.into(),
            is_alive: true,
            http_end_point: Some(EndPoint { address: host, port: port.into() }),
        };
        Ok(Response::new(ClusterInfo { members: vec![member] }))
    }
}
