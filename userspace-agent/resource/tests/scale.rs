// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Ten thousand destinations on a thousand servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{key, keys, settings, until};
use switchyard_resource::{CheckSpec, Counters, Manager, SourceSpec, TargetSpec};

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn ten_thousand_destinations() {
    let dir = keys();
    let manager = Manager::start(settings(dir.path())).await.unwrap();
    let source = Arc::new(SourceSpec {
        interval: Duration::from_secs(30),
        ..SourceSpec::default()
    });
    let checks = Arc::from([CheckSpec {
        interval: Duration::from_secs(30),
        ..CheckSpec::default()
    }]);
    let targets: Vec<TargetSpec> = (0..10_000u16)
        .map(|n| {
            // Nobody listens there, in a network of this machine alone.
            let server = n / 10;
            let address = [
                127,
                1,
                u8::try_from(server >> 8).unwrap(),
                u8::try_from(server & 255).unwrap(),
            ];
            TargetSpec {
                key: key((address, 1 + n % 10).into()),
                source: Some(Arc::clone(&source)),
                checks: Arc::clone(&checks),
            }
        })
        .collect();
    let before = resident();
    let begin = Instant::now();
    manager.set_targets(targets.clone()).unwrap();
    until(&manager, "all of them", |inventory| {
        inventory.targets.len() == 10_000
    })
    .await;
    let taken = begin.elapsed();
    manager
        .observe(
            targets
                .iter()
                .map(|target| (target.key.clone(), Counters::default()))
                .collect(),
        )
        .unwrap();
    until(&manager, "every source refused", |inventory| {
        inventory
            .targets
            .values()
            .all(|s| s.source_error.is_some() && s.passive.active.is_some())
    })
    .await;
    let grown = resident() - before;
    println!("{grown} KiB for 10,000 destinations, {taken:?} to take them in");
    // All of yardmaster is to have 50 MB.
    assert!(grown < 40_000, "{grown} KiB");
    // The same again changes nothing, and takes little.
    let begin = Instant::now();
    manager.set_targets(targets).unwrap();
    until(&manager, "the same", |inventory| {
        inventory.targets.len() == 10_000
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(5));
}
