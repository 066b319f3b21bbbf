// SPDX-License-Identifier: GPL-2.0

//! Addresses, endpoints and the two hashes over them.
//!
//! A client's address, port and protocol are the same in both directions of a translated
//! connection: the source of what comes in and the destination of what goes out. So one hash
//! over the client's endpoint finds the connection from either side.

use ::core::fmt;

pub use super::address::{
    Address,
    Family,
    IpAddress,
    Ipv4Address,
    Ipv6Address, //
};
pub use super::protocol::Protocol;

/// An address and a port, both in host order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint<A = Ipv4Address> {
    /// The IP address.
    pub address: A,
    /// The TCP, UDP or SCTP port.
    pub port: u16,
}

impl<A> Endpoint<A> {
    /// An endpoint of these parts.
    pub const fn new(address: A, port: u16) -> Self {
        Self { address, port }
    }
}

impl<A: Address> Endpoint<A> {
    /// The same endpoint, of either family.
    #[inline(always)]
    pub fn any(self) -> Endpoint<IpAddress> {
        Endpoint::new(self.address.into(), self.port)
    }
}

impl Endpoint {
    /// Address, port and 16 bits more in one number: cheap to store, compare and hash.
    #[inline(always)]
    pub const fn pack(self, more: u16) -> u64 {
        ((self.address.bits() as u64) << 32) | ((self.port as u64) << 16) | more as u64
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

impl fmt::Display for Endpoint<Ipv6Address> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]:{}", self.address, self.port)
    }
}

impl fmt::Display for Endpoint<IpAddress> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddress::V4(address) => Endpoint::new(address, self.port).fmt(f),
            IpAddress::V6(address) => Endpoint::new(address, self.port).fmt(f),
        }
    }
}

impl<A: Address> fmt::Debug for Endpoint<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.any(), f)
    }
}

impl fmt::Debug for Endpoint<IpAddress> {
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
    /// Hashes what takes 64 bits.
    ///
    /// Two rounds of a 64 by 64 bit multiplication whose halves are folded together, each
    /// with its own secret. All 64 bits of the result may be used.
    #[inline(always)]
    pub const fn hash_word(self, word: u64) -> u64 {
        let [first, second] = self.0;
        let mixed = mix(word ^ first, MULTIPLIERS[0]);
        mix(mixed ^ second, MULTIPLIERS[1])
    }

    /// Hashes what takes more. Each word meets a secret before the next one comes: whoever
    /// chooses all of them still cannot aim at a value.
    #[inline(always)]
    pub const fn hash_words(self, words: [u64; 3]) -> u64 {
        let [first, second] = self.0;
        let [high, middle, low] = words;
        let mixed = mix(high ^ first, MULTIPLIERS[0]);
        let mixed = mix(mixed ^ middle ^ second, MULTIPLIERS[1]);
        mix(mixed ^ low ^ first.rotate_left(32), MULTIPLIERS[0])
    }

    /// Hashes an address of either family.
    ///
    /// Each half is multiplied by an odd secret of its own, after another one was added without
    /// carry, and only what is folded of that meets: whoever chooses all 128 bits knows neither
    /// what a change of one half does nor how to undo it by the other.
    #[inline(always)]
    pub fn hash_address(self, address: IpAddress) -> u64 {
        let [first, second] = self.0;
        match address {
            IpAddress::V4(address) => mix(u64::from(address.bits()) ^ first, second | 1),
            IpAddress::V6(address) => {
                let [high, low] = address.words();
                mix(high ^ first, second | 1)
                    .wrapping_add(mix(low ^ second.rotate_left(32), first | 1))
            }
        }
    }

    /// Hashes a word together with what was hashed before: for keys of several parts.
    #[inline(always)]
    pub const fn hash_more(self, before: u64, word: u64) -> u64 {
        let [first, second] = self.0;
        mix(before ^ word ^ first.rotate_left(32), second | 1)
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

/// An endpoint and 16 bits more in a number, for hashes that are the same on every machine.
#[inline(always)]
fn plain<A: Address>(endpoint: Endpoint<A>, more: u16) -> u64 {
    let rest = (u64::from(endpoint.port) << 16) | u64::from(more);
    let [high, low] = endpoint.address.words();
    match A::FAMILY {
        Family::V4 => (low << 32) | rest,
        // The halves are folded apart, so that no change of one is undone by a change of the
        // other that could be told without searching for it.
        Family::V6 => {
            let high = mix(high ^ MULTIPLIERS[1], MULTIPLIERS[0]);
            let low = mix(low ^ MULTIPLIERS[0], MULTIPLIERS[1]);
            high.rotate_left(32).wrapping_add(low) ^ rest
        }
    }
}

/// Hashes the 5-tuple of a new connection for the choice of its destination.
///
/// It has no secret, since several switches that share their clients have to choose alike.
pub fn selection_hash<A: Address>(
    protocol: Protocol,
    client: Endpoint<A>,
    service: Endpoint<A>,
) -> u32 {
    let mixed = mix(
        plain(client, protocol as u16) ^ MULTIPLIERS[1],
        MULTIPLIERS[0],
    );
    let mixed = mix(mixed ^ plain(service, 0) ^ MULTIPLIERS[0], MULTIPLIERS[1]);
    (mixed >> 32) as u32
}

/// Hashes the identity of a destination, the same on every machine and for all time: tables of
/// machines that know the same destinations are alike. `purpose` makes independent hashes.
pub const fn identity_hash(identity: Endpoint<IpAddress>, purpose: u16) -> u64 {
    let last = match identity.address {
        IpAddress::V4(address) => Endpoint::new(address, identity.port).pack(purpose),
        IpAddress::V6(address) => {
            let bits = address.bits();
            let high = mix((bits >> 64) as u64 ^ MULTIPLIERS[1], MULTIPLIERS[0]);
            let low = mix(high ^ bits as u64, MULTIPLIERS[1]);
            low ^ (((identity.port as u64) << 16) | purpose as u64)
        }
    };
    let mixed = mix(last ^ MULTIPLIERS[1], MULTIPLIERS[0]);
    mix(mixed ^ MULTIPLIERS[0], MULTIPLIERS[1])
}

/// Hashes a client's address for the choice of its destination, the same on every machine and
/// for all time.
#[inline]
pub fn client_hash<A: Address>(client: A) -> u32 {
    (identity_hash(Endpoint::new(client, 0).any(), 0) >> 32) as u32
}
