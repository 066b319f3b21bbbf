// SPDX-License-Identifier: GPL-2.0

//! Addresses, endpoints and the two hashes over them.
//!
//! A client's address, port and protocol are the same in both directions of a translated
//! connection: the source of what comes in and the destination of what goes out. So one hash
//! over the client's endpoint finds the connection from either side.

use ::core::fmt;

/// An IPv4 address as a number in host order: 10.0.0.1 is `0x0a000001`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u32);

impl Address {
    /// The address with this number, in host order.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The address with these bytes, in network order.
    pub const fn from_octets(octets: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(octets))
    }

    /// The address in the kernel's `__be32`: its memory holds network order.
    pub const fn from_be32(be: u32) -> Self {
        Self(u32::from_be(be))
    }

    /// The number, in host order.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The bytes, in network order.
    pub const fn octets(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The kernel's `__be32`.
    pub const fn to_be32(self) -> u32 {
        self.0.to_be()
    }

    /// Whether a packet may be sent to it that answers one from it: no group, not everybody,
    /// nobody or the loopback (RFC 1122, 3.2.1.3).
    pub const fn may_be_answered(self) -> bool {
        let first = self.0 >> 24;
        self.0 != 0 && self.0 != u32::MAX && first != 127 && first & 0xf0 != 0xe0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.octets();
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A transport protocol that can be balanced; the value is the IP protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// TCP, RFC 9293.
    Tcp = 6,
    /// UDP, RFC 768.
    Udp = 17,
}

impl Protocol {
    /// The protocol with this IP protocol number, if it is one of the two.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            _ => None,
        }
    }

    /// The IP protocol number.
    #[inline(always)]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// An address and a port, both in host order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The IPv4 address.
    pub address: Address,
    /// The TCP or UDP port.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint of these parts.
    pub const fn new(address: Address, port: u16) -> Self {
        Self { address, port }
    }

    /// Address, port and 16 bits more in one number: cheap to store, compare and hash.
    #[inline(always)]
    pub const fn pack(self, more: u16) -> u64 {
        ((self.address.0 as u64) << 32) | ((self.port as u64) << 16) | more as u64
    }

    /// The endpoint and the 16 bits that [`Self::pack`] put together.
    #[inline(always)]
    pub const fn unpack(packed: u64) -> (Self, u16) {
        let address = Address((packed >> 32) as u32);
        (
            Self::new(address, ((packed >> 16) & 0xffff) as u16),
            (packed & 0xffff) as u16,
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the destination.
    Forward,
    /// From the destination to the client.
    Reply,
}

/// The secret of one machine's hash tables: without it, nobody can aim at a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub [u64; 2]);

impl Seed {
    /// Hashes a client's endpoint for the connection table.
    ///
    /// Two rounds of a 64 by 64 bit multiplication whose halves are folded together, each
    /// with its own secret. All 64 bits of the result may be used.
    #[inline(always)]
    pub const fn hash(self, protocol: Protocol, client: Endpoint) -> u64 {
        let [first, second] = self.0;
        let mixed = mix(client.pack(protocol as u16) ^ first, MULTIPLIERS[0]);
        mix(mixed ^ second, MULTIPLIERS[1])
    }
}

/// Odd numbers with about as many ones as zeros: the fractions of the square roots of 2 and 3.
const MULTIPLIERS: [u64; 2] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b];

/// Multiplies to 128 bits and folds them to 64.
#[inline(always)]
const fn mix(value: u64, by: u64) -> u64 {
    let product = value as u128 * by as u128;
    (product as u64) ^ (product >> 64) as u64
}

/// Hashes the 5-tuple of a new connection for the choice of its destination.
///
/// It has no secret, since several switches that share their clients have to choose alike.
pub const fn selection_hash(protocol: Protocol, client: Endpoint, service: Endpoint) -> u32 {
    let mixed = mix(
        client.pack(protocol as u16) ^ MULTIPLIERS[1],
        MULTIPLIERS[0],
    );
    let mixed = mix(mixed ^ service.pack(0) ^ MULTIPLIERS[0], MULTIPLIERS[1]);
    (mixed >> 32) as u32
}

/// Hashes the identity of a destination, the same on every machine and for all time: tables of
/// machines that know the same destinations are alike. `purpose` makes independent hashes.
pub const fn identity_hash(identity: Endpoint, purpose: u16) -> u64 {
    let mixed = mix(identity.pack(purpose) ^ MULTIPLIERS[1], MULTIPLIERS[0]);
    mix(mixed ^ MULTIPLIERS[0], MULTIPLIERS[1])
}
