// SPDX-License-Identifier: GPL-2.0

//! How long connections are remembered without a packet.

use super::connection_state::ConnectionState;

/// Milliseconds in a second.
const SECOND: u32 = 1000;

/// The longest timeout in milliseconds: a wrapping 32-bit clock tells half its range apart.
pub const LONGEST_TIMEOUT: u32 = 86_400 * SECOND;

/// Milliseconds without a packet after which a connection in each state is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For [`ConnectionState::SynReceived`].
    pub syn_received: u32,
    /// For [`ConnectionState::Established`], if the service has no timeout of its own.
    pub established: u32,
    /// For [`ConnectionState::FinClient`] and [`ConnectionState::FinDestination`].
    pub fin_wait: u32,
    /// For [`ConnectionState::TimeWait`].
    pub time_wait: u32,
    /// For [`ConnectionState::Closed`] and [`ConnectionState::None`].
    pub closed: u32,
    /// For [`ConnectionState::Udp`], if the service has no timeout of its own.
    pub udp: u32,
    /// For [`ConnectionState::Expired`].
    pub expired: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            syn_received: 60 * SECOND,
            established: 900 * SECOND,
            fin_wait: 120 * SECOND,
            time_wait: 60 * SECOND,
            closed: 10 * SECOND,
            udp: 300 * SECOND,
            expired: 10 * SECOND,
        }
    }
}

impl Timeouts {
    /// Milliseconds for which a connection in this state is remembered.
    ///
    /// `service` is the service's own timeout in milliseconds, 0 if it has none; it holds for
    /// connections that are established, and for UDP. Never more than [`LONGEST_TIMEOUT`].
    #[inline(always)]
    pub fn of(&self, state: ConnectionState, service: u32) -> u32 {
        let own = |timeout| if service == 0 { timeout } else { service };
        let timeout = match state {
            ConnectionState::SynReceived => self.syn_received,
            ConnectionState::Established => own(self.established),
            ConnectionState::FinClient | ConnectionState::FinDestination => self.fin_wait,
            ConnectionState::TimeWait => self.time_wait,
            ConnectionState::None | ConnectionState::Closed => self.closed,
            ConnectionState::Udp => own(self.udp),
            ConnectionState::Expired => self.expired,
        };
        timeout.min(LONGEST_TIMEOUT)
    }

    /// The least of them, which a service's own may still fall short of.
    pub fn least(&self) -> u32 {
        let Self {
            syn_received,
            established,
            fin_wait,
            time_wait,
            closed,
            udp,
            expired,
        } = *self;
        [established, fin_wait, time_wait, closed, udp, expired]
            .into_iter()
            .fold(syn_received, u32::min)
            .min(LONGEST_TIMEOUT)
    }
}
