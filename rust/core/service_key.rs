// SPDX-License-Identifier: GPL-2.0

//! What a service listens to, and which of several services a packet is for.

use super::tuple::{
    Endpoint,
    IpAddress,
    Protocol, //
};

/// The ports of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ports {
    /// Every one.
    All,
    /// One, other than 0.
    One(u16),
    /// From the first to the last, which is greater.
    Range(u16, u16),
}

impl Ports {
    /// Whether `port` is one of them.
    pub const fn contain(self, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == port,
            Self::Range(first, last) => first <= port && port <= last,
        }
    }

    /// The first port; 0 for every one.
    pub const fn first(self) -> u16 {
        match self {
            Self::All => 0,
            Self::One(port) | Self::Range(port, _) => port,
        }
    }
}

/// An address with all but the leading bits cleared, and how many these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address.
    pub address: IpAddress,
    /// How many leading bits count.
    pub length: u8,
}

impl Prefix {
    /// The prefix of one address.
    pub const fn single(address: IpAddress) -> Self {
        Self {
            address,
            length: address.length(),
        }
    }

    /// Whether it is that of one address.
    pub const fn is_single(self) -> bool {
        self.length == self.address.length()
    }

    /// Whether `address` is of it.
    pub fn contains(self, address: IpAddress) -> bool {
        address.family() == self.address.family() && address.prefix(self.length) == self.address
    }
}

/// What tells a service from all others: what it listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address or addresses.
    pub prefix: Prefix,
    /// The port or ports.
    pub ports: Ports,
}

impl ServiceKey {
    /// Whether it listens there.
    pub fn contains(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> bool {
        self.protocol == protocol
            && self.prefix.contains(endpoint.address)
            && self.ports.contain(endpoint.port)
    }

    /// The range of ports, if there is one.
    pub const fn range(&self) -> Option<PortRange> {
        match self.ports {
            Ports::Range(first, last) => Some(PortRange {
                protocol: self.protocol,
                prefix: self.prefix,
                first,
                last,
            }),
            Ports::All | Ports::One(_) => None,
        }
    }

    /// The place in a table of services by port, for one port or, as port 0, every port.
    pub const fn listener(&self) -> Option<Listener> {
        match self.ports {
            Ports::All | Ports::One(_) => Some(Listener {
                protocol: self.protocol,
                prefix: self.prefix,
                port: self.ports.first(),
            }),
            Ports::Range(..) => None,
        }
    }
}

/// One port of a prefix, or all of them as port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address or addresses.
    pub prefix: Prefix,
    /// The port.
    pub port: u16,
}

/// A range of ports of a prefix; in the order of protocol, prefix and first port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address or addresses.
    pub prefix: Prefix,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl PortRange {
    /// Whether the two have a port in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        (self.protocol, self.prefix) == (other.protocol, other.prefix)
            && self.first <= other.last
            && other.first <= self.last
    }
}

/// The services of a configuration, by what they listen to.
pub trait Listeners {
    /// The service of this port, or of every port as port 0.
    fn listener(&self, listener: &Listener) -> Option<u32>;

    /// The service of the range that this port is in.
    fn in_range(&self, listener: &Listener) -> Option<u32>;

    /// Whether each service is of one address and one port.
    fn are_plain(&self) -> bool;

    /// The lengths of prefixes of this address's family that are not single addresses, as bits.
    fn lengths(&self, address: IpAddress) -> u128;
}

/// The service that a packet to `endpoint` is for: that of the very address before one of a
/// prefix, and of prefixes the longest; among those of one prefix that of the very port, then one
/// of a range, then one of every port.
///
/// Where all services are of one address and one port, one look will do.
#[inline(always)]
pub fn find(
    listeners: &impl Listeners,
    protocol: Protocol,
    endpoint: Endpoint<IpAddress>,
) -> Option<u32> {
    let listener = Listener {
        protocol,
        prefix: Prefix::single(endpoint.address),
        port: endpoint.port,
    };
    // A packet's port may be 0, which is not that of a service of every port.
    if endpoint.port != 0 {
        if let Some(found) = listeners.listener(&listener) {
            return Some(found);
        }
    }
    if listeners.are_plain() {
        None
    } else {
        find_wide(listeners, listener)
    }
}

/// The same for what is not of the very address and port.
#[cold]
#[inline(never)]
fn find_wide(listeners: &impl Listeners, listener: Listener) -> Option<u32> {
    let of_prefix = |prefix| {
        let listener = Listener { prefix, ..listener };
        let exact = if listener.port == 0 {
            None
        } else {
            listeners.listener(&listener)
        };
        exact.or_else(|| listeners.in_range(&listener)).or_else(|| {
            listeners.listener(&Listener {
                port: 0,
                ..listener
            })
        })
    };
    of_prefix(listener.prefix)
        .or_else(|| prefixes(listeners, listener.prefix.address).find_map(of_prefix))
}

/// The prefixes of the lengths that there are which `address` is of, longest first.
pub fn prefixes(listeners: &impl Listeners, address: IpAddress) -> impl Iterator<Item = Prefix> {
    let mut lengths = listeners.lengths(address);
    ::core::iter::from_fn(move || {
        let length = lengths.checked_ilog2()?;
        lengths &= !(1_u128.checked_shl(length)?);
        // Below 128.
        let length = length as u8;
        Some(Prefix {
            address: address.prefix(length),
            length,
        })
    })
}
