// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What a report costs the manager and the agent: CPU time on a connection that is kept, and on one
//! that is made for it.
//!
//! `cargo run --release -p switchyard-resource --example report_cost` prints it.

#![expect(
    clippy::unwrap_used,
    reason = "an example may end at whatever goes wrong"
)]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::thread::{scope, spawn};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use rustls::client::Resumption;
use rustls::{ClientConfig, ServerConfig};
use switchyard_report::keys::{make, Options};
use switchyard_report::orca::{
    OrcaLoadReport, OrcaLoadReportRequest, MAX_MESSAGE, STREAM_CORE_METRICS,
};
use switchyard_report::tls::Identity;
use switchyard_report::wire::{MAX_REPORT, PATH};
use switchyard_report::{Reading, Timestamp};
use switchyard_transport::grpc::Channel;
use switchyard_transport::{HttpClient, Limits, Server, Tls};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::{Stream, StreamExt};
use tonic::server::ServerStreamingService;

/// Reports of a reading. The least of some readings counts: others are at work as well.
const REPORTS: u32 = 500;
const READINGS: usize = 7;

const LIMIT: Duration = Duration::from_secs(10);

/// CPU time that this thread has used.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let first = text.split_whitespace().next().unwrap();
    Duration::from_nanos(first.parse().unwrap())
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a server serves.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// yard-agent's reports.
    Http,
    /// Streams of ORCA.
    Grpc,
}

#[derive(Clone)]
struct Reports;

impl ServerStreamingService<OrcaLoadReportRequest> for Reports {
    type Response = OrcaLoadReport;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<OrcaLoadReport, tonic::Status>> + Send>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, tonic::Status>>;

    fn call(&mut self, _: tonic::Request<OrcaLoadReportRequest>) -> Self::Future {
        // One at a time, as it is with an agent.
        let ticks = tokio::time::interval(Duration::from_millis(1));
        let reports = tokio_stream::wrappers::IntervalStream::new(ticks).map(|_| {
            Ok(OrcaLoadReport {
                cpu_utilization: 0.5,
                rps_fractional: 100.0,
                ..OrcaLoadReport::default()
            })
        });
        std::future::ready(Ok(tonic::Response::new(Box::pin(reports))))
    }
}

/// A server in a thread of its own, which tells its CPU time when asked.
struct Agent {
    address: SocketAddr,
    ask: Sender<Sender<Duration>>,
}

impl Agent {
    fn start(kind: Kind, tls: Option<Arc<ServerConfig>>) -> Self {
        let (tell, told) = channel();
        let (ask, asked): (_, Receiver<Sender<Duration>>) = channel();
        spawn(move || {
            runtime().block_on(async move {
                let here = ([127, 0, 0, 1], 0).into();
                let server = Server::bind(here, tls, Limits::default()).await.unwrap();
                tell.send(server.local_addr().unwrap()).unwrap();
                tokio::spawn(async move {
                    let mut ticks = tokio::time::interval(Duration::from_millis(2));
                    loop {
                        ticks.tick().await;
                        for answer in asked.try_iter() {
                            answer.send(used()).unwrap();
                        }
                    }
                });
                if kind == Kind::Http {
                    server
                        .run_http(|_, _| std::future::ready(report()), |_, _| ())
                        .await;
                } else {
                    let answer = |request, _| async move {
                        tonic::server::Grpc::new(tonic_prost::ProstCodec::default())
                            .server_streaming(Reports, request)
                            .await
                    };
                    server.run_grpc(answer, |_, _| ()).await;
                }
            });
        });
        Self {
            address: told.recv().unwrap(),
            ask,
        }
    }

    fn used(&self) -> Duration {
        let (answer, answered) = channel();
        self.ask.send(answer).unwrap();
        answered.recv().unwrap()
    }
}

fn report() -> Response<Full<Bytes>> {
    let mut reading = Reading {
        agent: "web1".into(),
        taken_at: Timestamp::now(),
        ..Reading::default()
    };
    reading.host.cpu = Some(0.5);
    Response::new(Full::new(Bytes::from(reading.to_body().unwrap())))
}

/// Fetches reports.
async fn http(address: SocketAddr, tls: Option<Tls>, is_kept: bool) {
    let client = || HttpClient::new(address.to_string(), tls.clone(), LIMIT, MAX_REPORT).unwrap();
    let mut open = client();
    for _ in 0..REPORTS {
        if !is_kept {
            open = client();
        }
        let answer = open.get(PATH).await.unwrap();
        Reading::from_body(&answer.body).unwrap();
    }
}

async fn grpc(address: SocketAddr, tls: Option<Tls>, is_kept: bool) {
    let address = address.to_string();
    let open = || async {
        let mut channel = Channel::connect(&address, tls.as_ref(), LIMIT, MAX_MESSAGE)
            .await
            .unwrap();
        let request = OrcaLoadReportRequest::default();
        let stream = channel
            .stream::<_, OrcaLoadReport>(STREAM_CORE_METRICS, request)
            .await
            .unwrap();
        (channel, stream)
    };
    let mut opened = open().await;
    for _ in 0..REPORTS {
        if !is_kept {
            opened = open().await;
        }
        opened.1.message().await.unwrap().unwrap();
    }
}

/// The least CPU time of a report, for the manager and for the agent.
fn measure(agent: &Agent, kind: Kind, tls: Option<&Tls>, is_kept: bool) -> (Duration, Duration) {
    let reading = || {
        let before = agent.used();
        let manager = scope(|threads| {
            let work = || {
                runtime().block_on(async {
                    let begun = used();
                    match kind {
                        Kind::Http => http(agent.address, tls.cloned(), is_kept).await,
                        Kind::Grpc => grpc(agent.address, tls.cloned(), is_kept).await,
                    }
                    used().saturating_sub(begun)
                })
            };
            threads.spawn(work).join().unwrap()
        });
        (manager / REPORTS, (agent.used() - before) / REPORTS)
    };
    let all: Vec<_> = (0..READINGS).map(|_| reading()).collect();
    let least = |of: fn(&(Duration, Duration)) -> Duration| all.iter().map(of).min().unwrap();
    (least(|both| both.0), least(|both| both.1))
}

fn line(what: &str, (manager, agent): (Duration, Duration)) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("{what:<46} {:>8.1} {:>8.1}", micros(manager), micros(agent));
}

fn main() {
    let keys = tempfile::tempdir().unwrap();
    make(
        keys.path(),
        &["yardmaster", "web1"].map(String::from),
        Options::default(),
    )
    .unwrap();
    let server = Identity::in_dir(keys.path(), "web1").server().unwrap();
    let client = Identity::in_dir(keys.path(), "yardmaster")
        .client()
        .unwrap();
    let tls = |config: Arc<ClientConfig>| Tls {
        config,
        name: "web1".try_into().unwrap(),
    };
    let full = tls(Arc::clone(&client));
    // What we do not do: sessions that go on where they were left.
    let mut resuming = ClientConfig::clone(&client);
    resuming.resumption = Resumption::in_memory_sessions(64);
    let resumed = tls(Arc::new(resuming));
    let mut with_tickets = ServerConfig::clone(&server);
    with_tickets.send_tls13_tickets = 1;

    println!(
        "{:<46} {:>8} {:>8}",
        "CPU time of a report, in microseconds", "manager", "agent"
    );
    let plain = Agent::start(Kind::Http, None);
    line("HTTP, kept", measure(&plain, Kind::Http, None, true));
    line("HTTP, made anew", measure(&plain, Kind::Http, None, false));
    let agent = Agent::start(Kind::Http, Some(server));
    let kept = measure(&agent, Kind::Http, Some(&full), true);
    line("HTTP by TLS, kept", kept);
    let anew = measure(&agent, Kind::Http, Some(&full), false);
    line("HTTP by TLS, made anew", anew);
    let agent = Agent::start(Kind::Http, Some(Arc::new(with_tickets)));
    let again = measure(&agent, Kind::Http, Some(&resumed), false);
    line("HTTP by TLS, made anew, session resumed", again);
    let streams = Agent::start(Kind::Grpc, None);
    line(
        "gRPC, kept stream",
        measure(&streams, Kind::Grpc, None, true),
    );
    line(
        "gRPC, made anew",
        measure(&streams, Kind::Grpc, None, false),
    );
}
