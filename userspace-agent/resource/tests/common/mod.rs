// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A manager, keys, and servers that say what they are told to.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use switchyard_report::keys::{make, Options};
use switchyard_report::tls::Identity;
use switchyard_report::{Inventory, Reading, Standing, TargetKey, Timestamp};
use switchyard_resource::{CheckSpec, Manager, Settings, SourceSpec, TargetSpec};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// An address of this machine whose port the system chooses.
pub fn here() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Keys of a master and some agents.
pub fn keys() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let names = ["yardmaster", "web1", "web2", "127.0.0.1"].map(String::from);
    make(dir.path(), &names, Options::default()).unwrap();
    dir
}

/// Settings of a master that has these keys.
pub fn settings(dir: &Path) -> Settings {
    Settings {
        identity: Some(Identity::in_dir(dir, "yardmaster")),
        publish_every: Duration::from_millis(10),
        ..Settings::default()
    }
}

/// A destination of one service.
pub fn key(destination: SocketAddr) -> TargetKey {
    TargetKey {
        service: "tcp 192.0.2.80:80".into(),
        destination,
    }
}

/// A destination with a source.
pub fn reported(destination: SocketAddr, source: SourceSpec) -> TargetSpec {
    TargetSpec {
        key: key(destination),
        source: Some(source.into()),
        checks: [].into(),
    }
}

/// A destination with a check.
pub fn checked(destination: SocketAddr, check: CheckSpec) -> TargetSpec {
    TargetSpec {
        key: key(destination),
        source: None,
        checks: [check].into(),
    }
}

/// A source at an address, asked often.
pub fn source(text: &str, address: SocketAddr) -> SourceSpec {
    let mut spec: SourceSpec = toml::from_str(text).unwrap();
    spec.address = Some(address.ip().to_string());
    spec.port = Some(address.port());
    spec.interval = Duration::from_millis(120);
    spec
}

/// Waits for an inventory in which something is so.
pub async fn until(
    manager: &Manager,
    what: &str,
    mut is_so: impl FnMut(&Inventory) -> bool,
) -> Inventory {
    let mut inventory = manager.inventory();
    let wait = async {
        loop {
            {
                let now = inventory.borrow_and_update();
                if is_so(&now) {
                    return Inventory::clone(&now);
                }
            }
            inventory.changed().await.unwrap();
        }
    };
    if let Ok(found) = tokio::time::timeout(Duration::from_secs(20), wait).await {
        return found;
    }
    panic!(
        "not within 20 s: {what}: {:#?}",
        manager.inventory().borrow()
    )
}

/// Waits for a standing of the only destination in which something is so.
pub async fn until_standing(
    manager: &Manager,
    what: &str,
    mut is_so: impl FnMut(&Standing) -> bool,
) -> Standing {
    let only = |inventory: &Inventory| inventory.targets.values().next().cloned();
    let found = until(manager, what, |inventory| {
        only(inventory).is_some_and(|standing| is_so(&standing))
    })
    .await;
    Standing::clone(&only(&found).unwrap())
}

/// A listener that reads a little, sends bytes, and closes.
pub async fn says(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    let listener = TcpListener::bind(here()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut some = [0; 1000];
                let read = stream.read(&mut some);
                let _ = tokio::time::timeout(Duration::from_millis(30), read).await;
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// A good reading.
pub fn reading(agent: &str, sequence: u64, cpu: f64) -> Reading {
    let mut reading = Reading {
        agent: agent.into(),
        instance: 7,
        sequence,
        taken_at: Timestamp::now(),
        ..Reading::default()
    };
    reading.host.cpu = Some(cpu);
    reading
}
