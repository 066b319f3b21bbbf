// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA load reports: streamed by gRPC, or one at a time by HTTP.

use std::convert::Infallible;
use std::future::{ready, Ready};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use switchyard_report::orca::{OrcaLoadReport, OrcaLoadReportRequest, STREAM_CORE_METRICS};
use switchyard_report::orca_text::HEADER;
use switchyard_transport::{grpc, Server};
use tokio::time::{interval, MissedTickBehavior};
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt};
use tonic::server::{Grpc, ServerStreamingService};
use tonic::Status;
use tonic_prost::ProstCodec;

use super::report::status;
use super::{Latest, Refusals};

/// How often reports come to who does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time between reports.
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

fn report(latest: &Latest, port: u16) -> OrcaLoadReport {
    OrcaLoadReport::of_load(&latest.load(port))
}

#[derive(Clone, Debug)]
struct Metrics {
    port: u16,
    /// Nothing changes more often.
    least: Duration,
    latest: Latest,
}

impl ServerStreamingService<OrcaLoadReportRequest> for Metrics {
    type Response = OrcaLoadReport;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<OrcaLoadReport, Status>> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<OrcaLoadReportRequest>) -> Self::Future {
        let wanted = match request.into_inner().report_interval {
            None => DEFAULT_INTERVAL,
            Some(time) => match time.get() {
                Some(time) => time,
                None => {
                    return ready(Err(Status::invalid_argument(
                        "report_interval is no time between reports",
                    )));
                }
            },
        };
        let mut ticks = interval(wanted.max(self.least).min(MAX_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (latest, port) = (self.latest.clone(), self.port);
        let reports = IntervalStream::new(ticks).map(move |_| Ok(report(&latest, port)));
        ready(Ok(tonic::Response::new(Box::pin(reports))))
    }
}

/// Streams the load of `port` by gRPC for as long as it runs.
pub async fn serve_grpc(server: Server, port: u16, least: Duration, latest: Latest) -> Infallible {
    let metrics = Metrics {
        port,
        least,
        latest,
    };
    let answer = move |request: hyper::Request<hyper::body::Incoming>, _| {
        let metrics = metrics.clone();
        async move {
            if request.uri().path() == STREAM_CORE_METRICS {
                Grpc::new(ProstCodec::default())
                    .server_streaming(metrics, request)
                    .await
            } else {
                grpc::unimplemented()
            }
        }
    };
    let refusals = Refusals::default();
    loop {
        server.run_grpc(answer.clone(), refusals.hear()).await;
    }
}

/// Answers `GET` of any path with the load of `port` for as long as it runs: JSON in
/// the body, and the header that ORCA's clients know.
pub async fn serve_http(server: Server, port: u16, latest: Latest) -> Infallible {
    let answer = move |request: hyper::Request<hyper::body::Incoming>, _| {
        let report = report(&latest, port);
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return status(StatusCode::METHOD_NOT_ALLOWED);
            }
            let json = report.to_json();
            let header = HeaderValue::from_str(&format!("JSON {json}"));
            let mut response = Response::new(Full::new(Bytes::from(json)));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Ok(header) = header {
                headers.insert(HeaderName::from_static(HEADER), header);
            }
            response
        }
    };
    let refusals = Refusals::default();
    loop {
        server.run_http(answer.clone(), refusals.hear()).await;
    }
}
