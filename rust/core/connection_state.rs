// SPDX-License-Identifier: GPL-2.0

//! The states of a connection and how long each may last without a packet.

/// Milliseconds in a second.
const SECOND: u32 = 1000;

/// The longest timeout in milliseconds: a wrapping 32-bit clock tells half its range apart.
pub const LONGEST_TIMEOUT: u32 = 86_400 * SECOND;

/// How far a connection has got.
///
/// Netlink's `connection-state` knows one `fin-wait`; here it is told apart who sent FIN, since
/// a repeated FIN of the same side must not be taken for the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ConnectionState {
    /// Nothing is known.
    None,
    /// The client sent SYN.
    SynReceived,
    /// The client acknowledged the destination's SYN.
    Established,
    /// The client sent FIN.
    FinClient,
    /// The destination sent FIN.
    FinDestination,
    /// Both sent FIN; a late ACK or FIN is still forwarded.
    TimeWait,
    /// Someone sent RST.
    Closed,
    /// UDP has no states.
    Udp,
}

impl ConnectionState {
    /// The state with this value of `self as u32`; `None` for others.
    #[inline(always)]
    pub const fn from_value(value: u32) -> Self {
        match value {
            1 => Self::SynReceived,
            2 => Self::Established,
            3 => Self::FinClient,
            4 => Self::FinDestination,
            5 => Self::TimeWait,
            6 => Self::Closed,
            7 => Self::Udp,
            _ => Self::None,
        }
    }

    /// The value of netlink's `connection-state`.
    pub const fn netlink(self) -> u32 {
        match self {
            Self::None => 0,
            Self::SynReceived => 1,
            Self::Established => 2,
            Self::FinClient | Self::FinDestination => 3,
            Self::TimeWait => 4,
            Self::Closed => 5,
            Self::Udp => 6,
        }
    }

    /// The name of netlink's `connection-state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SynReceived => "syn-received",
            Self::Established => "established",
            Self::FinClient | Self::FinDestination => "fin-wait",
            Self::TimeWait => "time-wait",
            Self::Closed => "closed",
            Self::Udp => "udp",
        }
    }

    /// Milliseconds without a packet after which the connection is forgotten.
    ///
    /// `service` is the service's own timeout in milliseconds, 0 for the default; it holds for
    /// connections that are established, and for UDP.
    pub fn timeout(self, service: u32) -> u32 {
        match self {
            Self::SynReceived => 60 * SECOND,
            Self::FinClient | Self::FinDestination => 120 * SECOND,
            Self::TimeWait => 60 * SECOND,
            Self::None | Self::Closed => 10 * SECOND,
            Self::Established | Self::Udp if service != 0 => service.min(LONGEST_TIMEOUT),
            Self::Established => 900 * SECOND,
            Self::Udp => 300 * SECOND,
        }
    }

    /// Whether the connection is at its end, so that a new SYN of the client begins another
    /// one on the same ports instead of belonging to this.
    #[inline(always)]
    pub const fn is_ending(self) -> bool {
        matches!(
            self,
            Self::FinClient | Self::FinDestination | Self::TimeWait | Self::Closed
        )
    }
}
