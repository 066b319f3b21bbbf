// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How much memory ten thousand destinations take, each with a source and a check: at rest, at
//! worst, and whatever their servers do.
//!
//! `cargo test --release -p yardmaster --test memory -- --nocapture` prints the figures, which takes
//! six minutes; a build for debugging goes through the first state alone. `KEPT=40000` before it
//! has so many connections kept (`kept-connections`), and nothing is wanted of the memory then.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
#![expect(dead_code, reason = "tests share what each needs a part of")]

#[path = "common/daemon.rs"]
mod daemon;
#[path = "common/servers.rs"]
mod servers;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daemon::{services, wait_for, Daemon};
use servers::Servers;
use switchyard_report::keys::{make, Options};

/// Most resident memory, in KiB. The goal is 50 MB.
const BOUND: u64 = if cfg!(debug_assertions) { 60 } else { 45 } * 1024;

/// One after the other: a machine that is too busy makes servers silent that are not.
static ALONE: Mutex<()> = Mutex::new(());

/// What becomes of all destinations.
#[derive(Clone, Copy)]
struct Outcome {
    /// What their checks come to; `None` if there is none.
    up: Option<bool>,
    /// Whether they are reported for.
    reports: bool,
}

const WELL: Outcome = Outcome {
    up: Some(true),
    reports: true,
};
const FAILING: Outcome = Outcome {
    up: Some(false),
    reports: false,
};

/// Ten thousand destinations on `servers` servers, in networks of this machine alone.
fn ten_thousand(servers: usize, source: &str, check: &str) -> String {
    let networks = servers / 100;
    let mut text = String::new();
    for (s, part) in services(100, 100).split_inclusive("even\"\n").enumerate() {
        let s = s.saturating_sub(1);
        text += &part.replace(
            &format!("\"10.0.{s}."),
            &format!("\"127.1.{}.", s % networks),
        );
        if part.contains("policy") {
            text += &format!(
                "source = {{ {source}, interval = \"10s\" }}\n\
                 check = [{{ {check}, interval = \"10s\", rise = 1, fall = 1 }}]\n"
            );
        }
    }
    text
}

/// Runs a daemon until all is as it comes to be, and a while on.
fn measure(what: &str, servers: usize, head: &str, text: &str, outcome: Outcome) {
    let begun = Instant::now();
    let kept = std::env::var("KEPT").ok();
    let setting = kept
        .as_deref()
        .map(|kept| format!("kept-connections = {kept}\n"));
    let daemon = Daemon::start_with(&(setting.unwrap_or_default() + head), text);
    let count = |metrics: &str, name: &str, value: &str| {
        let name = format!("yardmaster_destination_{name}{{");
        let is_so = |line: &&str| line.starts_with(&name) && line.ends_with(value);
        metrics.lines().filter(is_so).count()
    };
    let verdict = outcome.up.map(|up| if up { " 1.0" } else { " 0.0" });
    wait_for("all of them", || {
        std::thread::sleep(Duration::from_millis(500));
        let metrics = daemon.scrape("/metrics");
        assert_eq!(count(&metrics, "weight", ""), 10_000);
        let checked = verdict.is_none_or(|verdict| count(&metrics, "up", verdict) == 10_000);
        // Without a report, a source has been tried by the time that its checks have come to that.
        let reports = if outcome.reports { 10_000 } else { 0 };
        (checked && count(&metrics, "report_age_seconds", "") == reports).then_some(())
    });
    let taken = begun.elapsed().as_secs_f64();
    // All sources and checks once more.
    std::thread::sleep(Duration::from_secs(12));
    for _ in 0..3 {
        let metrics = daemon.scrape("/metrics");
        assert_eq!(count(&metrics, "weight", ""), 10_000);
    }
    daemon.ask("status", &[]).unwrap();
    let (now, most) = (daemon.memory("VmRSS:"), daemon.memory("VmHWM:"));
    let status = daemon.ask("status", &["--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let round = status
        .pointer("/counters/last_round")
        .unwrap()
        .as_f64()
        .unwrap();
    println!(
        "{what}, {servers} servers: resident {now} KiB, at most {most} KiB; \
         known after {taken:.0} s; a round takes {:.0} ms",
        round * 1000.0
    );
    assert!(kept.is_some() || most < BOUND, "{what}: {most} KiB");
}

/// With a thousand servers, ten destinations on each, and with ten thousand.
fn both(what: &str, head: &str, source: &str, check: &str, outcome: Outcome) {
    let most = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    for servers in [1000, 10_000]
        .into_iter()
        .filter(|servers| *servers <= most)
    {
        let text = ten_thousand(servers, source, check);
        measure(what, servers, head, &text, outcome);
    }
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn refused() {
    let _alone = alone();
    // Nobody listens there.
    let source = "type = \"haproxy\", port = 1";
    let check = "type = \"tcp\", port = 1";
    both("refused", "", source, check, FAILING);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn silent() {
    let _alone = alone();
    let mut servers = Servers::start();
    let port = servers.silent();
    let source = format!("type = \"haproxy\", port = {port}");
    let check = format!("type = \"tcp\", port = {port}");
    both("silent", "", &source, &check, FAILING);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn accepting_and_mute() {
    let _alone = alone();
    let servers = Servers::start();
    let port = servers.mute();
    let source = format!("type = \"orca-http\", port = {port}, timeout = \"400ms\"");
    let check = format!("type = \"https\", port = {port}, timeout = \"400ms\"");
    both("mute", "", &source, &check, FAILING);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn haproxy_s_agents() {
    let _alone = alone();
    let servers = Servers::start();
    let port = servers.line("up ready 75%\n");
    let source = format!("type = \"haproxy\", port = {port}");
    let check = format!("type = \"tcp\", port = {port}, expect = \"up\"");
    both("HAProxy's agents", "", &source, &check, WELL);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn checks_alone() {
    let _alone = alone();
    let servers = Servers::start();
    let port = servers.line("up ready 75%\n");
    let check = format!("type = \"tcp\", port = {port}");
    let source = "type = \"haproxy\", port = 1";
    let outcome = Outcome {
        up: Some(true),
        reports: false,
    };
    both("checks succeed, agents refuse", "", source, &check, outcome);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn orca_by_http() {
    let _alone = alone();
    let servers = Servers::start();
    let port = servers.orca_http();
    let source = format!("type = \"orca-http\", port = {port}");
    let check = format!("type = \"http\", port = {port}");
    both("ORCA by HTTP", "", &source, &check, WELL);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn orca_by_grpc() {
    let _alone = alone();
    let servers = Servers::start();
    let (port, web) = (servers.orca_grpc(), servers.orca_http());
    let source = format!("type = \"orca-grpc\", port = {port}");
    let check = format!("type = \"http\", port = {web}");
    both("ORCA by gRPC", "", &source, &check, WELL);
}

fn keys(folder: &Path) -> String {
    let names = ["yardmaster", "web1"].map(String::from);
    make(folder, &names, Options::default()).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    format!(
        "tls = {{ ca = \"{}\", certificate = \"{}\", key = \"{}\" }}\n",
        path("ca.pem"),
        path("yardmaster.pem"),
        path("yardmaster.key")
    )
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes where nothing is optimised")]
fn agents() {
    let _alone = alone();
    let servers = Servers::start();
    let folder = tempfile::tempdir().unwrap();
    let head = keys(folder.path());
    let (port, web) = (servers.agent(folder.path(), "web1"), servers.orca_http());
    let source = format!("type = \"agent\", port = {port}, name = \"web1\"");
    let check = format!("type = \"http\", port = {web}");
    both("yard-agents", &head, &source, &check, WELL);
}
