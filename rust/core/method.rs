// SPDX-License-Identifier: GPL-2.0

//! The forwarding methods.

/// How a packet is taken to its destination; the value is netlink's `forwarding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Method {
    /// Address, port and MAC are rewritten, replies translated back (Figs. 5 and 6).
    #[default]
    Nat = 0,
    /// Only the MAC address is rewritten: the destination has the service's address itself, and
    /// answers the client directly.
    Direct = 1,
    /// The packet travels inside another one, which the destination opens; it answers the client
    /// directly.
    Tunnel = 2,
    /// The sockets of this machine's control CPUs, through the pseudo device (Fig. 8).
    Local = 3,
}

impl Method {
    /// The method with this value in netlink.
    pub const fn from_value(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Nat),
            1 => Some(Self::Direct),
            2 => Some(Self::Tunnel),
            3 => Some(Self::Local),
            _ => None,
        }
    }
}

/// A method as a connection keeps it: never 0, so that what was never filled matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub(super) u16);

impl Mark {
    /// That of a method.
    #[inline(always)]
    pub const fn of(method: Method) -> Self {
        Self(method as u16 + 1)
    }

    /// The method. What was never filled has one, too.
    #[inline(always)]
    pub fn method(self) -> Method {
        Method::from_value(u32::from(self.0).wrapping_sub(1)).unwrap_or_default()
    }
}

/// What a tunnelled packet travels in; the value of the kind is netlink's `encapsulation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encapsulation {
    /// An IP header and nothing else (RFC 2003, RFC 2473, RFC 4213): of the destination's family
    /// outside, of the client's inside.
    #[default]
    Ip,
    /// Generic UDP Encapsulation to this port (draft-ietf-intarea-gue-09, variant 1: the inner
    /// header follows UDP directly), from a source port that depends on the flow.
    Gue {
        /// The destination's UDP port, host order; by custom 6080.
        port: u16,
    },
}

impl Encapsulation {
    /// The value of netlink's `encapsulation`.
    pub const fn value(self) -> u32 {
        match self {
            Self::Ip => 0,
            Self::Gue { .. } => 1,
        }
    }
}
