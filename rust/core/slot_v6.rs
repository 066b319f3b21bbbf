// SPDX-License-Identifier: GPL-2.0

//! How IPv6 endpoints lie in a slot: two words each, and half a word for the rest.

use super::atomic::{
    AtomicU32,
    AtomicU64,
    Ordering, //
};
use super::slot::{
    Ends,
    Stored, //
};
use super::tuple::{
    Endpoint,
    Ipv6Address,
    Seed, //
};

/// An IPv6 endpoint and 16 bits more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackedV6 {
    /// The first half of the address, in host order.
    high: u64,
    /// The second half.
    low: u64,
    /// The port, and below it what is packed with the endpoint.
    rest: u32,
}

/// The two halves of an address.
#[derive(Debug, Default)]
#[repr(C)]
struct Halves {
    high: AtomicU64,
    low: AtomicU64,
}

/// The endpoints of an IPv6 connection.
#[derive(Debug, Default)]
#[repr(C)]
pub struct EndsV6 {
    client: Halves,
    service: Halves,
    destination: Halves,
    client_rest: AtomicU32,
    service_rest: AtomicU32,
    destination_rest: AtomicU32,
}

/// A slot lies in two cache lines, in half of one of them.
#[derive(Debug, Default)]
#[repr(align(32))]
pub struct HalfLine;

impl Stored for Ipv6Address {
    type Packed = PackedV6;
    type Ends = EndsV6;
    type Alignment = HalfLine;

    #[inline(always)]
    fn pack(endpoint: Endpoint<Self>, more: u16) -> PackedV6 {
        // As a packet has it; not so the port, of which the hash has less to stir than of the rest.
        let bits = endpoint.address.bits().to_be();
        PackedV6 {
            high: (bits >> 64) as u64,
            low: bits as u64,
            rest: (u32::from(endpoint.port) << 16) | u32::from(more),
        }
    }

    #[inline(always)]
    fn unpack(packed: PackedV6) -> (Endpoint<Self>, u16) {
        let bits = (u128::from(packed.high) << 64) | u128::from(packed.low);
        (
            Endpoint::new(
                Self::from_bits(u128::from_be(bits)),
                (packed.rest >> 16) as u16,
            ),
            packed.rest as u16,
        )
    }

    #[inline(always)]
    fn hash_client(seed: Seed, client: PackedV6) -> u64 {
        seed.hash_words([client.high, client.low, u64::from(client.rest)])
    }
}

/// Reads an endpoint.
#[inline(always)]
fn load(halves: &Halves, rest: &AtomicU32) -> PackedV6 {
    PackedV6 {
        high: halves.high.load(Ordering::Relaxed),
        low: halves.low.load(Ordering::Relaxed),
        rest: rest.load(Ordering::Relaxed),
    }
}

/// Writes an endpoint.
#[inline(always)]
fn store(halves: &Halves, rest: &AtomicU32, packed: PackedV6) {
    halves.high.store(packed.high, Ordering::Relaxed);
    halves.low.store(packed.low, Ordering::Relaxed);
    rest.store(packed.rest, Ordering::Relaxed);
}

impl Ends<PackedV6> for EndsV6 {
    #[inline(always)]
    fn client(&self) -> PackedV6 {
        load(&self.client, &self.client_rest)
    }

    #[inline(always)]
    fn service(&self) -> PackedV6 {
        load(&self.service, &self.service_rest)
    }

    #[inline(always)]
    fn destination(&self) -> PackedV6 {
        load(&self.destination, &self.destination_rest)
    }

    #[inline(always)]
    fn set(&self, client: PackedV6, service: PackedV6, destination: PackedV6) {
        store(&self.client, &self.client_rest, client);
        store(&self.service, &self.service_rest, service);
        store(&self.destination, &self.destination_rest, destination);
    }
}
