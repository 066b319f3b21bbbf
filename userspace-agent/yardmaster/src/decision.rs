// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the master has decided for a service, and out of what.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use switchyard_netlink::ServiceKey;
use switchyard_report::{Health, Passive, Timestamp};

use crate::Load;

/// What a destination is to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its level comes from its load.
    Reporting,
    /// Its reports lack what the algorithm goes by, or the algorithm needs none: it has
    /// its configured share.
    Configured,
    /// It has never been heard, and not long been waited for: it keeps what it has.
    Unheard,
    /// Its agent is silent: in steps, it goes to its configured share.
    Silent,
    /// Its configured weight is 0.
    Drained,
    /// It, or its agent, wants no connections.
    Unwilling,
    /// Its checks fail.
    Down,
    /// Its checks fail, as do those of all others: the checks are disbelieved.
    Doubted,
    /// It answers no connection, while others of the service do: it gets just enough to
    /// see when it does again.
    Suspect,
    /// It lacks what the service wants.
    Incapable,
    /// It had no weight when the master began, and nothing has been heard of it.
    Held,
}

impl State {
    /// Whether it gets new connections.
    #[must_use]
    pub const fn is_serving(self) -> bool {
        match self {
            Self::Reporting
            | Self::Configured
            | Self::Unheard
            | Self::Silent
            | Self::Doubted
            | Self::Suspect => true,
            Self::Drained | Self::Unwilling | Self::Down | Self::Incapable | Self::Held => false,
        }
    }

    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reporting => "reporting",
            Self::Configured => "configured",
            Self::Unheard => "unheard",
            Self::Silent => "silent",
            Self::Drained => "drained",
            Self::Unwilling => "unwilling",
            Self::Down => "down",
            Self::Doubted => "doubted",
            Self::Suspect => "suspect",
            Self::Incapable => "incapable",
            Self::Held => "held",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What kept a level from being what the algorithm wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// It may not be lower.
    Floor,
    /// It may not be higher.
    Ceiling,
    /// It may not change faster.
    Slew,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Floor => "floor",
            Self::Ceiling => "ceiling",
            Self::Slew => "slew",
        })
    }
}

/// Signs of a destination's life in the kernel's counters, in which no check and no report
/// is involved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Signs {
    /// Connections that the switch has to it.
    pub connections: Option<u64>,
    /// New ones in a second.
    pub connections_per_second: Option<f64>,
    /// Seconds for which packets have gone to it and none came back.
    pub unanswered: Option<f64>,
    /// Connections made meanwhile.
    pub unanswered_connections: u64,
}

impl From<Passive> for Signs {
    fn from(passive: Passive) -> Self {
        Self {
            connections: passive.active,
            connections_per_second: passive.connections_per_second,
            unanswered: passive.silent_for.map(|time| time.as_secs_f64()),
            unanswered_connections: passive.unanswered,
        }
    }
}

/// The last round of a service.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// Which service.
    pub service: ServiceKey,
    /// When the round was.
    pub at: Timestamp,
    /// The algorithm's name.
    pub algorithm: String,
    /// How levels are computed.
    pub formula: String,
    /// Whether the weights are the configured numbers.
    pub exact: bool,
    /// Each destination.
    pub destinations: Vec<DestinationDecision>,
}

/// The last round of a destination. A level is a weight before it is made a whole
/// number; `configured` is the level of no feedback.
#[derive(Clone, Debug, Serialize)]
pub struct DestinationDecision {
    /// Which destination.
    pub endpoint: SocketAddr,
    /// Its configured weight.
    pub configured: u32,
    /// What it is to the master.
    pub state: State,
    /// Why, if the state alone does not say.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// What its checks say.
    pub health: Health,
    /// What is wrong with its checks, or why its agent cannot be heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// What the kernel's counters say of it.
    pub signs: Signs,
    /// Seconds since its last report.
    pub age: Option<f64>,
    /// The last load reported.
    pub reported: Option<Load>,
    /// The load smoothed, as the algorithm has it.
    pub smoothed: Load,
    /// The formula's terms.
    pub terms: Vec<(&'static str, f64)>,
    /// The level that the algorithm wants, by the scale of the configured weights.
    pub wanted: f64,
    /// The level that it has.
    pub level: f64,
    /// What the two differ by.
    pub limit: Option<Limit>,
    /// Which part of its level it gets, while it is new.
    pub slow_start: f64,
    /// The weight decided.
    pub weight: u32,
    /// The weight that the kernel has; `None` if it has no such destination.
    pub written: Option<u32>,
    /// The part of new connections that it gets, 0 to 1.
    pub share: f64,
}
