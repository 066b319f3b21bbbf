// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A daemon that runs dry, as it is seen from outside.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

pub const BINARY: &str = env!("CARGO_BIN_EXE_yardmaster");

/// A daemon that runs until dropped.
pub struct Daemon {
    pub child: Child,
    folder: TempDir,
    metrics: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something, not for ever.
pub fn wait_for<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = test() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "no {what} in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Services with destinations.
pub fn services(services: u8, destinations: u8) -> String {
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
    pub fn start(services: &str) -> Self {
        Self::start_with("", services)
    }

    /// With more in its own section.
    pub fn start_with(section: &str, services: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let metrics = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let head = format!(
            "[yardmaster]\nround = \"100ms\"\nsocket = \"{}\"\nmetrics = \"{metrics}\"\n{section}",
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ask(&self, command: &str, arguments: &[&str]) -> Option<String> {
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

    pub fn scrape(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A line of /proc/PID/status, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let words = line.unwrap_or_else(|| panic!("no {name}"));
        words.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub fn signal(&self, name: &str) {
        // The shell has it where there is no such program.
        let command = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh")
            .args(["-c", &command])
            .status()
            .unwrap()
            .success());
    }
}
