// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The daemon from outside, as far as that goes without the module: a dry run.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
#![expect(dead_code, reason = "tests share what each needs a part of")]

#[path = "common/daemon.rs"]
mod daemon;

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use daemon::{services, wait_for, Daemon, BINARY};

#[test]
fn it_explains_and_exports() {
    let daemon = Daemon::start(&services(1, 3));
    let text = daemon.ask("explain", &["tcp", "192.0.2.0:80"]).unwrap();
    assert!(text.contains("formula: level = w"), "{text}");
    let json = daemon
        .ask("explain", &["tcp://192.0.2.0:80", "--json"])
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["destinations"][2]["weight"], 1);
    assert_eq!(daemon.ask("explain", &["tcp", "192.0.2.9:80"]), None);
    let metrics = daemon.scrape("/metrics");
    let line = "yardmaster_destination_weight{service=\"tcp 192.0.2.0:80\",destination=\"10.0.0.1:8080\"} 1.0";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("yardmaster_kernel_up 1.0"));
    assert!(metrics.ends_with("# EOF\n"));
    assert!(daemon.scrape("/").starts_with("HTTP/1.0 404"));
}

#[test]
fn a_changed_file_is_read_and_a_bad_one_is_not_followed() {
    let mut daemon = Daemon::start(&services(1, 1));
    let file = daemon.path("toml");
    let good = fs::read_to_string(&file).unwrap();
    let count = |daemon: &Daemon| {
        let status = daemon.ask("status", &["--json"]).unwrap();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let bad = status["counters"]["bad_reloads"].as_u64().unwrap();
        (status["services"].as_array().unwrap().len(), bad)
    };
    fs::write(&file, "[yardmaster").unwrap();
    wait_for("refusal", || (count(&daemon) == (1, 1)).then_some(()));
    let more = services(2, 1).replacen("[[service]]", "# more\n[[service]]", 1);
    let head = good.split("[[service]]").next().unwrap();
    fs::write(&file, format!("{head}{more}")).unwrap();
    wait_for("second service", || {
        (count(&daemon) == (2, 1)).then_some(())
    });
    daemon.signal("HUP");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
    assert!(!daemon.path("socket").exists());
}

#[test]
fn the_log_is_json_if_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("toml");
    let head = format!(
        "[yardmaster]\nsocket = \"{}\"\n",
        folder.path().join("socket").display()
    );
    // Nobody is there to report.
    let text = services(1, 1).replace("\"10.0.0.0:8080\"", "\"127.0.0.1:1\"");
    let source = "source = { type = \"haproxy\", port = 1, interval = \"100ms\" }\npolicy";
    fs::write(&file, head + &text.replace("policy", source)).unwrap();
    let mut child = Command::new(BINARY)
        .args(["run", "--dry-run", "--log-json", "--log-level", "debug"])
        .arg("--config")
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let read = |line: io::Result<String>| {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let parts: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(parts, ["fields", "level", "timestamp"], "{line}");
        humantime::parse_rfc3339(line["timestamp"].as_str().unwrap()).unwrap();
        let level = line["level"].as_str().unwrap();
        assert!(
            ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level),
            "{line}"
        );
        assert!(line["fields"]["message"].is_string(), "{line}");
        line
    };
    let mut next = || lines.next().map(read);
    let mut find = |message: &str| {
        std::iter::from_fn(&mut next)
            .find(|line| line["fields"]["message"] == message)
            .unwrap_or_else(|| panic!("no line `{message}`"))
    };
    let running = find("running");
    assert_eq!(running["level"], "INFO");
    assert_eq!(running["fields"]["services"], 1);
    assert_eq!(running["fields"]["config"], file.to_str().unwrap());
    let silent = find("no reports");
    assert_eq!(silent["level"], "WARN");
    assert_eq!(silent["fields"]["source"], "127.0.0.1:1");
    assert!(silent["fields"]["error"].is_string());
    let pid = child.id();
    let kill = Command::new("sh")
        .args(["-c", &format!("kill {pid}")])
        .status();
    assert!(kill.unwrap().success());
    find("stopping; the kernel keeps the weights that it has");
    assert!(std::iter::from_fn(&mut next).all(|line| line.is_object()));
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_asked_badly_does_no_harm() {
    let daemon = Daemon::start(&services(1, 1));
    for question in [
        &b"\n"[..],
        b"{}\n",
        b"\"explain\"\n",
        &vec![b'x'; 100_000],
        b"\xff\xfe\n",
    ] {
        let mut stream = UnixStream::connect(daemon.path("socket")).unwrap();
        // It may hang up before all is written.
        let _ = stream.write_all(question);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.contains("error"), "{answer}");
    }
    // Nobody else takes the socket of one that lives.
    let second = Command::new(BINARY)
        .args(["run", "--dry-run", "--config"])
        .arg(daemon.path("toml"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&second.stderr).contains("another yardmaster listens"));
    assert!(daemon.ask("status", &[]).is_some());
}
