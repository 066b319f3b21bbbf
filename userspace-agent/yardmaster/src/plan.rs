// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the operator wants of a service.

use std::net::SocketAddr;

use switchyard_netlink::ServiceKey;

use crate::Policy;

/// A service whose weights the master makes.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// Which service.
    pub key: ServiceKey,
    /// How its weights are made.
    pub policy: Policy,
    /// Its servers.
    pub destinations: Vec<DestinationPlan>,
}

/// A server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationPlan {
    /// Its address and port.
    pub endpoint: SocketAddr,
    /// The configured weight: the share that it begins with and falls back to. 0 takes
    /// no new connections whatever is reported.
    pub weight: u32,
    /// What it can do, besides what its agent says.
    pub labels: Vec<String>,
}
