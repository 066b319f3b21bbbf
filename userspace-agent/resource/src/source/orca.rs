// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA endpoints.

use std::time::Duration;

use switchyard_report::orca::{
    OrcaLoadReport, OrcaLoadReportRequest, MAX_MESSAGE, STREAM_CORE_METRICS,
};
use switchyard_report::orca_text::{BadReport, HEADER, HEADER_BINARY};
use switchyard_report::Reason;
use switchyard_transport::grpc::Channel;
use switchyard_transport::{Answer, Error, HttpClient};
use tokio::time::timeout;
use tonic::Streaming;

use super::{Failure, Link};

/// Takes reports until that comes to an end.
pub(super) async fn stream(link: &mut Link) -> Failure {
    let (_channel, mut reports) = match open(link).await {
        Ok(opened) => opened,
        Err(error) => return error,
    };
    let source = &link.source;
    // Servers have a least interval of their own, which may be more than is asked for.
    let patience = (source.interval * 4 + source.timeout).max(super::MAX_PAUSE * 8);
    loop {
        let result = match next(&mut reports, patience).await {
            Ok(report) => take(link, &report).await,
            Err(failure) => return failure,
        };
        link.tell(result).await;
    }
}

/// Takes the first report of a stream, and hangs up.
pub(super) async fn first(link: &mut Link) -> Result<(), Failure> {
    let (_channel, mut reports) = open(link).await?;
    let report = next(&mut reports, link.source.timeout).await?;
    take(link, &report).await
}

async fn take(link: &mut Link, report: &OrcaLoadReport) -> Result<(), Failure> {
    let load = report.to_load(link.context.clock.now());
    link.bare(load).await
}

/// The next report of a stream.
async fn next(
    reports: &mut Streaming<OrcaLoadReport>,
    patience: Duration,
) -> Result<OrcaLoadReport, Failure> {
    match timeout(patience, reports.message()).await {
        Ok(Ok(Some(report))) => Ok(report),
        Ok(Ok(None)) => Err(Failure::Trouble("it has ended the stream".into())),
        Ok(Err(status)) => Err(refused(&status)),
        Err(_) => Err(Error::Timeout(patience).into()),
    }
}

/// Begins a stream, which ends with the channel.
async fn open(link: &Link) -> Result<(Channel, Streaming<OrcaLoadReport>), Failure> {
    let source = &link.source;
    let tls = link.tls().map_err(Failure::Hopeless)?;
    let request = OrcaLoadReportRequest {
        report_interval: Some(source.interval.into()),
        request_cost_names: Vec::new(),
    };
    let mut channel =
        Channel::connect(&source.address, tls.as_ref(), source.timeout, MAX_MESSAGE).await?;
    let reports = channel
        .stream::<_, OrcaLoadReport>(STREAM_CORE_METRICS, request)
        .await?;
    Ok((channel, reports))
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
