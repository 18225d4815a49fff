//! Under which name a client has reached the node: that is where it finds it again.

use std::net::SocketAddr;

use axum::extract::Request;
use http::{header, uri::Authority};

use crate::DEFAULT_PORT;

/// A name and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Reached {
    /// As the request says: in its address, or in the header `Host`.
    pub(crate) fn of_request(request: &Request) -> Option<Self> {
        let header = || request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
        let authority = request.uri().authority().cloned().or_else(header)?;
        Some(Reached {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(DEFAULT_PORT),
        })
    }

    /// Where the node listens, where the request does not say.
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        Reached { host: address.ip().to_string(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_address_of_the_request_comes_before_the_header() {
        let request = |uri: &str, host: &str| {
            Request::builder().uri(uri).header(header::HOST, host).body(Body::empty()).unwrap()
        };
        let reached = |host: &str, port| Some(Reached { host: host.to_owned(), port });
        assert_eq!(Reached::of_request(&request("http://a:1/x", "b:2")), reached("a", 1));
        assert_eq!(Reached::of_request(&request("/x", "b:2")), reached("b", 2));
        assert_eq!(Reached::of_request(&request("/x", "b")), reached("b", DEFAULT_PORT));
    }
}
