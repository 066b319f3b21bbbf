// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The load of one destination.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The load of one destination, however it was brought. What its source does not
/// tell is `None`, never zero.
///
/// Utilisations are shares of what the server has: 0 is idle, 1 is all of it. A
/// source may tell more than 1 of a CPU or application that is asked for more than
/// it can do. Accepted reports hold finite, non-negative numbers within
/// [`LoadReport::check`]'s bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadReport {
    /// When the load was measured, by the clock of the resource manager for sources
    /// that do not say.
    pub taken_at: Timestamp,
    /// Clients being served: established connections to the destination's port.
    pub clients: Option<u64>,
    /// Utilisation of the server's CPUs.
    pub cpu: Option<f64>,
    /// Utilisation of the server's memory: what is not available to a new program.
    pub memory: Option<f64>,
    /// Utilisation in the application's own view, which is better than `cpu` where
    /// it is told.
    pub application: Option<f64>,
    /// How much of the time work stood still for want of something.
    pub pressure: Pressure,
    /// Mean time to serve a request, in seconds.
    pub execution_time: Option<f64>,
    /// Requests served in a second.
    pub requests_per_second: Option<f64>,
    /// Requests that failed in a second; they are among the requests.
    pub errors_per_second: Option<f64>,
    /// Requests being served at this moment.
    pub in_flight: Option<u64>,
    /// What the server can do: `gpu`, `zone=a`. Those of its agent's configuration.
    pub labels: Vec<String>,
    /// Further measures by name, as of ORCA's `named_metrics` and `utilization`
    /// (the latter as `utilization.NAME`).
    pub named: BTreeMap<String, f64>,
    /// The share of its configured weight that the server asks for: 0.75 is three
    /// quarters. HAProxy's agents tell nothing else of their load.
    pub wanted_share: Option<f64>,
    /// What the server's operator or agent wants of the balancer.
    pub intent: Intent,
}

/// Shares of the last ten seconds in which work stood still for want of something
/// (`some avg10` of the kernel's pressure stall information, as 0 to 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    /// Some task waited for a CPU.
    pub cpu: Option<f64>,
    /// Some task waited for memory.
    pub memory: Option<f64>,
    /// Some task waited for input or output.
    pub io: Option<f64>,
}

/// What a server wants of the balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// New connections.
    #[default]
    Ready,
    /// No new connections; those that are may go on.
    Drain,
    /// Neither; it is being worked on.
    Maintenance,
    /// It says of itself that it is broken.
    Down,
}

impl Intent {
    /// Whether new connections are wanted.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready)
    }
}

impl LoadReport {
    /// The utilisation that limits the server: the application's own if it is told,
    /// else that of the CPUs.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        self.application.or(self.cpu)
    }
}
