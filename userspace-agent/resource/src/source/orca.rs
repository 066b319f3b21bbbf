// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA endpoints.

use std::sync::Arc;

use switchyard_report::orca::{
    OrcaLoadReport, OrcaLoadReportRequest, MAX_MESSAGE, STREAM_CORE_METRICS,
};
use switchyard_report::orca_text::{BadReport, HEADER, HEADER_BINARY};
use switchyard_report::Reason;
use switchyard_transport::grpc::Channel;
use switchyard_transport::{Answer, Error, HttpClient};
use tokio::time::timeout;

use super::{Failure, Link};

/// Takes reports until that comes to an end.
pub(super) async fn stream(link: &mut Link) -> Failure {
    let source = Arc::clone(&link.source);
    let tls = match link.tls() {
        Ok(tls) => tls,
        Err(error) => return Failure::Hopeless(error),
    };
    let request = OrcaLoadReportRequest {
        report_interval: Some(source.interval.into()),
        request_cost_names: Vec::new(),
    };
    let start = async {
        let mut channel =
            Channel::connect(&source.address, tls.as_ref(), source.timeout, MAX_MESSAGE).await?;
        let reports = channel
            .stream::<_, OrcaLoadReport>(STREAM_CORE_METRICS, request)
            .await?;
        Ok::<_, Error>((channel, reports))
    };
    let (_channel, mut reports) = match start.await {
        Ok(started) => started,
        Err(error) => return error.into(),
    };
    // Servers have a least interval of their own, which may be more than is asked for.
    let patience = (source.interval * 4 + source.timeout).max(super::MAX_PAUSE * 8);
    loop {
        let report = match timeout(patience, reports.message()).await {
            Ok(Ok(Some(report))) => report,
            Ok(Ok(None)) => return Failure::Trouble("it has ended the stream".into()),
            Ok(Err(status)) => return refused(&status),
            Err(_) => return Error::Timeout(patience).into(),
        };
        let load = report.to_load(link.context.clock.now());
        let result = link.bare(load).await;
        link.tell(result).await;
    }
}

/// A stream that broke off: by a message that is too large or none, or otherwise.
fn refused(status: &tonic::Status) -> Failure {
    let text = format!("gRPC: {}: {}", status.code(), status.message());
    match status.code() {
        tonic::Code::OutOfRange => Failure::Ignored(Reason::Oversized, text),
        tonic::Code::Internal if status.message().contains("decode") => {
            Failure::Ignored(Reason::Malformed, text)
        }
        _ => Failure::Trouble(text),
    }
}

/// Fetches one report.
pub(super) async fn once(link: &mut Link, client: &mut HttpClient) -> Result<(), Failure> {
    let answer = client.get(&link.source.path).await?;
    if !answer.status.is_success() {
        return Err(Failure::Trouble(format!("it answers {}", answer.status)));
    }
    let report = read(&answer).map_err(|error| {
        let reason = match error {
            BadReport::Large => Reason::Oversized,
            BadReport::Form | BadReport::Malformed(_) => Reason::Malformed,
        };
        Failure::Ignored(reason, error.to_string())
    })?;
    let load = report.to_load(link.context.clock.now());
    link.bare(load).await
}

/// The report of an answer: in a header, else in the body.
fn read(answer: &Answer) -> Result<OrcaLoadReport, BadReport> {
    let header = |name: &str| -> Option<String> {
        let value = answer.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    if let Some(binary) = header(HEADER_BINARY) {
        return OrcaLoadReport::from_base64(&binary);
    }
    match header(HEADER) {
        Some(text) => OrcaLoadReport::from_header(&text),
        None => OrcaLoadReport::from_json(&answer.body),
    }
}
