// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Reports that agents send by themselves.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use switchyard_report::tls::bears;
use switchyard_report::wire::{MAX_REPORT, PATH};
use switchyard_report::{Guard, Limits, Reading, Reason};
use switchyard_transport::{Peer, Server};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::event::{Event, Events};
use crate::source::reason_of;

/// Takes reports for as long as it runs.
pub async fn receive(server: Server, events: Events, clock: Clock, limits: Limits) -> Infallible {
    let strangers = events.clone();
    let refused = move |from: std::net::SocketAddr, error: &switchyard_transport::Error| {
        // A flood of these must not wait for the manager, nor the manager for it.
        let _ = strangers.try_send(Event::Ignored {
            source: None,
            reason: if error.is_forgery() {
                Reason::Forged
            } else {
                Reason::Malformed
            },
            detail: format!("a connection from {from}: {error}"),
        });
    };
    // All that come by, known or not: four hundred agents at their fastest.
    let all = Limits {
        min_interval: limits.min_interval / 400,
        burst: limits.burst.saturating_mul(400),
        ..limits
    };
    let pace = Arc::new(Mutex::new(Guard::new(all)));
    let answer = move |request: Request<Incoming>, peer: Peer| {
        let (events, pace) = (events.clone(), Arc::clone(&pace));
        async move {
            if request.uri().path() != PATH {
                return status(StatusCode::NOT_FOUND, "");
            }
            if request.method() != Method::POST {
                return status(StatusCode::METHOD_NOT_ALLOWED, "");
            }
            let paced = pace
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pace(clock.now());
            let taken = match paced {
                Ok(()) => take(request, &peer, &events).await,
                Err(reason) => Err((reason, format!("all together; from {}", peer.address))),
            };
            match taken {
                Ok(answered) => match answered.await {
                    Ok(Ok(())) => status(StatusCode::NO_CONTENT, ""),
                    Ok(Err(reason)) => refusal(reason, reason.name()),
                    Err(_) => status(StatusCode::SERVICE_UNAVAILABLE, "the manager ends"),
                },
                Err((reason, detail)) => {
                    let answer = refusal(reason, &detail);
                    let _ = events
                        .send(Event::Ignored {
                            source: None,
                            reason,
                            detail,
                        })
                        .await;
                    answer
                }
            }
        }
    };
    loop {
        server.run_http(answer.clone(), refused.clone()).await;
    }
}

/// Reads a report and hands it over, if it is from whom it says.
async fn take(
    request: Request<Incoming>,
    peer: &Peer,
    events: &Events,
) -> Result<oneshot::Receiver<Result<(), Reason>>, (Reason, String)> {
    let from = |text: String| format!("{text}; from {}", peer.address);
    let body = Limited::new(request.into_body(), MAX_REPORT)
        .collect()
        .await
        .map_err(|error| {
            let reason = if error.is::<LengthLimitError>() {
                Reason::Oversized
            } else {
                Reason::Malformed
            };
            (reason, from(error.to_string()))
        })?
        .to_bytes();
    let reading =
        Reading::from_body(&body).map_err(|error| (reason_of(&error), from(error.to_string())))?;
    let is_its_own = peer
        .certificate
        .as_ref()
        .is_some_and(|certificate| bears(certificate, &reading.agent));
    if !is_its_own {
        let detail = format!("the certificate is not that of `{}`", reading.agent);
        return Err((Reason::Forged, from(detail)));
    }
    let (answer, answered) = oneshot::channel();
    // The manager ends its tasks before itself.
    let _ = events.send(Event::Pushed(Box::new(reading), answer)).await;
    Ok(answered)
}

fn refusal(reason: Reason, detail: &str) -> Response<Full<Bytes>> {
    let code = match reason {
        Reason::Forged => StatusCode::FORBIDDEN,
        Reason::Frequent => StatusCode::TOO_MANY_REQUESTS,
        Reason::Oversized => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::Replayed | Reason::Stale => StatusCode::CONFLICT,
        Reason::Absurd | Reason::Malformed => StatusCode::BAD_REQUEST,
    };
    status(code, detail)
}

fn status(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_string())));
    *response.status_mut() = status;
    response
}
