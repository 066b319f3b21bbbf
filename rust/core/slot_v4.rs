// SPDX-License-Identifier: GPL-2.0

//! How IPv4 endpoints lie in a slot: one word each, of the very bytes that a packet has.

use super::atomic::{
    AtomicU64,
    Ordering, //
};
use super::slot::{
    Ends,
    Stored, //
};
use super::tuple::{
    Endpoint,
    Ipv4Address,
    Seed, //
};

/// The endpoints of an IPv4 connection.
#[derive(Debug, Default)]
#[repr(C)]
pub struct EndsV4 {
    client: AtomicU64,
    service: AtomicU64,
    destination: AtomicU64,
}

/// A slot lies in one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Line;

impl Stored for Ipv4Address {
    type Packed = u64;
    type Ends = EndsV4;
    type Alignment = Line;

    #[inline(always)]
    fn pack(endpoint: Endpoint, more: u16) -> u64 {
        (u64::from(endpoint.address.to_be32()) << 32)
            | (u64::from(endpoint.port.to_be()) << 16)
            | u64::from(more)
    }

    #[inline(always)]
    fn unpack(packed: u64) -> (Endpoint, u16) {
        let address = Ipv4Address::from_be32((packed >> 32) as u32);
        (
            Endpoint::new(address, u16::from_be((packed >> 16) as u16)),
            packed as u16,
        )
    }

    #[inline(always)]
    fn hash_client(seed: Seed, client: u64) -> u64 {
        seed.hash_word(client)
    }
}

impl Ends<u64> for EndsV4 {
    #[inline(always)]
    fn client(&self) -> u64 {
        self.client.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn service(&self) -> u64 {
        self.service.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn destination(&self) -> u64 {
        self.destination.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set(&self, client: u64, service: u64, destination: u64) {
        self.client.store(client, Ordering::Relaxed);
        self.service.store(service, Ordering::Relaxed);
        self.destination.store(destination, Ordering::Relaxed);
    }
}
