// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is checked.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::{bad, time, BadSpec};

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
            _ => Err(bad(format!(
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
            if !path.starts_with('/') || path.parse::<http::Uri>().is_err() {
                return Err(bad(format!("path `{path}` is no path: it begins with /")));
            }
        }
        if let Some(method) = &self.method {
            method
                .parse::<http::Method>()
                .map_err(|_| bad(format!("`{method}` is no method of HTTP")))?;
        }
        if let Some(host) = &self.host {
            rustls_pki_types::ServerName::try_from(host.as_str())
                .map_err(|_| bad(format!("host `{host}` is no host name and no address")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<CheckSpec, String> {
        let spec: CheckSpec = toml::from_str(text).map_err(|error| error.to_string())?;
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn what_makes_no_sense_is_told() {
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
