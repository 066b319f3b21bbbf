// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Where reports come from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::{bad, time, BadSpec};

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// yard-agent, asked.
    Agent,
    /// yard-agent, that reports by itself.
    Push,
    /// An agent that speaks HAProxy's agent-check protocol.
    Haproxy,
    /// ORCA's out-of-band service, by gRPC.
    OrcaGrpc,
    /// An ORCA report by HTTP.
    OrcaHttp,
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
            rustls_pki_types::ServerName::try_from(name.as_str())
                .map_err(|_| bad(format!("name `{name}` is no host name and no address")))?;
        }
        if let Some(path) = &self.path {
            if !path.starts_with('/') {
                return Err(bad("path begins with /"));
            }
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
