// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the manager is told: where reports come from and what is checked. All of it
//! can be read from a configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchyard_report::{SourceKind, TargetKey};

/// A destination, where its reports come from, and its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// Which destination of which service.
    pub key: TargetKey,
    /// Where its reports come from, if from anywhere.
    pub source: Option<SourceSpec>,
    /// What is checked; it is up if all of these succeed.
    pub checks: Vec<CheckSpec>,
}

/// Where reports come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSpec {
    /// What kind of source.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// Its host, if that is not the destination's address.
    pub address: Option<String>,
    /// Its port: 7070 for an agent, 7072 for HAProxy's, 7073 for ORCA by gRPC and
    /// 7074 by HTTP, unless told.
    pub port: Option<u16>,
    /// The name that its certificate bears, if that is not the address.
    pub name: Option<String>,
    /// Path of an ORCA report by HTTP.
    pub path: Option<String>,
    /// What is sent to HAProxy's agents before they answer.
    pub send: Option<String>,
    /// Whether ORCA is spoken over TLS. Agents always speak TLS.
    pub tls: bool,
    /// Time between reports.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long one may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for SourceSpec {
    fn default() -> Self {
        Self {
            kind: SourceKind::Agent,
            address: None,
            port: None,
            name: None,
            path: None,
            send: None,
            tls: false,
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
        }
    }
}

/// Something that is checked again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckSpec {
    /// What kind of check.
    #[serde(rename = "type")]
    pub kind: CheckKind,
    /// The port, if that is not the destination's.
    pub port: Option<u16>,
    /// Time between checks.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long one may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How many have to succeed on end before the destination is up.
    pub rise: u32,
    /// How many have to fail on end before it is down.
    pub fall: u32,
    /// TCP: what is sent once connected.
    pub send: Option<String>,
    /// TCP: what the first bytes of the answer have to be.
    pub expect: Option<String>,
    /// HTTP: the path; `/` unless told.
    pub path: Option<String>,
    /// HTTP: the method; `GET` unless told.
    pub method: Option<String>,
    /// HTTP, gRPC: the host that is named, and whose name the certificate has to bear.
    pub host: Option<String>,
    /// HTTP: first and last status that are good, `200-399` unless told.
    pub status: Option<StatusRange>,
    /// HTTP: what the first 64 KiB of the answer have to contain.
    pub contains: Option<String>,
    /// gRPC: the service that is asked about; the whole server unless told.
    pub service: Option<String>,
    /// gRPC: whether by TLS.
    pub tls: bool,
    /// HTTPS, gRPC: the authority that the certificate has to be of. Without it any
    /// certificate will do: what is checked is whether the server answers.
    pub ca: Option<PathBuf>,
}

impl Default for CheckSpec {
    fn default() -> Self {
        Self {
            kind: CheckKind::Tcp,
            port: None,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            send: None,
            expect: None,
            path: None,
            method: None,
            host: None,
            status: None,
            contains: None,
            service: None,
            tls: false,
            ca: None,
        }
    }
}

/// Kinds of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// A connection comes about, and what is sent is answered as expected.
    Tcp,
    /// An HTTP request is answered well.
    Http,
    /// The same over TLS.
    Https,
    /// `grpc.health.v1.Health/Check` answers `SERVING`.
    Grpc,
    /// An echo request is answered.
    Icmp,
}

/// A range of HTTP statuses: `200`, or `200-299`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Default for StatusRange {
    fn default() -> Self {
        Self {
            first: 200,
            last: 399,
        }
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl std::str::FromStr for StatusRange {
    type Err = BadSpec;

    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| {
            text.trim()
                .parse::<u16>()
                .ok()
                .filter(|status| (100..=599).contains(status))
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(BadSpec(format!(
                "`{text}` is no status and no range of them: 200, or 200-399"
            ))),
        }
    }
}

impl Serialize for StatusRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What makes no sense; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSpec(String);

impl BadSpec {
    /// A destination that is there twice.
    pub(crate) fn twice(key: &TargetKey) -> Self {
        Self(format!(
            "destination {} of service {} is there twice",
            key.destination, key.service
        ))
    }
}

fn bad(text: impl Into<String>) -> BadSpec {
    BadSpec(text.into())
}

/// A time that something can take.
fn time(name: &str, time: Duration) -> Result<(), BadSpec> {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(20)..=Duration::from_secs(3600);
    if RANGE.contains(&time) {
        Ok(())
    } else {
        Err(bad(format!("{name} is not from 20ms to 1h")))
    }
}

impl SourceSpec {
    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), BadSpec> {
        use SourceKind::{Agent, Haproxy, OrcaGrpc, OrcaHttp, Push};
        time("interval", self.interval)?;
        time("timeout", self.timeout)?;
        let only = |is_there: bool, name: &str, kinds: &[SourceKind]| {
            if is_there && !kinds.contains(&self.kind) {
                return Err(bad(format!(
                    "{name} has no meaning for this type of source"
                )));
            }
            Ok(())
        };
        only(self.path.is_some(), "path", &[OrcaHttp])?;
        only(self.send.is_some(), "send", &[Haproxy])?;
        only(self.tls, "tls", &[OrcaGrpc, OrcaHttp, Agent, Push])?;
        only(
            self.address.is_some() || self.port.is_some(),
            "address or port",
            &[Agent, Haproxy, OrcaGrpc, OrcaHttp],
        )?;
        only(
            self.name.is_some(),
            "name",
            &[Agent, Push, OrcaGrpc, OrcaHttp],
        )?;
        if self.port == Some(0) {
            return Err(bad("port is not from 1 to 65535"));
        }
        if let Some(name) = &self.name {
            rustls::pki_types::ServerName::try_from(name.as_str())
                .map_err(|_| bad(format!("name `{name}` is no host name and no address")))?;
        }
        if let Some(path) = &self.path {
            if !path.starts_with('/') {
                return Err(bad("path begins with /"));
            }
        }
        Ok(())
    }

    /// The source for a destination: destinations with equal sources share one.
    #[must_use]
    pub fn resolve(&self, destination: SocketAddr) -> Source {
        let host = self
            .address
            .clone()
            .unwrap_or_else(|| destination.ip().to_string());
        let port = self.port.unwrap_or(match self.kind {
            SourceKind::Agent | SourceKind::Push => 7070,
            SourceKind::Haproxy => 7072,
            SourceKind::OrcaGrpc => 7073,
            SourceKind::OrcaHttp => 7074,
        });
        let bare = host.trim_matches(['[', ']']);
        let address = if bare.contains(':') {
            format!("[{bare}]:{port}")
        } else {
            format!("{bare}:{port}")
        };
        let name = self.name.clone().unwrap_or_else(|| bare.to_string());
        if self.kind == SourceKind::Push {
            // It comes by itself: only the name tells one from another.
            return Source {
                kind: self.kind,
                address: name.clone(),
                name,
                path: String::new(),
                send: String::new(),
                tls: true,
                interval: Duration::ZERO,
                timeout: Duration::ZERO,
            };
        }
        Source {
            kind: self.kind,
            address,
            name,
            path: self.path.clone().unwrap_or_else(|| "/".into()),
            send: self.send.clone().unwrap_or_default(),
            tls: self.tls || self.kind == SourceKind::Agent,
            interval: self.interval,
            timeout: self.timeout,
        }
    }
}

/// A source with nothing left open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    pub(crate) kind: SourceKind,
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) send: String,
    pub(crate) tls: bool,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl CheckSpec {
    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), BadSpec> {
        use CheckKind::{Grpc, Http, Https, Icmp, Tcp};
        time("interval", self.interval)?;
        time("timeout", self.timeout)?;
        if !(1..=1000).contains(&self.rise) || !(1..=1000).contains(&self.fall) {
            return Err(bad("rise and fall are from 1 to 1000"));
        }
        if self.port == Some(0) {
            return Err(bad("port is not from 1 to 65535"));
        }
        let only = |is_there: bool, name: &str, kinds: &[CheckKind]| {
            if is_there && !kinds.contains(&self.kind) {
                return Err(bad(format!("{name} has no meaning for this type of check")));
            }
            Ok(())
        };
        only(self.send.is_some(), "send", &[Tcp])?;
        only(self.expect.is_some(), "expect", &[Tcp])?;
        only(self.path.is_some(), "path", &[Http, Https])?;
        only(self.method.is_some(), "method", &[Http, Https])?;
        only(self.status.is_some(), "status", &[Http, Https])?;
        only(self.contains.is_some(), "contains", &[Http, Https])?;
        only(self.host.is_some(), "host", &[Http, Https, Grpc])?;
        only(self.service.is_some(), "service", &[Grpc])?;
        only(self.tls, "tls", &[Grpc, Https])?;
        only(self.ca.is_some(), "ca", &[Grpc, Https])?;
        only(self.port.is_some(), "port", &[Tcp, Http, Https, Grpc])?;
        if self.kind == Icmp && self.port.is_some() {
            return Err(bad("an echo request has no port"));
        }
        if let Some(path) = &self.path {
            if !path.starts_with('/') || path.parse::<hyper::Uri>().is_err() {
                return Err(bad(format!("path `{path}` is no path: it begins with /")));
            }
        }
        if let Some(method) = &self.method {
            method
                .parse::<hyper::Method>()
                .map_err(|_| bad(format!("`{method}` is no method of HTTP")))?;
        }
        if let Some(host) = &self.host {
            rustls::pki_types::ServerName::try_from(host.as_str())
                .map_err(|_| bad(format!("host `{host}` is no host name and no address")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<SourceSpec, String> {
        let spec: SourceSpec = toml::from_str(text).map_err(|error| error.to_string())?;
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    fn check(text: &str) -> Result<CheckSpec, String> {
        let spec: CheckSpec = toml::from_str(text).map_err(|error| error.to_string())?;
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn destinations_fill_in_what_is_open() {
        let four = "10.0.0.2:8080".parse().unwrap();
        let six = "[2001:db8::2]:8080".parse().unwrap();
        let agent = source("").unwrap();
        assert_eq!(agent.resolve(four).address, "10.0.0.2:7070");
        assert_eq!(agent.resolve(four).name, "10.0.0.2");
        assert!(agent.resolve(four).tls);
        assert_eq!(agent.resolve(six).address, "[2001:db8::2]:7070");
        assert_eq!(agent.resolve(six).name, "2001:db8::2");
        let told = source("type = 'haproxy'\naddress = 'web1.example'\nport = 99").unwrap();
        assert_eq!(told.resolve(four).address, "web1.example:99");
        // Two ports of one server have one agent.
        let other = "10.0.0.2:9090".parse().unwrap();
        assert_eq!(agent.resolve(four), agent.resolve(other));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (text, said) in [
            ("type = 'mail'", "unknown variant"),
            ("intervall = '1s'", "unknown field"),
            ("interval = '1ms'", "20ms"),
            ("path = '/x'", "path has no meaning"),
            ("type = 'push'\nport = 4", "address or port"),
            ("type = 'haproxy'\ntls = true", "tls has no meaning"),
            ("name = 'a b'", "no host name"),
            ("port = 0", "port is not"),
        ] {
            let error = source(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        for (text, said) in [
            ("type = 'http'\nstatus = '700'", "no status"),
            ("type = 'http'\nstatus = '300-200'", "no status"),
            ("type = 'http'\npath = 'x'", "begins with /"),
            ("type = 'http'\nmethod = 'G E T'", "no method"),
            ("type = 'tcp'\npath = '/'", "path has no meaning"),
            ("type = 'icmp'\nport = 5", "port has no meaning"),
            ("rise = 0", "rise and fall"),
            ("timeout = '2h'", "1h"),
            ("expects = 'x'", "unknown field"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let http = check("type = 'https'\nstatus = '200'\nhost = 'web1'").unwrap();
        assert_eq!(http.status.unwrap().to_string(), "200");
    }
}
