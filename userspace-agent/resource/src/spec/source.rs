// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Where reports come from.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchyard_report::SourceKind;

use super::{bad, time, BadSpec};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<SourceSpec, String> {
        let spec: SourceSpec = toml::from_str(text).map_err(|error| error.to_string())?;
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
    }
}
