// SPDX-License-Identifier: GPL-2.0 OR MIT

//! An agent that runs, and what is needed around it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// A process that ends with its owner.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until something listens on a port of this machine.
pub fn until_listening(port: u16) {
    until("it listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// Asks by plain HTTP, and gives the whole answer.
pub fn http(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// An agent, its folder and its configuration.
pub struct Agent {
    /// Goes first, so that its socket's folder is still there.
    pub process: Process,
    /// Where everything is.
    pub dir: TempDir,
}

impl Agent {
    /// Starts an agent with this configuration and a local socket.
    pub fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::start_in(dir, config)
    }

    /// The same in a folder that has been made ready.
    pub fn start_in(dir: TempDir, config: &str) -> Self {
        let socket = dir.path().join("socket");
        let text = format!("{config}\n[socket]\npath = '{}'\n", socket.display());
        fs::write(dir.path().join("agent.toml"), text).unwrap();
        let process = Command::new(cargo_bin!("yard-agent"))
            .args(["run", "--config"])
            .arg(dir.path().join("agent.toml"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let agent = Self {
            process: Process(process),
            dir,
        };
        let socket = agent.socket();
        until("the agent has its socket", || socket.exists());
        agent
    }

    /// The path of its local socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// Tells it a line by its local socket.
    pub fn tell(&self, line: &str) {
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(line.as_bytes(), self.socket()).unwrap();
    }

    /// `yard-agent intent ...`
    pub fn intent(&self, words: &[&str]) {
        let status = Command::new(cargo_bin!("yard-agent"))
            .arg("intent")
            .args(words)
            .arg("--config")
            .arg(self.dir.path().join("agent.toml"))
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        // The shell's own: not every root has a program of that name.
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -s {name} {}", self.process.0.id()))
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Memory that it has resident, in KiB.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.0.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }
}

/// Whether a program is there. In the build root it has to be.
pub fn has(program: &str) -> bool {
    let there = ["/usr/sbin", "/usr/bin", "/usr/local/sbin"]
        .iter()
        .any(|dir| Path::new(dir).join(program).exists());
    let must = std::env::var_os("SWITCHYARD_IN_ROOT").is_some();
    assert!(there || !must, "{program} belongs into the build root");
    if !there {
        eprintln!("not tested: there is no {program} here");
    }
    there
}
