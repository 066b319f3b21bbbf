// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A real HAProxy as the agent: it answers with what its own configuration says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]
#![expect(dead_code, reason = "tests share what each needs a part of")]

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{here, reported, source, until_standing};
use switchyard_report::Intent;
use switchyard_resource::{Manager, Settings};

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers like an agent: with the word that a map holds, which can be changed.
const SERVICE: &str = r#"
core.register_service("agent", "tcp", function(applet)
    applet:getline()
    applet:send(Answer:lookup("answer") .. "\n")
end)
Answer = Map.new(MAP, Map._str)
"#;

#[tokio::test]
async fn haproxy_s_own_service_is_asked() {
    if !Path::new("/usr/sbin/haproxy").exists() {
        let must = std::env::var_os("SWITCHYARD_IN_ROOT").is_some();
        assert!(!must, "haproxy belongs into the build root");
        eprintln!("not tested: there is no haproxy here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let address = {
        let free = std::net::TcpListener::bind(here()).unwrap();
        free.local_addr().unwrap()
    };
    std::fs::write(path("map"), "answer up 60%\n").unwrap();
    let map = path("map");
    let lua = SERVICE.replace("MAP", &format!("\"{}\"", map.display()));
    std::fs::write(path("agent.lua"), lua).unwrap();
    std::fs::write(
        path("haproxy.cfg"),
        format!(
            "global\n  stats socket {} level admin\n  lua-load {}\n\
             defaults\n  mode tcp\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n\
             frontend agent\n  bind {address}\n  tcp-request content use-service lua.agent\n",
            path("stats").display(),
            path("agent.lua").display()
        ),
    )
    .unwrap();
    let _haproxy = Process(
        Command::new("/usr/sbin/haproxy")
            .args(["-db", "-f"])
            .arg(path("haproxy.cfg"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    );
    let manager = Manager::start(Settings::default()).await.unwrap();
    let spec = source("type = 'haproxy'\nsend = \"web1\\n\"", address);
    manager
        .set_targets(vec![reported(([10, 0, 0, 2], 80).into(), spec)])
        .unwrap();
    until_standing(&manager, "60 %", |s| {
        s.report
            .as_ref()
            .is_some_and(|r| r.wanted_share == Some(0.6))
    })
    .await;
    let mut stats = UnixStream::connect(path("stats")).unwrap();
    writeln!(stats, "set map {} answer drain", map.display()).unwrap();
    let standing = until_standing(&manager, "drained", |s| {
        s.report.as_ref().is_some_and(|r| r.intent == Intent::Drain)
    })
    .await;
    // What the line does not speak of stays.
    assert_eq!(standing.report.unwrap().wanted_share, Some(0.6));
    assert_eq!(standing.ignored.total(), 0);
}
