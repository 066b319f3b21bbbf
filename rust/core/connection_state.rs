// SPDX-License-Identifier: GPL-2.0

//! The states of a connection; how long each lasts is in [`super::timeouts`].

/// How far a connection has got.
///
/// SCTP has the states of TCP: INIT is its SYN, SHUTDOWN its FIN, ABORT its RST.
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
    /// Idle for its timeout, and both ends were sent a reset; kept a little longer, for what they
    /// sent before they had it.
    Expired,
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
            8 => Self::Expired,
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
            Self::Expired => 7,
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
            Self::Expired => "expired",
        }
    }

    /// Whether the client has yet to show that it is where it claims to be: what a flood of
    /// forged SYNs leaves behind.
    #[inline(always)]
    pub const fn is_half_open(self) -> bool {
        matches!(self, Self::SynReceived)
    }

    /// Whether the connection is at its end, so that a new SYN of the client begins another
    /// one on the same ports instead of belonging to this.
    #[inline(always)]
    pub const fn is_ending(self) -> bool {
        matches!(
            self,
            Self::FinClient | Self::FinDestination | Self::TimeWait | Self::Closed | Self::Expired
        )
    }
}
