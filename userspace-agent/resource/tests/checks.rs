// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Active checks of servers that are up, down, and otherwise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::future::{ready, Ready};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{checked, here, keys, says, until, until_standing};
use http_body_util::Full;
use hyper::Response;
use rustls::pki_types::pem::PemObject;
use switchyard_report::tls::Identity;
use switchyard_report::{Health, Passive, Standing, Timestamp};
use switchyard_resource::{CheckSpec, Counters, Manager, Settings};
use switchyard_transport::{Limits, Server};
use tokio::net::TcpListener;

fn check(text: &str) -> CheckSpec {
    let spec: CheckSpec = toml::from_str(text).unwrap();
    CheckSpec {
        interval: Duration::from_millis(50),
        ..spec
    }
}

/// Checks an address until there is a verdict; gives it, and what failed last.
async fn verdict(address: SocketAddr, text: &str) -> (Health, Option<Arc<str>>) {
    let manager = Manager::start(Settings::default()).await.unwrap();
    manager
        .set_targets(vec![checked(address, check(text))])
        .unwrap();
    let standing = until_standing(&manager, "a verdict", |s| s.health != Health::Unknown).await;
    (standing.health, standing.last_failure)
}

async fn is_up(address: SocketAddr, text: &str) {
    let (health, why) = verdict(address, text).await;
    assert_eq!(health, Health::Up, "{text}: {why:?}");
}

async fn is_down(address: SocketAddr, text: &str, because: &str) {
    let (health, why) = verdict(address, text).await;
    assert_eq!(health, Health::Down, "{text}");
    let why = why.unwrap();
    assert!(why.contains(because), "{text}: {why}");
}

async fn nobody() -> SocketAddr {
    TcpListener::bind(here())
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn tcp() {
    let hello = says("220 mail.example ESMTP\r\n").await;
    is_up(hello, "").await;
    is_up(hello, "expect = '220 '").await;
    is_up(hello, "send = 'QUIT'\nexpect = '220 mail'").await;
    is_down(hello, "expect = '250 '", "it answers `220 `").await;
    is_down(
        hello,
        "expect = '220 mail.example ESMTP and more'",
        "not answer all",
    )
    .await;
    is_down(nobody().await, "", "refused").await;
    let silent = TcpListener::bind(here()).await.unwrap();
    let silent = (silent.local_addr().unwrap(), silent).0;
    is_down(silent, "expect = 'x'\ntimeout = '100ms'", "").await;
}

#[tokio::test]
async fn http() {
    let body = "all is well";
    let server = |status: &str| {
        let length = body.len();
        says(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    };
    let good = server("200 OK").await;
    is_up(good, "type = 'http'").await;
    is_up(
        good,
        "type = 'http'\npath = '/health'\nmethod = 'HEAD'\nhost = 'web1'",
    )
    .await;
    is_up(good, "type = 'http'\ncontains = 'is well'").await;
    is_down(
        good,
        "type = 'http'\ncontains = 'is bad'",
        "does not contain",
    )
    .await;
    is_down(good, "type = 'http'\nstatus = '204'", "200 OK, not 204").await;
    is_up(server("302 Found").await, "type = 'http'").await;
    is_down(server("500 Oops").await, "type = 'http'", "500").await;
    is_down(says("220 mail\r\n").await, "type = 'http'", "HTTP").await;
    // Not read to its end, which is far away.
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{body}");
    is_up(says(endless).await, "type = 'http'").await;
}

#[tokio::test]
async fn https() {
    let dir = keys();
    let other = keys();
    let config = {
        // A server for everybody, unlike agents: it wants no certificate.
        let identity = Identity::in_dir(dir.path(), "web1");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = switchyard_report::tls::certificates(&identity.certificate).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&identity.key).unwrap();
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    };
    let server = Server::bind(here(), Some(Arc::new(config)), Limits::default())
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        server
            .run_http(
                |_, _| ready(Response::new(Full::new(Bytes::from_static(b"hello")))),
                |_, _| (),
            )
            .await;
    });
    let ca = |dir: &tempfile::TempDir| format!("ca = '{}'", dir.path().join("ca.pem").display());
    is_up(address, "type = 'https'").await;
    is_up(
        address,
        &format!("type = 'https'\nhost = 'web1'\n{}", ca(&dir)),
    )
    .await;
    let wrong = format!("type = 'https'\nhost = 'web2'\n{}", ca(&dir));
    is_down(address, &wrong, "certificate").await;
    let wrong = format!("type = 'https'\nhost = 'web1'\n{}", ca(&other));
    is_down(address, &wrong, "certificate").await;
    is_down(address, "type = 'https'\nca = '/no/such'", "/no/such").await;
    is_down(address, "type = 'http'", "HTTP").await;
}

/// What is sent and answered, written out once more.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Asked {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Answered {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone)]
struct HealthService(Arc<AtomicI32>);

impl tonic::server::UnaryService<Asked> for HealthService {
    type Response = Answered;
    type Future = Ready<Result<tonic::Response<Answered>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Asked>) -> Self::Future {
        ready(match request.into_inner().service.as_str() {
            "" | "shop" => Ok(tonic::Response::new(Answered {
                status: self.0.load(Ordering::Relaxed),
            })),
            _ => Err(tonic::Status::not_found("no such service")),
        })
    }
}

#[tokio::test]
async fn grpc() {
    let status = Arc::new(AtomicI32::new(1));
    let server = Server::bind(here(), None, Limits::default()).await.unwrap();
    let address = server.local_addr().unwrap();
    let service = HealthService(Arc::clone(&status));
    tokio::spawn(async move {
        server
            .run_grpc(
                move |request, _| {
                    let service = service.clone();
                    async move {
                        if request.uri().path() != "/grpc.health.v1.Health/Check" {
                            return switchyard_transport::grpc::unimplemented();
                        }
                        tonic::server::Grpc::new(tonic_prost::ProstCodec::default())
                            .unary(service, request)
                            .await
                    }
                },
                |_, _| (),
            )
            .await;
    });
    is_up(address, "type = 'grpc'").await;
    is_up(address, "type = 'grpc'\nservice = 'shop'").await;
    is_down(
        address,
        "type = 'grpc'\nservice = 'bank'",
        "no such service",
    )
    .await;
    status.store(2, Ordering::Relaxed);
    is_down(address, "type = 'grpc'", "NotServing").await;
    is_down(says("HTTP/1.1 200 OK\r\n\r\n").await, "type = 'grpc'", "").await;
}

#[tokio::test]
async fn icmp() {
    is_up(([127, 0, 0, 1], 80).into(), "type = 'icmp'").await;
    // For documentation only: nobody is there, or no way leads there.
    is_down(
        ([192, 0, 2, 99], 80).into(),
        "type = 'icmp'\ntimeout = '100ms'",
        "",
    )
    .await;
}

#[tokio::test]
async fn it_goes_down_and_comes_up_again() {
    let listener = TcpListener::bind(here()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let manager = Manager::start(Settings::default()).await.unwrap();
    manager
        .set_targets(vec![checked(address, check("rise = 3\nfall = 2"))])
        .unwrap();
    until_standing(&manager, "up", |s| s.health == Health::Up).await;
    drop(listener);
    let down = until_standing(&manager, "down", |s| s.health == Health::Down).await;
    assert!(down.last_failure.unwrap().contains("refused"));
    let _again = TcpListener::bind(address).await.unwrap();
    let up = until_standing(&manager, "up again", |s| s.health == Health::Up).await;
    assert!(up.health_since > down.health_since);
}

#[tokio::test]
async fn one_check_of_two_is_enough_to_be_down() {
    let good = says("").await;
    let manager = Manager::start(Settings::default()).await.unwrap();
    let mut target = checked(good, check(""));
    let second = CheckSpec {
        port: Some(nobody().await.port()),
        ..check("")
    };
    target.checks = [target.checks[0].clone(), second].into();
    manager.set_targets(vec![target]).unwrap();
    until_standing(&manager, "down", |s| s.health == Health::Down).await;
}

#[tokio::test]
async fn counters_are_signs() {
    let manager = Manager::start(Settings::default()).await.unwrap();
    let address = ([10, 0, 0, 2], 80).into();
    manager
        .set_targets(vec![switchyard_resource::TargetSpec {
            key: common::key(address),
            source: None,
            checks: [].into(),
        }])
        .unwrap();
    let counters = |connections, packets_in| Counters {
        active: 4,
        connections,
        packets_in,
        packets_out: Some(0),
    };
    until_standing(&manager, "it", |s| s.passive == Passive::default()).await;
    manager
        .observe(vec![(common::key(address), counters(10, 100))])
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    manager
        .observe(vec![(common::key(address), counters(20, 200))])
        .unwrap();
    let passive = until_standing(&manager, "signs", |s| s.passive.silent_for.is_some())
        .await
        .passive;
    assert_eq!((passive.active, passive.unanswered), (Some(4), 10));
    let rate = passive.connections_per_second.unwrap();
    assert!((20.0..=50.0).contains(&rate), "{rate}");
    assert!(Timestamp::now() > Timestamp(0));
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let manager = Manager::start(Settings::default()).await.unwrap();
    let good = checked(here(), check(""));
    let bad = checked(
        here(),
        CheckSpec {
            rise: 0,
            ..check("")
        },
    );
    assert!(manager.set_targets(vec![good.clone(), bad]).is_err());
    let error = manager.set_targets(vec![good.clone(), good]).unwrap_err();
    assert!(error.to_string().ends_with("is there twice"), "{error}");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(manager.inventory().borrow().targets.is_empty());
}

/// A listener whose queue is full, and what keeps it so: the kernel answers no SYN.
fn silent() -> (TcpListener, Vec<std::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // On every address of this machine's own network.
    socket.bind(([0, 0, 0, 0], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = ([127, 0, 0, 1], listener.local_addr().unwrap().port()).into();
    let limit = Duration::from_millis(300);
    let mut crowd = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&at, limit) {
        crowd.push(stream);
        assert!(crowd.len() < 100, "the queue is never full");
    }
    (listener, crowd)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_servers_do_not_hold_up_others() {
    let (listener, _crowd) = silent();
    let silent_port = listener.local_addr().unwrap().port();
    let good = TcpListener::bind(here()).await.unwrap();
    let address = good.local_addr().unwrap();
    let connections = Arc::new(AtomicI32::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while good.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let manager = Manager::start(Settings::default()).await.unwrap();
    let every = |interval| CheckSpec {
        interval,
        ..check("rise = 1\nfall = 1")
    };
    let mut targets = vec![checked(address, every(Duration::from_millis(100)))];
    let bad = every(Duration::from_secs(1));
    for n in 0..4000u16 {
        let [high, low] = n.to_be_bytes();
        targets.push(checked(
            ([127, 2, high, low], silent_port).into(),
            bad.clone(),
        ));
    }
    manager.set_targets(targets).unwrap();
    until(&manager, "all silent ones down", |inventory| {
        let down = |standing: &&Arc<Standing>| standing.health == Health::Down;
        inventory.targets.values().filter(down).count() == 4000
    })
    .await;
    // Four thousand seconds of silence are due in each second; ten checks of the other one are.
    connections.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let made = connections.load(Ordering::Relaxed);
    assert!((15..=31).contains(&made), "{made} checks in 3 s");
}
