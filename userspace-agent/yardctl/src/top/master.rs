// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What yardmaster says on its control socket, if it runs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use switchyard_netlink::ServiceKey;

/// Where the control socket is unless it is named.
pub const DEFAULT_SOCKET: &str = "/run/switchyard/yardmaster.sock";
/// The screen does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 28;

/// The daemon at a glance. What an older or newer one does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// What the kernel says if it does not do as it is told.
    pub trouble: Option<String>,
    /// What has been done.
    pub counters: Counters,
    /// Each service.
    pub services: Vec<ServiceStatus>,
}

/// What the daemon has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Rounds.
    pub rounds: u64,
    /// Transactions that the kernel has taken.
    pub writes: u64,
    /// Weights in them.
    pub weights: u64,
    /// Transactions that it has refused.
    pub refusals: u64,
}

/// A service whose weights the daemon makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceStatus {
    /// Which.
    pub service: Key,
    /// How its weights are made.
    pub algorithm: String,
    /// Destinations that get new connections.
    pub serving: u64,
    /// Those whose level comes from their load.
    pub reporting: u64,
    /// The largest level over the mean, both by configured weight.
    pub distortion: f64,
}

/// A service's key as JSON has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Key {
    protocol: String,
    address: String,
    prefix_length: Option<u8>,
    port: u16,
    last_port: Option<u16>,
}

impl Key {
    /// Whether it is this service's.
    pub fn is(&self, key: &ServiceKey) -> bool {
        self.protocol == key.protocol.to_string()
            && self.address == key.address.to_string()
            && self.prefix_length == key.prefix_length
            && self.port == key.port
            && self.last_port == key.last_port
    }
}

/// What was decided for a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decision {
    /// Each destination.
    pub destinations: Vec<DestinationDecision>,
}

/// What was decided for a destination, and from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DestinationDecision {
    /// Its address and port.
    pub endpoint: SocketAddr,
    /// What it is to the master.
    #[serde(default)]
    pub state: String,
    /// What the checks say.
    #[serde(default)]
    pub health: Option<String>,
    /// Seconds since its last report.
    #[serde(default)]
    pub age: Option<f64>,
    /// Its load, smoothed.
    #[serde(default)]
    pub smoothed: Load,
}

/// The load of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Share of what it can do.
    pub utilisation: Option<f64>,
    /// Requests in a second.
    pub requests: Option<f64>,
    /// Requests being served.
    pub in_flight: Option<f64>,
    /// Seconds that serving one takes.
    pub latency: Option<f64>,
}

/// Why nothing is known of what the daemon does.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Absence {
    /// Nobody listens: the weights are the operator's.
    #[error("not running")]
    NotRunning,
    /// Somebody listens, but says nothing that could be used.
    #[error("{0}")]
    Trouble(String),
}

/// A daemon that may or may not run.
#[derive(Clone, Debug)]
pub struct Master {
    socket: PathBuf,
}

impl Master {
    /// The one of this control socket.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// All services at a glance.
    pub fn status(&self) -> Result<Status, Absence> {
        understand(self.ask(&json!("status-numbers"))?)
    }

    /// What was decided for a service.
    pub fn decision(&self, service: &ServiceKey) -> Result<Decision, Absence> {
        understand(self.ask(&json!({ "decision": service.to_string() }))?)
    }

    fn ask(&self, question: &Value) -> Result<Value, Absence> {
        let line = converse(&self.socket, &format!("{question}\n")).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Absence::NotRunning,
            io::ErrorKind::WouldBlock => Absence::Trouble("it does not answer".to_owned()),
            _ => Absence::Trouble(error.to_string()),
        })?;
        numbers(&line)
    }
}

fn converse(socket: &Path, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line)?;
    Ok(line)
}

/// The numbers in an answer.
fn numbers(line: &str) -> Result<Value, Absence> {
    let strange = || Absence::Trouble("its answer is not understood".to_owned());
    let answer: Value = serde_json::from_str(line).map_err(|_| strange())?;
    if let Some(words) = answer.get("error").and_then(Value::as_str) {
        return Err(Absence::Trouble(words.to_owned()));
    }
    answer.get("numbers").cloned().ok_or_else(strange)
}

fn understand<T: for<'a> Deserialize<'a>>(numbers: Value) -> Result<T, Absence> {
    serde_json::from_value(numbers)
        .map_err(|error| Absence::Trouble(format!("its answer is not understood: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_understood() {
        let line = r#"{"numbers":{"trouble":null,"counters":{"rounds":7,"more":1},"services":[
            {"service":{"protocol":"tcp","address":"192.0.2.1","port":80},"algorithm":"even",
             "destinations":2,"serving":2,"reporting":1,"distortion":1.5}]}}"#;
        let status: Status = understand(numbers(line).unwrap()).unwrap();
        assert_eq!(status.counters.rounds, 7);
        let service = status.services.first().unwrap();
        assert!(service.service.is(&"tcp 192.0.2.1:80".parse().unwrap()));
        assert!(!service.service.is(&"udp 192.0.2.1:80".parse().unwrap()));
        assert_eq!((service.serving, service.reporting), (2, 1));
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for line in ["", "{", "[]", "7", "{\"text\":\"x\"}", "{\"numbers\":7}"] {
            let said = numbers(line).and_then(understand::<Status>).unwrap_err();
            assert!(
                said.to_string().contains("not understood"),
                "{line}: {said}"
            );
        }
        let said = numbers("{\"error\":\"no such service\"}").unwrap_err();
        assert_eq!(said.to_string(), "no such service");
        let nowhere = Master::new(Path::new("/nonexistent/socket"));
        assert_eq!(nowhere.status(), Err(Absence::NotRunning));
    }

    proptest! {
        #[test]
        fn anything_is_an_answer_or_none(line in ".*") {
            let _ = numbers(&line).and_then(understand::<Status>);
        }

        #[test]
        fn so_is_any_json(
            state in ".*", endpoint in "[0-9.:\\[\\]]{0,20}", age in any::<f64>(), rounds in any::<i64>(),
        ) {
            let line = json!({"numbers": {
                "counters": {"rounds": rounds},
                "destinations": [{"endpoint": endpoint, "state": state, "age": age}],
            }}).to_string();
            let _ = numbers(&line).and_then(understand::<Status>);
            let _ = numbers(&line).and_then(understand::<Decision>);
        }
    }
}
