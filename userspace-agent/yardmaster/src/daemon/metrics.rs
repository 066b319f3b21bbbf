// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Metrics for Prometheus, made from the state when they are asked for: nothing is kept
//! twice.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::{Request, Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{text, DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use switchyard_report::{Health, Reason};
use switchyard_transport::Server;

use super::kernel::Kernel;
use super::shared::{Shared, State};
use super::traffic::{Family, Traffic, FAMILIES};

/// The type of the text.
const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A part of the metrics: the daemon's own, one gauge of all destinations, what came of reports, or
/// one thing that the switch has counted.
/// Each is made when the one before has been sent, lest the text of ten thousand destinations be in
/// memory at once.
#[derive(Clone, Copy)]
enum Part {
    Daemon,
    Gauge(Gauge),
    Reports,
    Traffic(&'static Family),
}

/// All parts, in their order.
fn parts() -> impl Iterator<Item = Part> {
    let gauges = GAUGES.into_iter().map(Part::Gauge);
    [Part::Daemon]
        .into_iter()
        .chain(gauges)
        .chain([Part::Reports])
        .chain(FAMILIES.iter().map(Part::Traffic))
}

/// Writes a part of the state as metrics.
struct Exporter {
    shared: Shared,
    /// What the switch has counted, if it could be asked.
    traffic: Option<Arc<Traffic>>,
    part: Part,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// One value with labels.
fn sample(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    kind: MetricType,
    samples: &[(Labels<'_>, f64)],
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in samples {
        let one = |encoder: MetricEncoder<'_>| match kind {
            MetricType::Counter => ConstCounter::new(*value).encode(encoder),
            _ => ConstGauge::new(*value).encode(encoder),
        };
        if labels.is_empty() {
            return one(metric);
        }
        one(metric.encode_family(labels)?)?;
    }
    Ok(())
}

impl Collector for Exporter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = self.shared.lock();
        match self.part {
            Part::Daemon => daemon(&state, &mut encoder),
            Part::Gauge(gauge) => destinations(&state, gauge, &mut encoder),
            Part::Reports => reports(&state, &mut encoder),
            Part::Traffic(family) => match &self.traffic {
                Some(traffic) => family.encode(traffic, &mut encoder),
                None => Ok(()),
            },
        }
    }
}

/// What the daemon has done.
fn daemon(state: &State, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counters = state.counters;
    let real = yardmaster::number::real_u64;
    for (name, help, value) in [
        ("rounds", "Rounds", counters.rounds),
        (
            "transactions",
            "Transactions that the kernel has taken",
            counters.writes,
        ),
        (
            "weights_written",
            "Weights in these transactions",
            counters.weights,
        ),
        (
            "refusals",
            "Transactions that the kernel has refused",
            counters.refusals,
        ),
        ("reloads", "Configurations read", counters.reloads),
        (
            "bad_reloads",
            "Configurations that could not be used",
            counters.bad_reloads,
        ),
    ] {
        let samples = [(Vec::new(), real(value))];
        sample(encoder, (name, help), MetricType::Counter, &samples)?;
    }
    let last = [(Vec::new(), counters.last_round)];
    let help = "How long the last round took, the kernel's part included";
    sample(
        encoder,
        ("last_round_seconds", help),
        MetricType::Gauge,
        &last,
    )?;
    let up = [(Vec::new(), f64::from(u8::from(state.trouble.is_none())))];
    sample(
        encoder,
        ("kernel_up", "Whether the kernel does as it is told"),
        MetricType::Gauge,
        &up,
    )
}

/// A gauge of destinations: its name, what it is, and where it comes from.
type Gauge = (
    &'static str,
    &'static str,
    fn(&yardmaster::DestinationDecision) -> Option<f64>,
);

const GAUGES: [Gauge; 12] = [
    ("weight", "Weight decided", |d| Some(f64::from(d.weight))),
    ("share", "Part of new connections, 0 to 1", |d| {
        Some(d.share)
    }),
    (
        "level",
        "Level over configured weight; 1 is no feedback",
        |d| (d.configured > 0).then(|| d.level / f64::from(d.configured)),
    ),
    ("serving", "Whether it gets new connections", |d| {
        Some(f64::from(u8::from(d.state.is_serving())))
    }),
    ("utilisation", "Utilisation, smoothed", |d| {
        d.smoothed.utilisation
    }),
    (
        "requests_per_second",
        "Requests in a second, smoothed",
        |d| d.smoothed.requests,
    ),
    (
        "latency_seconds",
        "Mean time to serve a request, smoothed",
        |d| d.smoothed.latency,
    ),
    ("report_age_seconds", "Time since the last report", |d| {
        d.age
    }),
    (
        "up",
        "Whether its checks succeed; not there before a verdict",
        |d| match d.health {
            Health::Unknown => None,
            Health::Up => Some(1.0),
            Health::Down => Some(0.0),
        },
    ),
    (
        "connections",
        "Connections that the switch has to it",
        |d| d.signs.connections.map(yardmaster::number::real_u64),
    ),
    (
        "connections_per_second",
        "New connections in a second, by the kernel's counters",
        |d| d.signs.connections_per_second,
    ),
    (
        "unanswered_seconds",
        "For how long packets have gone to it and none came back",
        |d| {
            // Without counters nothing is known.
            d.signs.connections.and(d.signs.unanswered.or(Some(0.0)))
        },
    ),
];

/// What is decided for each destination, in one respect.
fn destinations(
    state: &State,
    (name, help, of): Gauge,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let name = format!("destination_{name}");
    let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
    for (key, balance) in state.master.services() {
        let service = key.to_string();
        // One service at a time, lest there be two of everything in memory.
        for destination in balance.decision().destinations {
            if let Some(value) = of(&destination) {
                let endpoint = destination.endpoint.to_string();
                let labels = [("service", &*service), ("destination", &*endpoint)];
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

/// Reports that were ignored.
fn reports(state: &State, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let real = yardmaster::number::real_u64;
    let standings = || state.inventory.targets.values();
    let accepted: u64 = standings().map(|standing| standing.accepted).sum();
    let samples = [(Vec::new(), real(accepted))];
    let name = ("reports_accepted", "Reports accepted");
    sample(encoder, name, MetricType::Counter, &samples)?;
    let ignored = |reason| -> u64 {
        let told = standings().map(|standing| standing.ignored);
        let all = told.chain([state.inventory.ignored]);
        all.map(|ignored| u64::from(ignored.of(reason))).sum()
    };
    let samples: Vec<_> = Reason::ALL
        .iter()
        .map(|&reason| (vec![("reason", reason.name())], real(ignored(reason))))
        .collect();
    let name = ("reports_ignored", "Reports ignored, by reason");
    sample(encoder, name, MetricType::Counter, &samples)
}

/// One part as text.
fn render(exporter: Exporter) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("yardmaster");
    registry.register_collector(Box::new(exporter));
    let mut out = String::new();
    text::encode_registry(&mut out, &registry)?;
    Ok(out)
}

/// What says that there are no more.
fn end() -> Result<String, fmt::Error> {
    let mut out = String::new();
    text::encode_eof(&mut out)?;
    Ok(out)
}

/// Most that is handed over at a time, in bytes: it is copied on the way.
const PIECE: usize = 32 * 1024;

/// An answer: words, or all metrics, part by part.
struct Answer {
    shared: Shared,
    traffic: Option<Arc<Traffic>>,
    /// What is still to be made; `None` is the end of it.
    parts: Box<dyn Iterator<Item = Option<Part>> + Send>,
    /// What has been made, and not yet been handed over.
    made: Bytes,
}

impl Answer {
    fn words(words: &'static str) -> Self {
        Self {
            shared: Shared::default(),
            traffic: None,
            parts: Box::new(std::iter::empty()),
            made: words.into(),
        }
    }

    fn metrics(shared: Shared, traffic: Option<Traffic>) -> Self {
        Self {
            shared,
            traffic: traffic.map(Arc::new),
            parts: Box::new(parts().map(Some).chain([None])),
            made: Bytes::new(),
        }
    }

    /// What comes next, if anything does.
    fn next(&mut self) -> Option<Result<Bytes, fmt::Error>> {
        while self.made.is_empty() {
            let text = self.parts.next()?.map_or_else(end, |part| {
                render(Exporter {
                    shared: self.shared.clone(),
                    traffic: self.traffic.clone(),
                    part,
                })
            });
            match text {
                Ok(text) => self.made = text.into(),
                Err(error) => return Some(Err(error)),
            }
        }
        let length = self.made.len().min(PIECE);
        Some(Ok(self.made.split_to(length)))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = fmt::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, fmt::Error>>> {
        let next = self.get_mut().next();
        Poll::Ready(next.map(|part| part.map(Frame::data)))
    }
}

/// Serves them for as long as it runs.
pub async fn serve(server: Server, shared: Shared, kernel: Option<Kernel>) -> Infallible {
    loop {
        let (shared, kernel) = (shared.clone(), kernel.clone());
        let answer = move |request: Request<Incoming>, _| {
            let (shared, kernel) = (shared.clone(), kernel.clone());
            async move {
                if request.uri().path() != "/metrics" {
                    return unknown();
                }
                let traffic = match kernel {
                    // Why it does not answer is told by `kernel_up`.
                    Some(kernel) => kernel.traffic().await.ok(),
                    None => None,
                };
                respond(shared, traffic)
            }
        };
        server.run_http(answer, |_, _| ()).await;
    }
}

fn unknown() -> Response<Answer> {
    let mut response = Response::new(Answer::words("/metrics is what there is\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn respond(shared: Shared, traffic: Option<Traffic>) -> Response<Answer> {
    let mut response = Response::new(Answer::metrics(shared, traffic));
    let content = HeaderValue::from_static(CONTENT);
    response.headers_mut().insert(CONTENT_TYPE, content);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::traffic::tests::sample;
    use std::collections::BTreeSet;

    /// Words of a text that are names of our metrics.
    fn names(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("yardmaster_"))
            .collect()
    }

    #[test]
    fn the_dashboard_shows_what_there_is() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../Documentation/grafana/switchyard.json"
        );
        let dashboard = std::fs::read_to_string(path).unwrap();
        let json: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
        assert!(json["panels"].as_array().unwrap().len() > 10);
        let mut answer = Answer::metrics(Shared::default(), Some(sample()));
        let mut text = String::new();
        while let Some(part) = answer.next() {
            text += std::str::from_utf8(&part.unwrap()).unwrap();
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        let there = names(&text);
        for name in names(&dashboard) {
            assert!(there.contains(name), "there is no {name} in\n{text}");
        }
    }
}
