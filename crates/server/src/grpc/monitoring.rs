//! The service `Monitoring`: figures of the node, again and again.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::stream::{self, Stream};
use tonic::{Request, Response, Status};

use crate::{
    core::Core,
    http::stats,
    proto::monitoring::{
        StatsReq, StatsResp,
        monitoring_server::{self, Monitoring, MonitoringServer},
    },
};

/// The shortest time between two answers of one call.
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) const METHODS: super::Methods = (monitoring_server::SERVICE_NAME, &[("stats", &[])]);

/// The service.
pub(super) fn service(core: Arc<Core>) -> MonitoringServer<Service> {
    MonitoringServer::new(Service { core })
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

#[tonic::async_trait]
impl Monitoring for Service {
    type StatsStream = Pin<Box<dyn Stream<Item = Result<StatsResp, Status>> + Send>>;

    async fn stats(&self, request: Request<StatsReq>) -> Result<Response<Self::StatsStream>, Status> {
        if !super::caller(&request).is_known() {
            return Err(super::status::access_denied());
        }
        let period = Duration::from_millis(request.into_inner().refresh_time_period_in_ms).max(SHORTEST);
        let answers = stream::unfold((self.core.clone(), None), move |(core, rest)| async move {
            if let Some(rest) = rest {
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = core.stopping.cancelled() => return None,
                }
            }
            let stats = stats::collect(&core).into_iter().map(|(name, value)| (name, value.to_string()));
            Some((Ok(StatsResp { stats: stats.collect() }), (core, Some(period))))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
