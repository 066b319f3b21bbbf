// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Reports for masters that ask: HTTP over TLS.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use switchyard_report::tls::bears;
use switchyard_report::wire;
use switchyard_transport::{Peer, Server};
use tracing::error;

use super::{Latest, Refusals};

/// Answers masters of these names for as long as it runs.
pub async fn serve(server: Server, allow: Vec<String>, latest: Latest) -> Infallible {
    let refusals = Refusals::default();
    let hear = refusals.hear();
    let allow = std::sync::Arc::new(allow);
    let answer = move |request: hyper::Request<hyper::body::Incoming>, peer: Peer| {
        let (latest, allow, refusals) = (latest.clone(), allow.clone(), refusals.clone());
        async move {
            let is_master = peer
                .certificate
                .as_ref()
                .is_some_and(|certificate| allow.iter().any(|name| bears(certificate, name)));
            if !is_master {
                refusals.tell(peer.address, &"its certificate is not a master's");
                return status(StatusCode::FORBIDDEN);
            }
            if request.uri().path() != wire::PATH {
                return status(StatusCode::NOT_FOUND);
            }
            if request.method() != Method::GET {
                return status(StatusCode::METHOD_NOT_ALLOWED);
            }
            match latest.report().to_body() {
                Ok(body) => {
                    let mut response = Response::new(Full::new(Bytes::from(body)));
                    let json = HeaderValue::from_static("application/json");
                    response.headers_mut().insert(CONTENT_TYPE, json);
                    response
                }
                Err(error) => {
                    error!(%error, "the reading cannot be reported");
                    status(StatusCode::INTERNAL_SERVER_ERROR)
                }
            }
        }
    };
    loop {
        server.run_http(answer.clone(), hear.clone()).await;
    }
}

/// An answer without a body.
pub fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
