// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The daemon from outside, as far as that goes without the module: a dry run.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_yardmaster");

/// A daemon that runs until dropped.
struct Daemon {
    child: Child,
    folder: TempDir,
    metrics: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = test() {
            return value;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "no {what} in 40 s"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn services(services: u8, destinations: u8) -> String {
    let mut text = String::new();
    for s in 0..services {
        let _ = writeln!(text, "[[service]]\nservice = \"tcp 192.0.2.{s}:80\"");
        text.push_str("policy.algorithm = \"even\"\n");
        for d in 0..destinations {
            let _ = writeln!(
                text,
                "[[service.destination]]\naddress = \"10.0.{s}.{d}:8080\""
            );
        }
    }
    text
}

impl Daemon {
    fn start(services: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let metrics = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let head = format!(
            "[yardmaster]\nround = \"100ms\"\nsocket = \"{}\"\nmetrics = \"{metrics}\"\n",
            folder.path().join("socket").display()
        );
        fs::write(folder.path().join("toml"), head + services).unwrap();
        let child = Command::new(BINARY)
            .args(["run", "--dry-run", "--config"])
            .arg(folder.path().join("toml"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self {
            child,
            folder,
            metrics,
        };
        wait_for("first round", || {
            let status = this.ask("status", &["--json"])?;
            let status: serde_json::Value = serde_json::from_str(&status).unwrap();
            let rounds = status.pointer("/counters/rounds")?.as_u64()?;
            (rounds > 0).then_some(())
        });
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, command: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(BINARY)
            .arg(command)
            .args(arguments)
            .arg("--socket")
            .arg(self.path("socket"))
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn scrape(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A line of /proc/PID/status, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let words = line.unwrap_or_else(|| panic!("no {name}"));
        words.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        // The shell has it where there is no such program.
        let command = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh")
            .args(["-c", &command])
            .status()
            .unwrap()
            .success());
    }
}

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
    assert!(daemon.scrape("/").starts_with("HTTP/1.1 404"));
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

/// How much memory ten thousand destinations take, each with a check, on servers with a source
/// each, a hundred in each network. Nobody answers there, in networks of this machine alone.
fn take_little_memory(networks: usize) {
    let mut text = String::new();
    for (s, part) in services(100, 100).split_inclusive("even\"\n").enumerate() {
        let s = s.saturating_sub(1);
        text += &part.replace(
            &format!("\"10.0.{s}."),
            &format!("\"127.1.{}.", s % networks),
        );
        if part.contains("policy") {
            text += "source = { type = \"haproxy\", interval = \"20s\" }\n\
                     check = [{ type = \"tcp\", interval = \"20s\" }]\n";
        }
    }
    let daemon = Daemon::start(&text);
    wait_for("every source refused", || {
        [0, 50, 99]
            .iter()
            .all(|service| {
                let service = format!("192.0.2.{service}:80");
                let explained = daemon.ask("explain", &["tcp", &service]);
                explained.is_some_and(|text| text.matches("its agent is not heard").count() == 100)
            })
            .then_some(())
    });
    // Three failures on end are a verdict, for which there is no time here.
    for _ in 0..3 {
        let metrics = daemon.scrape("/metrics");
        assert!(metrics.matches("yardmaster_destination_weight{").count() == 10_000);
    }
    daemon.ask("status", &[]).unwrap();
    let (now, most) = (daemon.memory("VmRSS:"), daemon.memory("VmHWM:"));
    let status = daemon.ask("status", &["--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let round = status.pointer("/counters/last_round").unwrap();
    println!(
        "{} servers: resident {now} KiB, at most {most} KiB; a round takes {round} s",
        networks * 100
    );
    // What waits takes more room in a build for tests.
    let bound = if cfg!(debug_assertions) { 65 } else { 50 };
    assert!(most < bound * 1024, "{most} KiB");
}

#[test]
fn ten_thousand_destinations_on_a_thousand_servers_take_little_memory() {
    take_little_memory(10);
}

#[test]
fn ten_thousand_destinations_on_servers_of_their_own_take_little_memory() {
    take_little_memory(100);
}
