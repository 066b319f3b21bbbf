// SPDX-License-Identifier: GPL-2.0

//! Traffic counts of services and destinations.
//!
//! They belong to the service or destination for its life: successive configurations share them.

use kernel::prelude::*;

use crate::{
    core::{
        drop_reason::DropReason,
        rate::Rate,
        tuple::Direction, //
    },
    net::{
        bh::BottomHalf,
        percpu::{
            Counter,
            PerCpuBoth, //
        },
        route_cache::Kept, //
    },
};

/// One CPU's counts. Written by that CPU alone, with bottom halves disabled.
#[derive(Default)]
pub(crate) struct Traffic {
    connections: Counter,
    packets_in: Counter,
    bytes_in: Counter,
    packets_out: Counter,
    bytes_out: Counter,
}

impl Traffic {
    /// Counts a connection that begins.
    #[inline]
    pub(crate) fn opened(&self) {
        self.connections.add(1);
    }

    /// Counts a packet of `bytes` from the IP header on.
    #[inline(always)]
    pub(crate) fn count(&self, direction: Direction, bytes: u64) {
        match direction {
            Direction::Forward => self.inbound(bytes),
            Direction::Reply => self.outbound(bytes),
        }
    }

    /// Counts a packet from a client, of `bytes` from the IP header on.
    #[inline]
    pub(crate) fn inbound(&self, bytes: u64) {
        self.packets_in.add(1);
        self.bytes_in.add(bytes);
    }

    /// Counts a packet to a client, of `bytes` from the IP header on.
    #[inline]
    pub(crate) fn outbound(&self, bytes: u64) {
        self.packets_out.add(1);
        self.bytes_out.add(bytes);
    }

    /// The counts.
    pub(crate) fn read(&self) -> Total {
        Total {
            connections: self.connections.get(),
            packets_in: self.packets_in.get(),
            bytes_in: self.bytes_in.get(),
            packets_out: self.packets_out.get(),
            bytes_out: self.bytes_out.get(),
        }
    }
}

/// One CPU's counts of dropped packets, by reason.
pub(crate) struct Drops([Counter; DropReason::COUNT]);

impl Drops {
    /// Zeros.
    pub(crate) const fn new() -> Self {
        Self([const { Counter::new() }; DropReason::COUNT])
    }

    /// Counts a packet that did not leave. To be called by the one writer only.
    #[inline]
    pub(crate) fn add(&self, reason: DropReason) {
        if let Some(counter) = self.0.get(reason.index()) {
            counter.add(1);
        }
    }

    /// Adds the counts to `sums`.
    pub(crate) fn add_to(&self, sums: &mut DropCounts) {
        for (sum, count) in sums.iter_mut().zip(&self.0) {
            *sum = sum.wrapping_add(count.get());
        }
    }
}

/// Counts of dropped packets, by [`DropReason::index`].
pub(crate) type DropCounts = [u64; DropReason::COUNT];

/// The counts of one service or destination.
///
/// A packet is counted by its destination alone, if it has one: see [`super::Service::total`].
///
/// Where a CPU's counts of a destination are, which each packet to it writes, there is the way to
/// it as well.
pub(crate) struct Counters {
    traffic: PerCpuBoth<Traffic, Kept>,
    rates: Rates,
}

impl Counters {
    /// Zeros. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            traffic: PerCpuBoth::new(Traffic::default, Kept::new)?,
            rates: Rates::default(),
        })
    }

    /// What this CPU has of it: counts to be added to, and the way.
    #[inline(always)]
    pub(crate) fn own<'a>(&'a self, bh: &'a BottomHalf) -> Option<(&'a Traffic, &'a Kept)> {
        self.traffic.own(bh)
    }

    /// The counts of this CPU, to be added to; the caller has disabled bottom halves.
    #[inline]
    pub(crate) fn this(&self) -> Option<&Traffic> {
        self.traffic.this()
    }

    /// The sums over all CPUs.
    pub(crate) fn total(&self) -> Total {
        let mut total = Total::default();
        for cpu in self.traffic.iter() {
            total.add(&cpu.read());
        }
        total
    }

    /// The growth a second.
    pub(crate) fn rates(&self) -> Total {
        self.rates.read()
    }

    /// Takes a sample of the rates, `elapsed` milliseconds after the last, when the counts are
    /// `total`. For one caller at a time.
    pub(crate) fn sample(&self, total: &Total, elapsed: u32) {
        self.rates.sample(total, elapsed);
    }
}

/// Counts of connections and traffic, or their growth a second.
#[derive(Clone, Copy, Default)]
pub(crate) struct Total {
    /// Connections ever assigned.
    pub(crate) connections: u64,
    /// Packets from clients.
    pub(crate) packets_in: u64,
    /// Bytes of IP packets from clients.
    pub(crate) bytes_in: u64,
    /// Packets to clients.
    pub(crate) packets_out: u64,
    /// Bytes of IP packets to clients.
    pub(crate) bytes_out: u64,
}

impl Total {
    /// Adds `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        self.connections = self.connections.wrapping_add(other.connections);
        self.add_traffic(other);
    }

    /// Adds `other` but for the connections.
    pub(crate) fn add_traffic(&mut self, other: &Self) {
        self.packets_in = self.packets_in.wrapping_add(other.packets_in);
        self.bytes_in = self.bytes_in.wrapping_add(other.bytes_in);
        self.packets_out = self.packets_out.wrapping_add(other.packets_out);
        self.bytes_out = self.bytes_out.wrapping_add(other.bytes_out);
    }
}

/// The rates of [`Total`].
#[derive(Default)]
pub(crate) struct Rates {
    connections: Rate,
    packets_in: Rate,
    bytes_in: Rate,
    packets_out: Rate,
    bytes_out: Rate,
}

impl Rates {
    /// Takes a sample, `elapsed` milliseconds after the last. For one caller at a time.
    pub(crate) fn sample(&self, total: &Total, elapsed: u32) {
        self.connections.sample(total.connections, elapsed);
        self.packets_in.sample(total.packets_in, elapsed);
        self.bytes_in.sample(total.bytes_in, elapsed);
        self.packets_out.sample(total.packets_out, elapsed);
        self.bytes_out.sample(total.bytes_out, elapsed);
    }

    /// The rates.
    pub(crate) fn read(&self) -> Total {
        Total {
            connections: self.connections.per_second(),
            packets_in: self.packets_in.per_second(),
            bytes_in: self.bytes_in.per_second(),
            packets_out: self.packets_out.per_second(),
            bytes_out: self.bytes_out.per_second(),
        }
    }
}
