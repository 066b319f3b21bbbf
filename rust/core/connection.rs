// SPDX-License-Identifier: GPL-2.0

//! A connection: who talks to which service, and which destination answers.

use super::connection_state::ConnectionState;
use super::tuple::{
    Endpoint,
    Protocol, //
};

/// A copy of what the table holds about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// How far it has got.
    pub state: ConnectionState,
    /// Who opened it.
    pub client: Endpoint,
    /// The service that the client sees.
    pub service: Endpoint,
    /// The server that does the work.
    pub destination: Endpoint,
    /// The caller's number for the service.
    pub service_id: u32,
    /// The caller's number for the destination.
    pub destination_id: u32,
    /// The service's own timeout in milliseconds, 0 for the protocol's default.
    pub timeout: u32,
    /// When the last packet came, in wrapping milliseconds of the caller's clock.
    pub last_seen: u32,
}

impl Connection {
    /// Milliseconds since the last packet. A packet that another CPU has seen a moment after
    /// `now` was read counts as seen now.
    pub fn idle(&self, now: u32) -> u32 {
        let idle = now.wrapping_sub(self.last_seen);
        if idle > u32::MAX / 2 {
            0
        } else {
            idle
        }
    }

    /// Milliseconds until the connection is forgotten if no packet comes.
    pub fn expires(&self, now: u32) -> u32 {
        self.state
            .timeout(self.timeout)
            .saturating_sub(self.idle(now))
    }

    /// Whether the connection has been idle for its timeout.
    pub fn is_expired(&self, now: u32) -> bool {
        self.expires(now) == 0
    }
}
