// SPDX-License-Identifier: GPL-2.0

//! A connection: who talks to which service, and which destination answers.

use super::connection_state::ConnectionState;
use super::method::Method;
use super::timeouts::{
    Timeouts,
    LONGEST_TIMEOUT, //
};
use super::tuple::{
    Address,
    Endpoint,
    Ipv4Address,
    Protocol, //
};

/// A copy of what the table holds about a connection, or a template.
///
/// A *template* stands for "this client keeps that destination": its client is an address with
/// all but its prefix cleared and port 0, its service is the service's endpoint, its destination
/// is told by [`Self::destination_id`] alone, and its timeout is the affinity's. It lies in the
/// same table and is inserted, touched, removed and expired as a connection is. No packet's
/// lookup finds it, whatever the ports, since the key holds the mark; only
/// [`template`](super::connections::Connections::template) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<A: Address = Ipv4Address> {
    /// The transport protocol.
    pub protocol: Protocol,
    /// Whether this is a template.
    pub template: bool,
    /// How far it has got; [`ConnectionState::None`] for a template.
    pub state: ConnectionState,
    /// How packets get to the destination.
    pub method: Method,
    /// Who opened it.
    pub client: Endpoint<A>,
    /// The service that the client sees.
    pub service: Endpoint<A>,
    /// The server that does the work, for [`Method::Nat`]. Else all zero: the destination is
    /// found by its number in the configuration, and may be of the other family.
    pub destination: Endpoint<A>,
    /// The caller's number for the service.
    pub service_id: u32,
    /// The caller's number for the destination.
    pub destination_id: u32,
    /// The service's own timeout in milliseconds, 0 for the state's default; a template's
    /// timeout.
    pub timeout: u32,
    /// When the last packet came, in wrapping milliseconds of the caller's clock.
    pub last_seen: u32,
}

impl<A: Address> Connection<A> {
    /// Whether packets from the destination to the client belong to it: it is translated, and
    /// no template.
    #[inline(always)]
    pub fn has_replies(&self) -> bool {
        self.method == Method::Nat && !self.template
    }

    /// Milliseconds since the last packet. A packet that another CPU has seen a moment after
    /// `now` was read counts as seen now.
    pub fn idle(&self, now: u32) -> u32 {
        idle(self.last_seen, now)
    }

    /// Milliseconds until the connection is forgotten if no packet comes.
    pub fn expires(&self, now: u32, timeouts: &Timeouts) -> u32 {
        lifetime(self.template, self.state, self.timeout, timeouts).saturating_sub(self.idle(now))
    }

    /// Whether the connection has been idle for its timeout.
    pub fn is_expired(&self, now: u32, timeouts: &Timeouts) -> bool {
        self.expires(now, timeouts) == 0
    }
}

/// [`Connection::idle`] of one that was seen then.
#[inline(always)]
pub(super) fn idle(last_seen: u32, now: u32) -> u32 {
    let idle = now.wrapping_sub(last_seen);
    if idle > u32::MAX / 2 {
        0
    } else {
        idle
    }
}

/// Milliseconds that a connection, or a template, lasts without a packet.
#[inline(always)]
pub(super) fn lifetime(
    template: bool,
    state: ConnectionState,
    timeout: u32,
    timeouts: &Timeouts,
) -> u32 {
    if template {
        timeout.min(LONGEST_TIMEOUT)
    } else {
        timeouts.of(state, timeout)
    }
}
