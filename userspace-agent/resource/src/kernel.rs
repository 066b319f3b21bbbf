// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The module's counters as passive signs.

use std::net::SocketAddr;

use switchyard_netlink::{Destination, Forwarding};

use crate::Counters;

/// The counters of a destination as netlink tells them.
#[must_use]
pub fn counters_of(destination: &Destination) -> (SocketAddr, Counters) {
    let counters = Counters {
        active: destination.active_connections,
        connections: destination.stats.connections,
        packets_in: destination.stats.packets_in,
        // Other answers do not come by here.
        packets_out: (destination.forwarding == Forwarding::Nat)
            .then_some(destination.stats.packets_out),
    };
    (destination.endpoint(), counters)
}
