// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The agent's configuration file, TOML.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use switchyard_report::tls::Identity;
use switchyard_transport::Url;

use crate::application::prometheus::Selector;

/// Where the file is unless another is named.
pub const DEFAULT_PATH: &str = "/etc/switchyard/yard-agent.toml";
/// Where the local socket is unless the file says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/yard-agent/socket";

/// Shortest and longest time between readings.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);

/// A file that cannot be used; says why and where.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// It cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no TOML, or has the wrong things in it.
    #[error("{path}: {error}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// What it says makes no sense.
    #[error("{0}")]
    Sense(String),
}

/// What the agent is to do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The agent's name, that of its certificate; the host's if it is not given.
    pub name: Option<String>,
    /// Time between readings.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// What rates and utilisation are means over.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// What this server can do.
    pub labels: Vec<String>,
    /// The served ports.
    pub port: Vec<PortConfig>,
    /// Who we are, for `report` and `push`.
    pub tls: Option<Identity>,
    /// Reports for masters that ask.
    pub report: Option<ReportConfig>,
    /// Reports to a master that does not ask.
    pub push: Option<PushConfig>,
    /// Listeners for HAProxy's agent-check.
    pub haproxy: Vec<HaproxyConfig>,
    /// Listeners for ORCA.
    pub orca: Vec<OrcaConfig>,
    /// The local socket for measures and intents.
    pub socket: Option<SocketConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            interval: Duration::from_millis(500),
            window: Duration::from_secs(1),
            labels: Vec::new(),
            port: Vec::new(),
            tls: None,
            report: None,
            push: None,
            haproxy: Vec::new(),
            orca: Vec::new(),
            socket: None,
        }
    }
}

/// A served port.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortConfig {
    /// Its number.
    pub port: u16,
    /// The page of nginx's `stub_status`.
    #[serde(deserialize_with = "url")]
    pub nginx: Option<Url>,
    /// A Prometheus endpoint.
    pub prometheus: Option<PrometheusConfig>,
}

/// Which series of a Prometheus endpoint are what.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// The page.
    #[serde(deserialize_with = "some_url")]
    pub url: Url,
    /// Counter of requests.
    pub requests: Option<Selector>,
    /// Counter of requests that failed.
    pub errors: Option<Selector>,
    /// Counter of seconds spent on requests: a histogram's or summary's `_sum`.
    pub seconds: Option<Selector>,
    /// Counter of requests that the seconds were spent on: its `_count`. That of
    /// `requests` if it is not given.
    pub timed: Option<Selector>,
    /// Gauge of requests being served.
    pub in_flight: Option<Selector>,
    /// Gauge of utilisation, 0 to 1.
    pub utilisation: Option<Selector>,
}

/// Reports for masters that ask.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportConfig {
    /// Where to listen.
    #[serde(default = "report_listen")]
    pub listen: SocketAddr,
    /// Names of masters that may ask.
    #[serde(default = "masters")]
    pub allow: Vec<String>,
}

/// Reports to a master that does not ask.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// Where the master listens, `HOST:PORT`.
    pub to: String,
    /// The master's name, that of its certificate.
    #[serde(default = "master")]
    pub name: String,
    /// Time between reports; the time between readings if it is not given.
    #[serde(default, with = "humantime_serde")]
    pub interval: Option<Duration>,
}

/// A listener for HAProxy's agent-check.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaproxyConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The port whose load is told; the only one if it is not given.
    pub port: Option<u16>,
}

/// A listener for ORCA.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrcaConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How reports are asked for.
    pub protocol: OrcaProtocol,
    /// The port whose load is told; the only one if it is not given.
    pub port: Option<u16>,
    /// Whether to speak TLS, with the same certificates as `report`.
    #[serde(default)]
    pub tls: bool,
}

/// How ORCA reports are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrcaProtocol {
    /// Streamed by gRPC (`xds.service.orca.v3.OpenRcaService`).
    Grpc,
    /// One at a time, by `GET` of any path.
    Http,
}

/// The local socket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketConfig {
    /// Its path.
    #[serde(default = "socket_path")]
    pub path: PathBuf,
    /// Its permissions.
    #[serde(default = "socket_mode")]
    pub mode: u32,
}

fn report_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7070))
}

fn master() -> String {
    "yardmaster".into()
}

fn masters() -> Vec<String> {
    vec![master()]
}

fn socket_path() -> PathBuf {
    DEFAULT_SOCKET.into()
}

const fn socket_mode() -> u32 {
    0o660
}

fn some_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    let url: Url = text.parse().map_err(serde::de::Error::custom)?;
    if url.is_tls {
        return Err(serde::de::Error::custom(
            "the application is asked by http on this machine, not by https",
        ));
    }
    Ok(url)
}

fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    some_url(deserializer).map(Some)
}

fn sense(text: impl Into<String>) -> BadConfig {
    BadConfig::Sense(text.into())
}

impl Config {
    /// Reads a file and looks whether it makes sense.
    pub fn read(path: &Path) -> Result<Self, BadConfig> {
        let text = fs::read_to_string(path).map_err(|error| BadConfig::File {
            path: path.into(),
            error,
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| BadConfig::Syntax {
            path: path.into(),
            error: Box::new(error),
        })?;
        config
            .check()
            .map_err(|error| sense(format!("{}: {error}", path.display())))?;
        Ok(config)
    }

    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), BadConfig> {
        if !INTERVALS.contains(&self.interval) {
            return Err(sense("interval is not from 100ms to 60s"));
        }
        if self.window < self.interval || self.window > Duration::from_secs(600) {
            return Err(sense("window is not from the interval to 10m"));
        }
        let mut seen = BTreeSet::new();
        for port in &self.port {
            if port.port == 0 {
                return Err(sense("each [[port]] has a port, from 1 to 65535"));
            }
            if !seen.insert(port.port) {
                return Err(sense(format!("port {} is there twice", port.port)));
            }
            if port.nginx.is_some() && port.prometheus.is_some() {
                return Err(sense(format!(
                    "port {} has both nginx and prometheus: one source is enough",
                    port.port
                )));
            }
        }
        if self.tls.is_none() {
            for (is_there, what) in [
                (self.report.is_some(), "report"),
                (self.push.is_some(), "push"),
                (self.orca.iter().any(|orca| orca.tls), "orca with tls"),
            ] {
                if is_there {
                    return Err(sense(format!(
                        "{what} needs [tls]: `yard-agent keys` makes certificates"
                    )));
                }
            }
        }
        if let Some(report) = &self.report {
            if report.allow.is_empty() {
                return Err(sense("report.allow is empty: nobody could ask"));
            }
        }
        for (of, port) in self
            .haproxy
            .iter()
            .map(|h| ("haproxy", h.port))
            .chain(self.orca.iter().map(|o| ("orca", o.port)))
        {
            self.told_port(port)
                .map_err(|error| sense(format!("{of}: {error}")))?;
        }
        Ok(())
    }

    /// The port that a listener tells of: the one named, else the only one. With no
    /// port at all it is 0, which has the machine's load.
    pub fn told_port(&self, named: Option<u16>) -> Result<u16, BadConfig> {
        match (named, self.port.as_slice()) {
            (Some(named), ports) if ports.iter().any(|p| p.port == named) => Ok(named),
            (Some(named), _) => Err(sense(format!("there is no [[port]] {named}"))),
            (None, []) => Ok(0),
            (None, [only]) => Ok(only.port),
            (None, _) => Err(sense("there are several ports: say which by `port`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_right() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("yard-agent.toml");
        let config = Config::read(&path).unwrap();
        assert_eq!(config.port.len(), 1);
        assert!(config.report.is_some());
    }

    #[test]
    fn an_empty_file_is_fine() {
        assert_eq!(read(""), Ok(Config::default()));
    }

    #[test]
    fn all_of_it() {
        let config = read(
            r#"
            name = "web1"
            interval = "1s"
            labels = ["gpu", "zone=a"]
            [[port]]
            port = 8080
            nginx = "http://127.0.0.1:8081/stub_status"
            [[port]]
            port = 9090
            prometheus = { url = "http://127.0.0.1:9091/metrics", requests = "r{code='x'}" }
            "#,
        );
        let error = config.unwrap_err();
        assert!(error.contains("quotes"), "{error}");
        let config = read(
            r#"
            [[port]]
            port = 9090
            [port.prometheus]
            url = "http://127.0.0.1:9091/metrics"
            requests = 'http_requests_total{code=~"2.."}'
            [tls]
            ca = "/a"
            certificate = "/b"
            key = "/c"
            [report]
            [push]
            to = "192.0.2.1:7071"
            [[haproxy]]
            listen = "127.0.0.1:7072"
            [[orca]]
            listen = "127.0.0.1:7073"
            protocol = "grpc"
            port = 9090
            [socket]
            "#,
        )
        .unwrap();
        assert_eq!(config.report.unwrap().allow, ["yardmaster"]);
        assert_eq!(config.socket.unwrap().path, Path::new(DEFAULT_SOCKET));
    }

    #[test]
    fn errors_say_where_and_what() {
        for (text, said) in [
            ("intervall = \"1s\"", "line 1, column 1"),
            ("interval = 5", "line 1, column 12"),
            ("interval = \"1ms\"", "100ms"),
            ("window = \"1ms\"", "window"),
            ("[[port]]", "1 to 65535"),
            ("[[port]]\nport = 99999", "line 2, column 8"),
            ("[[port]]\nport = 80\n[[port]]\nport = 80", "twice"),
            (
                "[[port]]\nport = 80\nnginx = \"https://x/\"",
                "not by https",
            ),
            ("[[port]]\nport = 80\nnginx = \"there\"", "no URL"),
            ("[report]", "yard-agent keys"),
            (
                "[[haproxy]]\nlisten = \"127.0.0.1:1\"\nport = 5",
                "no [[port]] 5",
            ),
            ("[[orca]]\nlisten = \"127.0.0.1\"", "line 2"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(Config::read(Path::new("/no/such")).is_err());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

        /// The example with something else in the place of some of it.
        #[test]
        fn a_torn_example_is_a_configuration_or_an_error(
            at in 0_usize..2500,
            length in 0_usize..60,
            put in "(\\PC{0,8}|-?[0-9.e]{1,12}|\"[0-9./:a-z\\[\\]-]{0,20}\"|inf|nan|\\[\\[?)",
        ) {
            let mut bytes = include_str!("../yard-agent.toml").replace("# ", "").into_bytes();
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put.bytes());
            if let Err(words) = read(&String::from_utf8_lossy(&bytes)) {
                proptest::prop_assert!(!words.is_empty());
            }
        }
    }
}
