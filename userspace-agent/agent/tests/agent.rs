// SPDX-License-Identifier: GPL-2.0 OR MIT

//! An agent as a whole.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use common::{free_port, has, http, until, until_listening, Agent, Process};

fn yard_agent(words: &[&str]) -> std::process::Output {
    Command::new(cargo_bin!("yard-agent"))
        .args(words)
        .output()
        .unwrap()
}

/// A number in the JSON of an ORCA listener.
fn metric(port: u16, name: &str) -> Option<f64> {
    let text = http(port, "/");
    let body = text.split_once("\r\n\r\n")?.1;
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json.get(name)
        .or_else(|| json.get("named_metrics")?.get(name))?
        .as_f64()
}

#[test]
fn help_version_and_nonsense() {
    for words in [&["--help"][..], &["run", "--help"], &["keys", "-h"]] {
        let output = yard_agent(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: yard-agent"));
    }
    for words in [
        &[][..],
        &["walk"],
        &["intent", "sleep"],
        &["keys", "/tmp"],
        &["show", "--port", "70000"],
        &["check", "--config", "/no/such/file"],
    ] {
        let output = yard_agent(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn the_log_is_json_if_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("agent.toml");
    let socket = dir.path().join("socket");
    fs::write(
        &config,
        format!("[socket]\npath = '{}'\n", socket.display()),
    )
    .unwrap();
    let agent = Command::new(cargo_bin!("yard-agent"))
        .args(["run", "--log-json", "--log-level", "debug", "--config"])
        .arg(&config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the agent has its socket", || socket.exists());
    let pid = agent.id();
    let kill = Command::new("sh")
        .args(["-c", &format!("kill {pid}")])
        .status();
    assert!(kill.unwrap().success());
    let output = agent.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let mut messages = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let parts: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(parts, ["fields", "level", "timestamp"], "{line}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        messages.push(line["fields"]["message"].as_str().unwrap().to_owned());
    }
    assert!(
        messages.iter().any(|message| message == "running"),
        "{text}"
    );
}

#[test]
fn one_reading_is_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _clients: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    let no_file = "/no/such/file";
    let output = yard_agent(&[
        "show",
        "--json",
        "--config",
        no_file,
        "--port",
        &port.to_string(),
    ]);
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["ports"][0]["port"], port);
    assert_eq!(json["ports"][0]["clients"], 3);
    for share in [&json["host"]["cpu"], &json["host"]["memory"]] {
        assert!((0.0..=1.0).contains(&share.as_f64().unwrap()), "{json}");
    }
}

/// Real connections, a Prometheus page and the local socket, seen by ORCA's HTTP.
#[test]
fn what_is_read_is_told() {
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = application.local_addr().unwrap().port();
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let page_port = page.local_addr().unwrap().port();
    // Each time that it is fetched, 10 requests more have been served in 0.5 s.
    std::thread::spawn(move || {
        for n in 0u32.. {
            let Ok((mut stream, _)) = page.accept() else {
                return;
            };
            let mut head = [0; 1000];
            let _ = stream.read(&mut head);
            let body = format!(
                "# TYPE r counter\nr{{code=\"200\"}} {}\nr{{code=\"500\"}} {n}\nt_sum {}\nt_count {}\nbusy 0.25\n",
                n * 9,
                f64::from(n) * 0.5,
                n * 10,
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let orca = free_port();
    let agent = Agent::start(&format!(
        "interval = '100ms'\nwindow = '1s'\n[[port]]\nport = {served}\n[port.prometheus]\n\
         url = 'http://127.0.0.1:{page_port}/metrics'\nrequests = 'r'\n\
         errors = 'r{{code=~\"5..\"}}'\nseconds = 't_sum'\ntimed = 't_count'\n\
         utilisation = 'busy'\n\
         [[orca]]\nlisten = '127.0.0.1:{orca}'\nprotocol = 'http'\n"
    ));
    until_listening(orca);
    until("the rate is there", || {
        metric(orca, "rps_fractional").is_some()
    });
    let rate = metric(orca, "rps_fractional").unwrap();
    assert!((50.0..=110.0).contains(&rate), "{rate}");
    let errors = metric(orca, "eps").unwrap();
    assert!(
        (errors - rate / 10.0).abs() < rate / 20.0,
        "{errors} of {rate}"
    );
    assert_eq!(metric(orca, "execution_time"), Some(0.05));
    assert_eq!(metric(orca, "application_utilization"), Some(0.25));

    let clients: Vec<TcpStream> = (0..7)
        .map(|_| TcpStream::connect(("127.0.0.1", served)).unwrap())
        .collect();
    let _accepted: Vec<TcpStream> = (0..7).map(|_| application.accept().unwrap().0).collect();
    until("seven clients", || metric(orca, "clients") == Some(7.0));
    drop(clients);
    // Their server has not closed yet: they are served still, as far as is known.
    assert_eq!(metric(orca, "clients"), Some(7.0));

    // The application speaks for itself now, and is believed.
    agent.tell(&format!("{served} in_flight=3 utilisation=0.5"));
    until("its own word", || {
        metric(orca, "application_utilization") == Some(0.5)
    });
    assert_eq!(metric(orca, "in_flight"), Some(3.0));
    assert!(agent.resident() > 0);
}

#[test]
fn nginx_s_own_page_is_read() {
    if !has("nginx") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (served, orca) = (free_port(), free_port());
    let root = dir.path().display();
    let config = format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n\
         fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
         server {{ listen 127.0.0.1:{served}; location = /status {{ stub_status; }}\n\
         location / {{ return 200 hello; }} }} }}\n"
    );
    fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let _nginx = Process(
        Command::new("nginx")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(dir.path().join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    until_listening(served);
    let _agent = Agent::start(&format!(
        "interval = '100ms'\nwindow = '500ms'\n[[port]]\nport = {served}\n\
         nginx = 'http://127.0.0.1:{served}/status'\n\
         [[orca]]\nlisten = '127.0.0.1:{orca}'\nprotocol = 'http'\n"
    ));
    until_listening(orca);
    until("an idle rate", || {
        // The agent's own ten in a second.
        metric(orca, "rps_fractional").is_some_and(|rate| (5.0..15.0).contains(&rate))
    });
    let mut most = 0.0f64;
    for _ in 0..100 {
        assert!(http(served, "/").ends_with("hello"));
        std::thread::sleep(Duration::from_millis(5));
        most = most.max(metric(orca, "rps_fractional").unwrap());
    }
    assert!(most > 30.0, "{most}");
}

#[test]
fn signals_and_leftovers() {
    let dir = tempfile::tempdir().unwrap();
    let orca = free_port();
    // What an agent that was killed leaves behind.
    drop(std::os::unix::net::UnixDatagram::bind(dir.path().join("socket")).unwrap());
    let listener =
        |port| format!("name = 'a'\n[[orca]]\nlisten = '127.0.0.1:{port}'\nprotocol = 'http'\n");
    let mut agent = Agent::start_in(dir, &listener(orca));
    until_listening(orca);
    let path = agent.dir.path().join("agent.toml");

    // A file with an error in it changes nothing.
    fs::write(&path, "nonsense").unwrap();
    agent.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(http(orca, "/").starts_with("HTTP/1.1 200"));

    // One that is right moves the listener.
    let moved = free_port();
    fs::write(&path, listener(moved)).unwrap();
    agent.signal("HUP");
    until_listening(moved);
    assert!(TcpStream::connect(("127.0.0.1", orca)).is_err());

    agent.signal("TERM");
    let status = agent.process.0.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_file_in_the_socket_s_place_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let precious = dir.path().join("socket");
    fs::write(&precious, "precious").unwrap();
    let config = dir.path().join("agent.toml");
    fs::write(
        &config,
        format!("[socket]\npath = '{}'\n", precious.display()),
    )
    .unwrap();
    let output = yard_agent(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(said.contains("no socket"), "{said}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}
