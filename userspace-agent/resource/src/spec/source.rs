// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Where reports come from, with nothing left open.

use std::net::SocketAddr;
use std::time::Duration;

use switchyard_config::{SourceKind as SpecKind, SourceSpec};
use switchyard_report::SourceKind;

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

impl Source {
    /// The source of a destination: destinations with equal sources share one.
    #[must_use]
    pub fn of(spec: &SourceSpec, destination: SocketAddr) -> Self {
        let kind = kind(spec.kind);
        let host = spec
            .address
            .clone()
            .unwrap_or_else(|| destination.ip().to_string());
        let port = spec.port.unwrap_or(match kind {
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
        // An agent of HAProxy's proves nothing.
        let name = match (&spec.name, kind) {
            (Some(name), _) => name.clone(),
            (None, SourceKind::Haproxy) => String::new(),
            (None, _) => bare.to_string(),
        };
        if kind == SourceKind::Push {
            // It comes by itself: only the name tells one from another.
            return Self {
                kind,
                address: name.clone(),
                name,
                path: String::new(),
                send: String::new(),
                tls: true,
                interval: Duration::ZERO,
                timeout: Duration::ZERO,
            };
        }
        Self {
            kind,
            address,
            name,
            path: match (&spec.path, kind) {
                (Some(path), _) => path.clone(),
                (None, SourceKind::OrcaHttp) => "/".into(),
                (None, _) => String::new(),
            },
            send: spec.send.clone().unwrap_or_default(),
            tls: spec.tls || kind == SourceKind::Agent,
            interval: spec.interval,
            timeout: spec.timeout,
        }
    }
}

const fn kind(kind: SpecKind) -> SourceKind {
    match kind {
        SpecKind::Agent => SourceKind::Agent,
        SpecKind::Push => SourceKind::Push,
        SpecKind::Haproxy => SourceKind::Haproxy,
        SpecKind::OrcaGrpc => SourceKind::OrcaGrpc,
        SpecKind::OrcaHttp => SourceKind::OrcaHttp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<SourceSpec, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn destinations_fill_in_what_is_open() {
        let four = "10.0.0.2:8080".parse().unwrap();
        let six = "[2001:db8::2]:8080".parse().unwrap();
        let agent = source("").unwrap();
        assert_eq!(Source::of(&agent, four).address, "10.0.0.2:7070");
        assert_eq!(Source::of(&agent, four).name, "10.0.0.2");
        assert!(Source::of(&agent, four).tls);
        assert_eq!(Source::of(&agent, six).address, "[2001:db8::2]:7070");
        assert_eq!(Source::of(&agent, six).name, "2001:db8::2");
        let told = source("type = 'haproxy'\naddress = 'web1.example'\nport = 99").unwrap();
        assert_eq!(Source::of(&told, four).address, "web1.example:99");
        // Two ports of one server have one agent.
        let other = "10.0.0.2:9090".parse().unwrap();
        assert_eq!(Source::of(&agent, four), Source::of(&agent, other));
    }
}
