// SPDX-License-Identifier: GPL-2.0 OR MIT

//! An agent and a resource manager, by every way that there is between them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use common::{free_port, Agent};
use switchyard_report::tls::Identity;
use switchyard_report::{Intent, SourceKind, Standing, TargetKey};
use switchyard_resource::{Manager, Settings, SourceSpec, TargetSpec};
use tempfile::TempDir;

/// Keys, by the command that makes them.
fn keys() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(cargo_bin!("yard-agent"))
        .arg("keys")
        .arg(dir.path().join("keys"))
        .args(["yardmaster", "web1", "other"])
        .output()
        .unwrap();
    assert!(made.status.success());
    assert_eq!(
        String::from_utf8(made.stdout)
            .unwrap()
            .matches("made ")
            .count(),
        4
    );
    dir
}

fn tls(dir: &Path, name: &str) -> String {
    let keys = dir.join("keys");
    let keys = keys.display();
    format!(
        "[tls]\nca = '{keys}/ca.pem'\ncertificate = '{keys}/{name}.pem'\nkey = '{keys}/{name}.key'\n"
    )
}

async fn manager(dir: &Path, who: &str, listen: bool) -> Manager {
    Manager::start(Settings {
        identity: Some(Identity::in_dir(&dir.join("keys"), who)),
        listen: listen.then(|| ([127, 0, 0, 1], 0).into()),
        ..Settings::default()
    })
    .await
    .unwrap()
}

fn watch(manager: &Manager, destination: SocketAddr, source: &str) {
    let source: SourceSpec = toml::from_str(source).unwrap();
    manager
        .set_targets(vec![TargetSpec {
            key: TargetKey {
                service: "tcp 192.0.2.80:80".into(),
                destination,
            },
            source: Some(source.into()),
            checks: [].into(),
        }])
        .unwrap();
}

async fn until(
    manager: &Manager,
    what: &str,
    mut is_so: impl FnMut(&Standing) -> bool,
) -> Standing {
    let mut inventory = manager.inventory();
    let wait = async {
        loop {
            let first = inventory
                .borrow_and_update()
                .targets
                .values()
                .next()
                .cloned();
            if let Some(standing) = first.filter(|standing| is_so(standing)) {
                return Standing::clone(&standing);
            }
            inventory.changed().await.unwrap();
        }
    };
    if let Ok(standing) = tokio::time::timeout(Duration::from_secs(20), wait).await {
        return standing;
    }
    panic!(
        "not within 20 s: {what}: {:#?}",
        manager.inventory().borrow()
    )
}

/// A server with connections to it.
struct Application {
    listener: TcpListener,
    clients: Vec<TcpStream>,
}

impl Application {
    fn start(clients: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self {
            clients: (0..clients)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect(),
            listener,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

#[tokio::test]
async fn an_agent_is_asked() {
    let dir = keys();
    let application = Application::start(4);
    let port = free_port();
    let served = application.address().port();
    let config = format!(
        "name = 'web1'\ninterval = '100ms'\nlabels = ['zone=a']\n{}\
         [[port]]\nport = {served}\n[report]\nlisten = '127.0.0.1:{port}'\n",
        tls(dir.path(), "web1")
    );
    let agent = Agent::start_in(dir, &config);
    let dir = agent.dir.path();
    let asks = format!("port = {port}\nname = 'web1'\ninterval = '150ms'");
    let master = manager(dir, "yardmaster", false).await;
    watch(&master, application.address(), &asks);
    let standing = until(&master, "a report", |s| s.report.is_some()).await;
    let report = standing.report.unwrap();
    assert_eq!(standing.source, Some(SourceKind::Agent));
    assert_eq!(report.clients, Some(4));
    assert_eq!(report.labels, ["zone=a"]);
    assert!((0.0..=1.0).contains(&report.memory.unwrap()));
    // Later there is a rate of the CPUs' time, too.
    until(&master, "the CPUs", |s| {
        s.report.as_ref().is_some_and(|r| r.cpu.is_some())
    })
    .await;

    // What the operator and the application say gets there.
    agent.intent(&["drain"]);
    agent.tell(&format!("{served} in_flight=9 utilisation=0.5"));
    until(&master, "both", |s| {
        s.report.as_ref().is_some_and(|r| {
            r.intent == Intent::Drain && r.in_flight == Some(9) && r.utilisation() == Some(0.5)
        })
    })
    .await;

    // Another agent with a good certificate is no master: it learns nothing.
    let other = manager(dir, "other", false).await;
    watch(&other, application.address(), &asks);
    let refused = until(&other, "a refusal", |s| s.source_error.is_some()).await;
    assert!(refused.source_error.unwrap().contains("403"));
    assert_eq!(refused.report, None);

    // No report was ignored, and the agent that is killed is only silent.
    drop(agent.process);
    let silent = until(&master, "an error", |s| s.source_error.is_some()).await;
    assert!(silent.report.is_some());
    assert_eq!(silent.ignored.total(), 0);
}

#[tokio::test]
async fn an_agent_sends_by_itself() {
    let dir = keys();
    let application = Application::start(2);
    let served = application.address().port();
    let master = manager(dir.path(), "yardmaster", true).await;
    watch(
        &master,
        application.address(),
        "type = 'push'\nname = 'web1'",
    );
    let config = format!(
        "name = 'web1'\ninterval = '200ms'\n{}[[port]]\nport = {served}\n\
         [push]\nto = '{}'\n",
        tls(dir.path(), "web1"),
        master.listen().unwrap()
    );
    let agent = Agent::start_in(dir, &config);
    let standing = until(&master, "three reports", |s| s.accepted >= 3).await;
    assert_eq!(standing.report.unwrap().clients, Some(2));
    assert_eq!(standing.ignored.total(), 0);
    // It goes on with higher numbers after it has read its file again.
    agent.signal("HUP");
    let more = standing.accepted + 3;
    let standing = until(&master, "more reports", |s| s.accepted >= more).await;
    assert_eq!(standing.ignored.total(), 0);
}

#[tokio::test]
async fn the_ways_of_others_lead_to_the_same() {
    let dir = keys();
    let application = Application::start(3);
    let served = application.address().port();
    let ports: Vec<u16> = (0..4).map(|_| free_port()).collect();
    let [haproxy, http, grpc, secure] = ports[..] else {
        unreachable!()
    };
    let config = format!(
        "name = 'web1'\ninterval = '100ms'\n{}[[port]]\nport = {served}\n\
         [[haproxy]]\nlisten = '127.0.0.1:{haproxy}'\n\
         [[orca]]\nprotocol = 'http'\nlisten = '127.0.0.1:{http}'\n\
         [[orca]]\nprotocol = 'grpc'\nlisten = '127.0.0.1:{grpc}'\n\
         [[orca]]\nprotocol = 'grpc'\nlisten = '127.0.0.1:{secure}'\ntls = true\n",
        tls(dir.path(), "web1")
    );
    let agent = Agent::start_in(dir, &config);
    agent.tell(&format!("{served} utilisation=0.25"));
    let dir = agent.dir.path();
    let master = manager(dir, "yardmaster", false).await;

    watch(
        &master,
        application.address(),
        &format!("type = 'haproxy'\nport = {haproxy}\nsend = 'web1'\ninterval = '150ms'"),
    );
    until(&master, "three quarters", |s| {
        s.report
            .as_ref()
            .is_some_and(|r| r.wanted_share == Some(0.75))
    })
    .await;

    for (kind, port, more) in [
        ("orca-http", http, ""),
        ("orca-grpc", grpc, ""),
        ("orca-grpc", secure, "tls = true\nname = 'web1'"),
    ] {
        let before = until(&master, "it", |_| true).await.accepted;
        let source = format!("type = '{kind}'\nport = {port}\ninterval = '150ms'\n{more}");
        watch(&master, application.address(), &source);
        let standing = until(&master, kind, |s| {
            s.accepted > before + 2
                && s.report
                    .as_ref()
                    .is_some_and(|r| r.application == Some(0.25) && r.clients == Some(3))
        })
        .await;
        assert_eq!(standing.ignored.total(), 0, "{kind} {standing:?}");
    }
}
