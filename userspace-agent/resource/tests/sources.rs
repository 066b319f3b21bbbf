// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Sources that are asked, good ones and bad ones.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{keys, reading, reported, says, settings, source, until, until_standing};
use http_body_util::Full;
use hyper::Response;
use switchyard_report::orca::OrcaLoadReport;
use switchyard_report::tls::Identity;
use switchyard_report::wire::MAX_REPORT;
use switchyard_report::{Intent, Reason, SourceKind, Timestamp};
use switchyard_resource::{Manager, Settings, SourceSpec};
use switchyard_transport::{Limits, Server};

/// An agent with the keys of `who` that answers with whatever body is put in.
async fn agent(dir: &Path, who: &str) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let body = Arc::new(Mutex::new(Vec::new()));
    let config = Identity::in_dir(dir, who).server().unwrap();
    let server = Server::bind(common::here(), Some(config), Limits::default())
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    let answer = Arc::clone(&body);
    tokio::spawn(async move {
        server
            .run_http(
                move |_, _| {
                    let body = Bytes::from(answer.lock().unwrap().clone());
                    async move { Response::new(Full::new(body)) }
                },
                |_, _| (),
            )
            .await;
    });
    (address, body)
}

fn named(address: SocketAddr, name: &str) -> SourceSpec {
    SourceSpec {
        name: Some(name.into()),
        ..source("", address)
    }
}

const DESTINATION: ([u8; 4], u16) = ([10, 0, 0, 2], 8080);

#[tokio::test]
async fn a_good_report_counts_and_bad_ones_change_nothing() {
    let dir = keys();
    let (address, body) = agent(dir.path(), "web1").await;
    let manager = Manager::start(settings(dir.path())).await.unwrap();
    let put = |bytes: Vec<u8>| *body.lock().unwrap() = bytes;
    put(reading("web1", 1, 0.25).to_body().unwrap());
    manager
        .set_targets(vec![reported(DESTINATION.into(), named(address, "web1"))])
        .unwrap();
    let good = until_standing(&manager, "a report", |s| s.report.is_some()).await;
    assert_eq!(good.report.as_ref().unwrap().cpu, Some(0.25));
    assert_eq!(good.source, Some(SourceKind::Agent));

    // It says the same again and again.
    until_standing(&manager, "replayed", |s| s.ignored.replayed >= 2).await;

    let mut old = reading("web1", 100, 0.9);
    old.taken_at = Timestamp(Timestamp::now().0 - 60_000);
    let mut future = reading("web1", 100, 0.9);
    future.taken_at = Timestamp::now() + Duration::from_secs(60);
    let text = |text: &str| text.as_bytes().to_vec();
    let negative = r#"{"agent":"web1","instance":7,"sequence":100,"taken_at":1,"host":{"cpu":-1}}"#;
    let cases: Vec<(Reason, Vec<u8>)> = vec![
        (Reason::Replayed, old.to_body().unwrap()),
        (Reason::Stale, future.to_body().unwrap()),
        (Reason::Absurd, text(negative)),
        (Reason::Malformed, text("{\"agent\":")),
        (Reason::Malformed, text("")),
        (Reason::Oversized, vec![b' '; MAX_REPORT + 1]),
    ];
    for (reason, bytes) in cases {
        let before = manager
            .inventory()
            .borrow()
            .targets
            .values()
            .next()
            .unwrap()
            .ignored;
        put(bytes);
        let standing = until_standing(&manager, reason.name(), |s| {
            s.ignored.of(reason) >= before.of(reason) + 2
        })
        .await;
        assert_eq!(standing.report, good.report, "{reason}");
        assert_eq!(standing.accepted, 1, "{reason}");
        assert!(standing.source_error.unwrap().starts_with(reason.name()));
    }

    put(reading("web1", 101, 0.75).to_body().unwrap());
    let again = until_standing(&manager, "a good one again", |s| s.accepted == 2).await;
    assert_eq!(again.report.unwrap().cpu, Some(0.75));
}

#[tokio::test]
async fn another_agent_s_or_authority_s_certificate_is_a_forgery() {
    let dir = keys();
    let other = keys();
    for (whose, who) in [(&dir, "web2"), (&other, "web1")] {
        let (address, body) = agent(whose.path(), who).await;
        *body.lock().unwrap() = reading("web1", 1, 0.0).to_body().unwrap();
        let manager = Manager::start(settings(dir.path())).await.unwrap();
        manager
            .set_targets(vec![reported(DESTINATION.into(), named(address, "web1"))])
            .unwrap();
        let standing = until_standing(&manager, "forged", |s| s.ignored.forged >= 2).await;
        assert_eq!(standing.report, None);
        assert_eq!(standing.accepted, 0);
    }
}

#[tokio::test]
async fn without_keys_an_agent_cannot_be_asked() {
    let manager = Manager::start(Settings::default()).await.unwrap();
    let nobody = named(([127, 0, 0, 1], 1).into(), "web1");
    manager
        .set_targets(vec![reported(DESTINATION.into(), nobody)])
        .unwrap();
    let standing = until_standing(&manager, "an error", |s| s.source_error.is_some()).await;
    assert!(standing.source_error.unwrap().contains("yardmaster keys"));
}

#[tokio::test]
async fn one_agent_reports_for_all_destinations_of_its_server() {
    let dir = keys();
    let (address, body) = agent(dir.path(), "127.0.0.1").await;
    let mut said = reading("127.0.0.1", 1, 0.5);
    for (port, clients) in [(80, 10), (443, 20)] {
        said.ports.push(switchyard_report::Port {
            port,
            clients: Some(clients),
            ..switchyard_report::Port::default()
        });
    }
    *body.lock().unwrap() = said.to_body().unwrap();
    let manager = Manager::start(settings(dir.path())).await.unwrap();
    let source = source("", address);
    let targets = [80, 443, 22].map(|port| reported(([127, 0, 0, 1], port).into(), source.clone()));
    manager.set_targets(targets.to_vec()).unwrap();
    let inventory = until(&manager, "three reports", |inventory| {
        inventory
            .targets
            .values()
            .filter(|s| s.report.is_some())
            .count()
            == 3
    })
    .await;
    let clients: Vec<Option<u64>> = inventory
        .targets
        .values()
        .map(|s| s.report.as_ref().unwrap().clients)
        .collect();
    assert_eq!(clients, [None, Some(10), Some(20)]);

    // Two are taken away; what is known of the third stays.
    manager.set_targets(targets[..1].to_vec()).unwrap();
    let left = until(&manager, "one", |inventory| inventory.targets.len() == 1).await;
    assert_eq!(left.targets.values().next().unwrap().accepted, 1);
}

#[tokio::test]
async fn haproxy_s_agents_are_asked() {
    let manager = Manager::start(Settings::default()).await.unwrap();
    let ask = |address| {
        let spec = source("type = 'haproxy'\nsend = 'web1'", address);
        manager
            .set_targets(vec![reported(DESTINATION.into(), spec)])
            .unwrap();
    };
    ask(says("up 75%, maxconn:30 # fine\r\n").await);
    let standing = until_standing(&manager, "three quarters", |s| {
        s.report
            .as_ref()
            .is_some_and(|r| r.wanted_share == Some(0.75))
    })
    .await;
    assert_eq!(standing.report.unwrap().intent, Intent::Ready);
    ask(says("drain").await);
    until_standing(&manager, "drained", |s| {
        s.report.as_ref().is_some_and(|r| r.intent == Intent::Drain)
    })
    .await;
    let accepted = {
        ask(says("hello\n").await);
        let s = until_standing(&manager, "malformed", |s| s.ignored.malformed >= 2).await;
        s.accepted
    };
    ask(says("x ".repeat(2000)).await);
    until_standing(&manager, "oversized", |s| s.ignored.oversized >= 2).await;
    ask(says("99999999%\n").await);
    let last = until_standing(&manager, "absurd", |s| s.ignored.absurd >= 2).await;
    assert_eq!(last.accepted, accepted);
    assert_eq!(last.report.unwrap().intent, Intent::Drain);
}

/// An HTTP answer with these header lines and this body.
fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}")
}

#[tokio::test]
async fn orca_s_forms_by_http() {
    let manager = Manager::start(Settings::default()).await.unwrap();
    let ask = |address| {
        let spec = source("type = 'orca-http'\npath = '/load'", address);
        manager
            .set_targets(vec![reported(DESTINATION.into(), spec)])
            .unwrap();
    };
    let report = |cpu| OrcaLoadReport {
        cpu_utilization: cpu,
        rps_fractional: 50.0,
        ..OrcaLoadReport::default()
    };
    let forms = [
        (0.1, answer("", &report(0.1).to_json())),
        (
            0.2,
            answer(
                &format!("Endpoint-Load-Metrics: TEXT {}\r\n", report(0.2).to_text()),
                "",
            ),
        ),
        (
            0.3,
            answer(
                &format!("endpoint-load-metrics: JSON {}\r\n", report(0.3).to_json()),
                "x",
            ),
        ),
        (
            0.4,
            answer(
                &format!("endpoint-load-metrics: BIN {}\r\n", report(0.4).to_base64()),
                "x",
            ),
        ),
        (
            0.5,
            answer(
                &format!("endpoint-load-metrics-bin: {}\r\n", report(0.5).to_base64()),
                "x",
            ),
        ),
    ];
    for (cpu, text) in forms {
        ask(says(text).await);
        let standing = until_standing(&manager, "its load", |s| {
            s.report.as_ref().is_some_and(|r| r.cpu == Some(cpu))
        })
        .await;
        assert_eq!(standing.report.unwrap().requests_per_second, Some(50.0));
    }
    ask(says(answer(
        "endpoint-load-metrics: TEXT cpu_utilization=NaN\r\n",
        "",
    ))
    .await);
    until_standing(&manager, "absurd", |s| s.ignored.absurd >= 1).await;
    ask(says(answer("endpoint-load-metrics: YAML\r\n", "")).await);
    until_standing(&manager, "malformed", |s| s.ignored.malformed >= 1).await;
    ask(says(answer("", &" ".repeat(70_000))).await);
    until_standing(&manager, "oversized", |s| s.ignored.oversized >= 1).await;
    ask(says("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await);
    let last = until_standing(&manager, "503", |s| {
        s.source_error.as_deref().is_some_and(|e| e.contains("503"))
    })
    .await;
    // The last good report is kept all the while.
    assert_eq!(last.report.unwrap().cpu, Some(0.5));
}

/// Whether the last three reports came by connections that are all the same, or all others.
fn last_three(by: &[SocketAddr], same: bool) -> bool {
    let [.., a, b, c] = by else { return false };
    if same {
        a == b && b == c
    } else {
        a != b && b != c && a != c
    }
}

#[tokio::test]
async fn as_many_connections_are_kept_as_there_is_room_for() {
    let server = Server::bind(common::here(), None, Limits::default());
    let server = server.await.unwrap();
    let address = server.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let by = Arc::clone(&seen);
    tokio::spawn(async move {
        let answer = move |_, peer: switchyard_transport::Peer| {
            by.lock().unwrap().push(peer.address);
            let body = Bytes::from(r#"{"cpu_utilization":0.5}"#);
            async move { Response::new(Full::new(body)) }
        };
        server.run_http(answer, |_, _| ()).await;
    });
    let manager = Manager::start(Settings {
        kept: 0,
        ..Settings::default()
    });
    let manager = manager.await.unwrap();
    let spec = source("type = \"orca-http\"", address);
    manager
        .set_targets(vec![reported(DESTINATION.into(), spec)])
        .unwrap();
    for (kept, same) in [(0, false), (1, true), (0, false), (5, true)] {
        manager.set_kept(kept);
        seen.lock().unwrap().clear();
        let begun = std::time::Instant::now();
        while !last_three(&seen.lock().unwrap(), same) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{kept}: {seen:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let standing = until_standing(&manager, "reports", |s| s.accepted > 10).await;
    assert_eq!(standing.source_error, None);
}

#[tokio::test]
async fn a_flood_of_reports_is_cut_down() {
    use switchyard_report::orca::{OrcaLoadReportRequest, STREAM_CORE_METRICS};
    use tokio_stream::StreamExt;
    use tonic::server::ServerStreamingService;

    /// Streams a report each millisecond, whatever it was asked for.
    #[derive(Clone)]
    struct Flood;
    impl ServerStreamingService<OrcaLoadReportRequest> for Flood {
        type Response = OrcaLoadReport;
        type ResponseStream = std::pin::Pin<
            Box<dyn tokio_stream::Stream<Item = Result<OrcaLoadReport, tonic::Status>> + Send>,
        >;
        type Future =
            std::future::Ready<Result<tonic::Response<Self::ResponseStream>, tonic::Status>>;

        fn call(&mut self, _: tonic::Request<OrcaLoadReportRequest>) -> Self::Future {
            let ticks = tokio::time::interval(Duration::from_millis(1));
            let reports = tokio_stream::wrappers::IntervalStream::new(ticks).map(|_| {
                Ok(OrcaLoadReport {
                    cpu_utilization: 0.5,
                    ..OrcaLoadReport::default()
                })
            });
            std::future::ready(Ok(tonic::Response::new(Box::pin(reports))))
        }
    }

    let server = Server::bind(common::here(), None, Limits::default())
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        server
            .run_grpc(
                |request, _| async move {
                    assert_eq!(request.uri().path(), STREAM_CORE_METRICS);
                    tonic::server::Grpc::new(tonic_prost::ProstCodec::default())
                        .server_streaming(Flood, request)
                        .await
                },
                |_, _| (),
            )
            .await;
    });
    let manager = Manager::start(Settings::default()).await.unwrap();
    manager
        .set_targets(vec![reported(
            DESTINATION.into(),
            source("type = 'orca-grpc'", address),
        )])
        .unwrap();
    let begin = std::time::Instant::now();
    let standing = until_standing(&manager, "too many", |s| s.ignored.frequent >= 500).await;
    let most = u64::try_from(begin.elapsed().as_millis()).unwrap() / 100 + 6;
    assert!(standing.accepted <= most, "{} of {most}", standing.accepted);
    assert!(standing.accepted >= 5);
    assert_eq!(standing.report.unwrap().cpu, Some(0.5));
}
