// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Clients and servers of this crate with each other, and with those that misbehave.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use rustls::pki_types::ServerName;
use switchyard_report::keys::{make, Options};
use switchyard_report::tls::{bears, Identity};
use switchyard_transport::{Error, HttpClient, Limits, Server, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECOND: Duration = Duration::from_secs(1);
const HERE: &str = "127.0.0.1:0";

fn here() -> SocketAddr {
    HERE.parse().unwrap()
}

fn keys(dir: &Path) {
    let names = ["web1", "web2", "yardmaster"].map(String::from);
    make(dir, &names, Options::default()).unwrap();
}

fn tls(dir: &Path, me: &str, other: &'static str) -> Tls {
    Tls {
        config: Identity::in_dir(dir, me).client().unwrap(),
        name: ServerName::try_from(other).unwrap(),
    }
}

/// A server that answers with the path, and counts its connections and refusals.
fn echo(server: Server, refusals: Arc<AtomicUsize>) -> SocketAddr {
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        server
            .run_http(
                |request, peer| async move {
                    let who = peer.certificate.map_or("nobody", |c| {
                        if bears(&c, "yardmaster") {
                            "master"
                        } else {
                            "other"
                        }
                    });
                    let text = format!("{who} {}", request.uri().path());
                    Response::new(Full::new(Bytes::from(text)))
                },
                move |_, _| {
                    refusals.fetch_add(1, Ordering::Relaxed);
                },
            )
            .await;
    });
    address
}

#[tokio::test]
async fn requests_share_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let config = Identity::in_dir(dir.path(), "web1").server().unwrap();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::bind(here(), Some(config), limits).await.unwrap();
    let address = echo(server, Arc::default()).to_string();
    let mut client = HttpClient::new(
        address,
        Some(tls(dir.path(), "yardmaster", "web1")),
        SECOND,
        100,
    )
    .unwrap();
    for path in ["/a", "/b", "/c"] {
        // A second connection would wait for the first to end.
        let answer = client.get(path).await.unwrap();
        assert_eq!(answer.body, format!("master {path}"));
    }
}

#[tokio::test]
async fn the_wrong_server_is_a_forgery() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    keys(dir.path());
    keys(other.path());
    for (whose, name) in [(&dir, "web2"), (&other, "web1")] {
        let refusals = Arc::new(AtomicUsize::new(0));
        let config = Identity::in_dir(whose.path(), name).server().unwrap();
        let server = Server::bind(here(), Some(config), Limits::default())
            .await
            .unwrap();
        let address = echo(server, Arc::clone(&refusals)).to_string();
        let tls = tls(dir.path(), "yardmaster", "web1");
        let mut client = HttpClient::new(address, Some(tls), SECOND, 100).unwrap();
        let error = client.get("/").await.unwrap_err();
        assert!(error.is_forgery(), "{error}");
        // The server's side of it may still be on its way.
        let end = Instant::now() + SECOND;
        while refusals.load(Ordering::Relaxed) == 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(refusals.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn no_tls_where_there_is_to_be_some() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let plain = Server::bind(here(), None, Limits::default()).await.unwrap();
    let address = echo(plain, Arc::default()).to_string();
    let tls = tls(dir.path(), "yardmaster", "web1");
    let mut client = HttpClient::new(address, Some(tls), SECOND, 100).unwrap();
    let error = client.get("/").await.unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error}");
}

/// A listener that sends these bytes to whoever connects, and then keeps quiet.
async fn says(bytes: &'static [u8], times: usize) -> String {
    let listener = TcpListener::bind(HERE).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for _ in 0..times {
                    if stream.write_all(bytes).await.is_err() {
                        break;
                    }
                }
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
            });
        }
    });
    address
}

async fn fetch(address: String) -> Result<switchyard_transport::Answer, Error> {
    let limit = Duration::from_millis(300);
    HttpClient::new(address, None, limit, 1000)
        .unwrap()
        .get("/")
        .await
}

#[tokio::test]
async fn servers_that_misbehave() {
    let silent = fetch(says(b"", 1).await).await.unwrap_err();
    assert!(matches!(silent, Error::Timeout(_)), "{silent}");
    let noise = fetch(says(b"hello to you\r\n", 1).await).await.unwrap_err();
    assert!(matches!(noise, Error::Http(_)), "{noise}");
    let head = fetch(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", 1).await)
        .await
        .unwrap_err();
    assert!(matches!(head, Error::Large(_)), "{head}");
    let endless = fetch(says(b"HTTP/1.1 200 OK\r\nA: ", 10_000).await)
        .await
        .unwrap_err();
    assert!(matches!(endless, Error::Http(_)), "{endless}");
    let absent = {
        let listener = TcpListener::bind(HERE).await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let refused = fetch(absent).await.unwrap_err();
    assert!(matches!(refused, Error::Connect(_)), "{refused}");
}

#[tokio::test]
async fn clients_that_misbehave_leave_room_for_others() {
    let limits = Limits {
        connections: 2,
        handshake: Duration::from_millis(200),
        idle: Duration::from_millis(200),
    };
    let server = Server::bind(here(), None, limits).await.unwrap();
    let address = echo(server, Arc::default());
    // Two that say nothing take all places, for as long as they may.
    let _first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut client = HttpClient::new(address.to_string(), None, 2 * SECOND, 100).unwrap();
    assert_eq!(client.get("/x").await.unwrap().body, "nobody /x");
}

/// Nobody accepts them yet, and still nobody is sent away to come again in a second.
#[tokio::test]
async fn many_may_wait_to_be_accepted() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let many = most.trim().parse::<usize>().unwrap().min(500);
    let server = Server::bind(here(), None, Limits::default()).await.unwrap();
    let address = server.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..many {
        let connect = tokio::time::timeout(SECOND / 2, TcpStream::connect(address));
        waiting.push(connect.await.unwrap().unwrap());
    }
    assert_eq!(waiting.len(), many);
}
