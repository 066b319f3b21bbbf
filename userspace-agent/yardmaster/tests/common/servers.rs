// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Servers that answer on every address of this machine's own network, as ten thousand would.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use switchyard_report::orca::{OrcaLoadReport, OrcaLoadReportRequest};
use switchyard_report::tls::Identity;
use switchyard_report::{Reading, Timestamp};
use switchyard_transport::{Limits, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_stream::{Stream, StreamExt};
use tonic::server::ServerStreamingService;

/// The servers, each kind on a port of its own, until dropped.
pub struct Servers {
    runtime: Runtime,
    /// What keeps a queue of connections full.
    crowd: Vec<TcpStream>,
}

/// Any address, and a port that the system chooses.
fn anywhere() -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, 0).into()
}

/// As many connections as ten thousand servers have.
fn limits() -> Limits {
    Limits {
        connections: 30_000,
        idle: Duration::from_secs(600),
        ..Limits::default()
    }
}

/// A stream of reports, as often as is asked for.
#[derive(Clone)]
struct Reports;

impl ServerStreamingService<OrcaLoadReportRequest> for Reports {
    type Response = OrcaLoadReport;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<OrcaLoadReport, tonic::Status>> + Send>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<OrcaLoadReportRequest>) -> Self::Future {
        let asked = request.into_inner().report_interval.unwrap();
        let ticks = tokio::time::interval(asked.get().unwrap());
        let reports = tokio_stream::wrappers::IntervalStream::new(ticks).map(|_| Ok(report()));
        std::future::ready(Ok(tonic::Response::new(Box::pin(reports))))
    }
}

fn report() -> OrcaLoadReport {
    OrcaLoadReport {
        cpu_utilization: 0.5,
        rps_fractional: 100.0,
        ..OrcaLoadReport::default()
    }
}

impl Servers {
    pub fn start() -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            crowd: Vec::new(),
        }
    }

    fn listen(&self) -> (TcpListener, u16) {
        let _inside = self.runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(anywhere()).unwrap();
        // One socket stands for ten thousand, each of which would have a queue of its own: with
        // one of 128, which is usual, a server that waits for a CPU seems to be silent.
        let listener = socket.listen(4096).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    fn serve(&self, tls: Option<Arc<rustls::ServerConfig>>) -> (Server, u16) {
        let bound = Server::bind(anywhere(), tls, limits());
        let server = self.runtime.block_on(bound).unwrap();
        let port = server.local_addr().unwrap().port();
        (server, port)
    }

    /// Says this line to whoever comes, and hangs up.
    pub fn line(&self, line: &'static str) -> u16 {
        let (listener, port) = self.listen();
        self.runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(line.as_bytes()).await;
            }
        });
        port
    }

    /// Accepts connections, and says nothing.
    pub fn mute(&self) -> u16 {
        let (listener, port) = self.listen();
        self.runtime.spawn(async move {
            // Those whose clients have long given up are closed.
            let mut held = VecDeque::new();
            while let Ok(accepted) = listener.accept().await {
                held.push_back(accepted);
                if held.len() > 4000 {
                    held.pop_front();
                }
            }
        });
        port
    }

    /// Does not even accept: its queue is full, and the kernel answers no SYN.
    pub fn silent(&mut self) -> u16 {
        let _inside = self.runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(anywhere()).unwrap();
        let listener = socket.listen(1).unwrap();
        let at = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
        let limit = Duration::from_millis(300);
        while let Ok(stream) = TcpStream::connect_timeout(&at, limit) {
            self.crowd.push(stream);
            assert!(self.crowd.len() < 100, "the queue is never full");
        }
        self.runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(listener);
        });
        at.port()
    }

    /// ORCA reports by HTTP, for each request one.
    pub fn orca_http(&self) -> u16 {
        let (server, port) = self.serve(None);
        self.runtime.spawn(async move {
            let body = r#"{"cpu_utilization":0.5,"rps_fractional":100}"#;
            let answer = move |_, _| async move { Response::new(Full::new(Bytes::from(body))) };
            server.run_http(answer, |_, _| ()).await;
        });
        port
    }

    /// ORCA reports by streams.
    pub fn orca_grpc(&self) -> u16 {
        let (server, port) = self.serve(None);
        self.runtime.spawn(async move {
            let answer = |request, _| async move {
                tonic::server::Grpc::new(tonic_prost::ProstCodec::default())
                    .server_streaming(Reports, request)
                    .await
            };
            server.run_grpc(answer, |_, _| ()).await;
        });
        port
    }

    /// A yard-agent with the keys of `name` in `keys`.
    pub fn agent(&self, keys: &Path, name: &'static str) -> u16 {
        let config = Identity::in_dir(keys, name).server().unwrap();
        let (server, port) = self.serve(Some(config));
        self.runtime.spawn(async move {
            let sequence = AtomicU64::new(1);
            let sequence = Arc::new(sequence);
            let answer = move |_, _| {
                let mut reading = Reading {
                    agent: name.into(),
                    instance: 7,
                    sequence: sequence.fetch_add(1, Ordering::Relaxed),
                    taken_at: Timestamp::now(),
                    ..Reading::default()
                };
                reading.host.cpu = Some(0.5);
                reading.labels = vec!["gpu".into()];
                let body = Bytes::from(reading.to_body().unwrap());
                async move { Response::new(Full::new(body)) }
            };
            server.run_http(answer, |_, _| ()).await;
        });
        port
    }
}
