//! The service `ServerFeatures`: what this node can do. Clients ask it before anything else.

use tonic::{Request, Response, Status};

use crate::{
    PROTOCOL_VERSION,
    proto::{
        Empty,
        server_features::{
            SupportedMethod, SupportedMethods,
            server_features_server::{self, ServerFeatures, ServerFeaturesServer},
        },
    },
};

pub(super) const METHODS: super::Methods =
    (server_features_server::SERVICE_NAME, &[("getsupportedmethods", &[])]);

/// The service.
pub(super) fn service() -> ServerFeaturesServer<Service> {
    ServerFeaturesServer::new(Service)
}

#[derive(Debug)]
pub(super) struct Service;

#[tonic::async_trait]
impl ServerFeatures for Service {
    async fn get_supported_methods(&self, _: Request<Empty>) -> Result<Response<SupportedMethods>, Status> {
        let methods = super::METHODS.iter().flat_map(|(service, methods)| {
            methods.iter().map(|(method, features)| SupportedMethod {
                method_name: (*method).to_owned(),
                service_name: service.to_lowercase(),
                features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            })
        });
        Ok(Response::new(SupportedMethods {
            methods: methods.collect(),
            event_store_server_version: PROTOCOL_VERSION.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn methods_are_told_in_lower_case_as_clients_compare_them() {
        for (_, methods) in super::super::METHODS {
            for (method, features) in *methods {
                assert_eq!(*method, method.to_lowercase());
                assert!(features.iter().all(|feature| *feature == feature.to_lowercase()));
            }
        }
    }
}
