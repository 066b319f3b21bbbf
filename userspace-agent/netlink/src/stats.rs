// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Counters of a service, a destination or a CPU.

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed};
use crate::spec::stats;

/// Counters of a service, a destination or a CPU; they never run backwards, but
/// for the rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections ever assigned.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Bytes of IP packets from clients.
    pub bytes_in: u64,
    /// Packets to clients.
    pub packets_out: u64,
    /// Bytes of IP packets to clients.
    pub bytes_out: u64,
    /// Connections a second, smoothed over about eight seconds, as are the rest.
    pub connections_rate: u64,
    /// Packets from clients, a second.
    pub packets_in_rate: u64,
    /// Bytes from clients, a second.
    pub bytes_in_rate: u64,
    /// Packets to clients, a second.
    pub packets_out_rate: u64,
    /// Bytes to clients, a second.
    pub bytes_out_rate: u64,
}

impl Decode for Stats {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut this = Self::default();
        each(attributes, |kind, value| {
            match kind {
                stats::CONNECTIONS => this.connections = value.uint()?,
                stats::PACKETS_IN => this.packets_in = value.uint()?,
                stats::BYTES_IN => this.bytes_in = value.uint()?,
                stats::PACKETS_OUT => this.packets_out = value.uint()?,
                stats::BYTES_OUT => this.bytes_out = value.uint()?,
                stats::CONNECTIONS_RATE => this.connections_rate = value.uint()?,
                stats::PACKETS_IN_RATE => this.packets_in_rate = value.uint()?,
                stats::BYTES_IN_RATE => this.bytes_in_rate = value.uint()?,
                stats::PACKETS_OUT_RATE => this.packets_out_rate = value.uint()?,
                stats::BYTES_OUT_RATE => this.bytes_out_rate = value.uint()?,
                _ => (),
            }
            Ok(())
        })?;
        Ok(this)
    }
}
