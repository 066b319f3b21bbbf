// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The module's counters as passive signs.

use std::net::SocketAddr;

use switchyard_netlink::{Client, Destination, Error};
use switchyard_report::TargetKey;

use crate::Counters;

/// The counters of a destination as netlink tells them.
#[must_use]
pub fn counters_of(destination: &Destination) -> (TargetKey, Counters) {
    let key = TargetKey {
        service: destination.service.to_string().into(),
        destination: SocketAddr::new(destination.address, destination.port),
    };
    let counters = Counters {
        active: destination.active_connections,
        connections: destination.stats.connections,
        failures: None,
        packets_in: destination.stats.packets_in,
        packets_out: destination.stats.packets_out,
    };
    (key, counters)
}

/// Reads the counters of all destinations. Waits for the kernel, though never long.
pub fn kernel_counters(client: &mut Client) -> Result<Vec<(TargetKey, Counters)>, Error> {
    let destinations = client.destinations(None)?;
    Ok(destinations.iter().map(counters_of).collect())
}
