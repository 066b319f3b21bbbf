// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A real HAProxy polls the agent.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{free_port, has, until, Agent, Process};

/// Asks HAProxy's statistics socket.
fn ask(socket: &Path, question: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    writeln!(stream, "{question}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A column of the server's line in `show stat`.
fn column(socket: &Path, name: &str) -> String {
    let text = ask(socket, "show stat");
    let mut lines = text.lines();
    let names = lines.next().unwrap().trim_start_matches("# ");
    let at = names.split(',').position(|n| n == name).unwrap();
    let line = lines.find(|line| line.starts_with("web,web1,")).unwrap();
    line.split(',').nth(at).unwrap().to_string()
}

#[test]
fn haproxy_does_as_the_agent_says() {
    if !has("haproxy") {
        return;
    }
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = application.local_addr().unwrap().port();
    let (agent_port, front) = (free_port(), free_port());
    let agent = Agent::start(&format!(
        "interval = '100ms'\nwindow = '200ms'\n[[port]]\nport = {served}\n\
         [[haproxy]]\nlisten = '127.0.0.1:{agent_port}'\n"
    ));
    let socket = agent.dir.path().join("stats");
    let config = agent.dir.path().join("haproxy.cfg");
    // The agent is sent something, too: it does not mind.
    let text = format!(
        "global\n  stats socket {} level admin\n\
         defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 5s\n  timeout server 5s\n\
         frontend front\n  bind 127.0.0.1:{front}\n  default_backend web\n\
         backend web\n  server web1 127.0.0.1:{served} weight 100 agent-check \
         agent-inter 100ms agent-addr 127.0.0.1 agent-port {agent_port} agent-send \"web1\\n\"\n",
        socket.display()
    );
    fs::write(&config, text).unwrap();
    let _haproxy = Process(
        Command::new("haproxy")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["-db", "-f"])
            .arg(&config)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    );
    until("HAProxy runs", || UnixStream::connect(&socket).is_ok());

    agent.tell(&format!("{served} utilisation=0.75"));
    until("a quarter of the weight", || {
        column(&socket, "weight") == "25"
    });
    assert_eq!(column(&socket, "agent_status"), "L7OK");
    assert_eq!(column(&socket, "status"), "no check");

    agent.tell(&format!("{served} utilisation=0.1"));
    until("nearly all of it", || column(&socket, "weight") == "90");

    agent.intent(&["drain"]);
    until("it is drained", || {
        column(&socket, "status").contains("DRAIN")
    });
    agent.intent(&["maintenance"]);
    until("it is maintained", || {
        column(&socket, "status").contains("MAINT")
    });
    agent.intent(&["ready"]);
    until("it is ready", || column(&socket, "status") == "no check");
    agent.intent(&["down", &served.to_string()]);
    until("it is down", || column(&socket, "status").contains("DOWN"));
    agent.intent(&["ready", &served.to_string()]);
    until("it is up", || !column(&socket, "status").contains("DOWN"));
    // The weight was kept all the while.
    assert_eq!(column(&socket, "weight"), "90");
    // Ten times a second for some seconds, and not one answer was lost.
    assert_eq!(column(&socket, "agent_code"), "0");
}
