// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The file as it is written: its tables and their keys. What is not known is refused.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use switchyard_netlink::{
    DestinationState, Encapsulation, Fallback, Forwarding, Policy as PollPolicy, Scheduler,
};
use toml::Spanned;

use crate::values::{
    kept_connections, round, Bytes, Connections, DeviceAddress, DeviceName, Length4, Length6,
    Limit, Microseconds, Milliseconds, Numbers, Port, Seconds, Weight, Word,
};
use crate::{CheckSpec, Policy, SourceSpec};

/// Where yardmaster's control socket is unless the file says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/switchyard/yardmaster.sock";

/// Connections that yardmaster keeps between reports unless the file says otherwise: with ten
/// thousand destinations it takes less than 50 MB.
pub const DEFAULT_KEPT: usize = 1024;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    pub yardmaster: MasterSettings,
    pub switch: Option<SwitchSection>,
    pub yard0: Option<YardSection>,
    pub claim: Option<Vec<ClaimSection>>,
    pub service: Option<Vec<ServiceSection>>,
}

/// A part of the file that has services and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    pub service: Vec<ServiceSection>,
}

/// The table `[yardmaster]`: yardmaster's own settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MasterSettings {
    /// Time between two rounds.
    #[serde(deserialize_with = "round")]
    pub round: Duration,
    /// The control socket.
    pub socket: PathBuf,
    /// Where metrics are served; nowhere unless given.
    pub metrics: Option<SocketAddr>,
    /// Who it is to agents.
    pub tls: Option<TlsFiles>,
    /// Where agents may send reports to; nowhere unless given.
    pub listen: Option<SocketAddr>,
    /// Connections that are kept from one report to the next: one by TLS counts for four, a stream
    /// of gRPC for sixteen.
    #[serde(deserialize_with = "kept_connections")]
    pub kept_connections: usize,
}

impl Default for MasterSettings {
    fn default() -> Self {
        Self {
            round: Duration::from_millis(250),
            socket: DEFAULT_SOCKET.into(),
            metrics: None,
            tls: None,
            listen: None,
            kept_connections: DEFAULT_KEPT,
        }
    }
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificate of the authority that the other end's has to be of.
    pub ca: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The table `[switch]`: what `yardctl set` sets.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SwitchSection {
    pub connection_limit: Option<Connections>,
    pub half_open_limit: Option<Limit>,
    pub fragment_memory: Option<Bytes>,
    pub fragment_timeout: Option<Milliseconds>,
    pub timeout: Timeouts,
}

/// The table `[switch.timeout]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Timeouts {
    pub syn_received: Option<Milliseconds>,
    pub established: Option<Milliseconds>,
    pub fin_wait: Option<Milliseconds>,
    pub time_wait: Option<Milliseconds>,
    pub closed: Option<Milliseconds>,
    pub udp: Option<Milliseconds>,
    pub expired: Option<Milliseconds>,
}

/// The table `[yard0]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct YardSection {
    pub addresses: Vec<Spanned<Word<DeviceAddress>>>,
}

/// A table `[[claim]]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ClaimSection {
    pub device: Spanned<Word<DeviceName>>,
    pub queues: Option<Numbers>,
    #[serde(default)]
    pub cpus: Option<Numbers>,
    pub policy: Option<Spanned<Word<PollPolicy>>>,
    pub idle_timeout: Option<Microseconds>,
}

/// A table `[[service]]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ServiceSection {
    pub service: Spanned<String>,
    pub scheduler: Option<Word<Scheduler>>,
    pub timeout: Option<Seconds>,
    pub one_packet: Option<Spanned<bool>>,
    pub reset_at_expiry: Option<Spanned<bool>>,
    pub fallback: Option<Word<Fallback>>,
    pub affinity: Option<Seconds>,
    pub affinity_prefix4: Option<Length4>,
    pub affinity_prefix6: Option<Length6>,
    pub policy: Option<Spanned<Policy>>,
    /// Of those destinations that have none of their own.
    pub source: Option<Spanned<SourceSpec>>,
    #[serde(default)]
    pub check: Vec<Spanned<CheckSpec>>,
    #[serde(default)]
    pub destination: Vec<DestinationSection>,
}

/// A table `[[service.destination]]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct DestinationSection {
    pub address: Spanned<String>,
    pub weight: Option<Weight>,
    pub forwarding: Option<Word<Forwarding>>,
    pub encapsulation: Option<Word<Encapsulation>>,
    pub encapsulation_port: Option<Port>,
    pub state: Option<Word<DestinationState>>,
    pub drain_deadline: Option<Seconds>,
    pub upper_limit: Option<Limit>,
    pub lower_limit: Option<Limit>,
    #[serde(default)]
    pub labels: Vec<String>,
    // Large, and rare.
    pub source: Option<Box<Spanned<SourceSpec>>>,
    pub check: Option<Vec<Spanned<CheckSpec>>>,
}
