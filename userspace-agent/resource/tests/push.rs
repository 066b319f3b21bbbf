// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Reports that agents send by themselves, honest ones and others.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use common::{keys, reading, reported, settings, until, until_standing};
use hyper::{HeaderMap, Method, StatusCode};
use rustls::pki_types::ServerName;
use switchyard_report::tls::Identity;
use switchyard_report::wire::{MAX_REPORT, PATH};
use switchyard_report::Reading;
use switchyard_resource::{Manager, Settings, SourceSpec};
use switchyard_transport::{HttpClient, Tls};

fn client(address: SocketAddr, identity: &Identity) -> HttpClient {
    let tls = Tls {
        config: identity.client().unwrap(),
        name: ServerName::try_from("yardmaster").unwrap(),
    };
    HttpClient::new(address.to_string(), Some(tls), Duration::from_secs(5), 1000).unwrap()
}

async fn post(client: &mut HttpClient, body: Vec<u8>) -> StatusCode {
    client
        .request(Method::POST, PATH, HeaderMap::new(), Bytes::from(body))
        .await
        .unwrap()
        .status
}

async fn send(client: &mut HttpClient, reading: &Reading) -> StatusCode {
    post(client, reading.to_body().unwrap()).await
}

async fn manager(dir: &Path) -> Manager {
    let settings = Settings {
        listen: Some(common::here()),
        ..settings(dir)
    };
    let manager = Manager::start(settings).await.unwrap();
    let push: SourceSpec = toml::from_str("type = 'push'\nname = 'web1'").unwrap();
    manager
        .set_targets(vec![reported(([10, 0, 0, 2], 80).into(), push)])
        .unwrap();
    until(&manager, "the destination", |i| i.targets.len() == 1).await;
    manager
}

#[tokio::test]
async fn an_honest_agent_is_heard() {
    let dir = keys();
    let manager = manager(dir.path()).await;
    let mut web1 = client(
        manager.listen().unwrap(),
        &Identity::in_dir(dir.path(), "web1"),
    );
    assert_eq!(
        send(&mut web1, &reading("web1", 1, 0.25)).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        send(&mut web1, &reading("web1", 2, 0.5)).await,
        StatusCode::NO_CONTENT
    );
    let standing = until_standing(&manager, "two reports", |s| s.accepted == 2).await;
    assert_eq!(standing.report.unwrap().cpu, Some(0.5));
    assert_eq!(standing.ignored.total(), 0);
}

#[tokio::test]
async fn others_change_nothing() {
    let dir = keys();
    let stranger = keys();
    let manager = manager(dir.path()).await;
    let address = manager.listen().unwrap();
    let mut web1 = client(address, &Identity::in_dir(dir.path(), "web1"));
    let honest = reading("web1", 5, 0.25);
    assert_eq!(send(&mut web1, &honest).await, StatusCode::NO_CONTENT);
    let good = until_standing(&manager, "a report", |s| s.accepted == 1).await;

    // The same once more, and one from before.
    assert_eq!(send(&mut web1, &honest).await, StatusCode::CONFLICT);
    assert_eq!(
        send(&mut web1, &reading("web1", 4, 0.9)).await,
        StatusCode::CONFLICT
    );

    // Another agent, in the name of this one.
    let mut web2 = client(address, &Identity::in_dir(dir.path(), "web2"));
    assert_eq!(
        send(&mut web2, &reading("web1", 6, 0.9)).await,
        StatusCode::FORBIDDEN
    );
    // Another agent in its own name, which nobody asked for.
    assert_eq!(
        send(&mut web2, &reading("web2", 1, 0.9)).await,
        StatusCode::FORBIDDEN
    );

    // Somebody whom another authority calls web1.
    let false_web1 = Identity {
        ca: dir.path().join("ca.pem"),
        ..Identity::in_dir(stranger.path(), "web1")
    };
    let mut false_web1 = client(address, &false_web1);
    let body = Bytes::from(reading("web1", 7, 0.9).to_body().unwrap());
    false_web1
        .request(Method::POST, PATH, HeaderMap::new(), body)
        .await
        .unwrap_err();

    // Nonsense from the right one.
    assert_eq!(
        post(&mut web1, b"{}".to_vec()).await,
        StatusCode::BAD_REQUEST
    );
    let absurd = r#"{"agent":"web1","instance":7,"sequence":9,"taken_at":1,"host":{"memory":7}}"#;
    assert_eq!(
        post(&mut web1, absurd.into()).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post(&mut web1, vec![b' '; MAX_REPORT + 1]).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let elsewhere = web1.get(PATH).await.unwrap().status;
    assert_eq!(elsewhere, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(web1.get("/").await.unwrap().status, StatusCode::NOT_FOUND);

    let inventory = until(&manager, "all of them counted", |inventory| {
        let standing = inventory.targets.values().next().unwrap();
        inventory.ignored.forged == 3
            && inventory.ignored.malformed == 1
            && inventory.ignored.absurd == 1
            && inventory.ignored.oversized == 1
            && standing.ignored.replayed == 2
    })
    .await;
    let standing = inventory.targets.values().next().unwrap();
    assert_eq!(standing.report, good.report);
    assert_eq!(standing.accepted, 1);
    // And it goes on.
    assert_eq!(
        send(&mut web1, &reading("web1", 8, 0.5)).await,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn too_many_are_too_many() {
    let dir = keys();
    let manager = manager(dir.path()).await;
    let mut web1 = client(
        manager.listen().unwrap(),
        &Identity::in_dir(dir.path(), "web1"),
    );
    let begin = std::time::Instant::now();
    let (mut taken, mut refused) = (0u64, 0u32);
    for n in 1..=100 {
        match send(&mut web1, &reading("web1", n, 0.25)).await {
            StatusCode::NO_CONTENT => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            other => panic!("{other}"),
        }
    }
    let most = u64::try_from(begin.elapsed().as_millis()).unwrap() / 100 + 5;
    assert!(taken <= most, "{taken} of {most}");
    let standing = until_standing(&manager, "counted", |s| s.ignored.frequent == refused).await;
    assert_eq!(standing.accepted, taken);
}

#[tokio::test]
async fn pushed_reports_need_keys() {
    let settings = Settings {
        listen: Some(common::here()),
        ..Settings::default()
    };
    let error = Manager::start(settings).await.unwrap_err();
    assert!(error.to_string().contains("yardmaster keys"), "{error}");
}
