// SPDX-License-Identifier: GPL-2.0

//! Traffic counts of services and destinations.
//!
//! They belong to the service or destination for its life: successive configurations share them.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::net::percpu::{
    Counter,
    PerCpu, //
};

/// One CPU's counts. Written by that CPU alone, with bottom halves disabled.
#[derive(Default)]
pub(crate) struct Traffic {
    connections: Counter,
    packets_in: Counter,
    bytes_in: Counter,
    packets_out: Counter,
    bytes_out: Counter,
    /// Connections opened less those closed on this CPU: only the sum of all CPUs means anything.
    active: Counter,
}

impl Traffic {
    /// Counts a connection that begins.
    #[inline]
    pub(crate) fn opened(&self) {
        self.connections.add(1);
        self.active.add(1);
    }

    /// Counts the end of a connection, on whichever CPU it comes.
    #[inline]
    pub(crate) fn closed(&self) {
        self.active.add(u64::MAX);
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
}

/// The counts of one service or destination.
pub(crate) struct Counters(PerCpu<Traffic>);

impl Counters {
    /// Zeros. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let counts = PerCpu::new(|_| Ok(Traffic::default()))?;
        Ok(Arc::new(Self(counts), GFP_KERNEL)?)
    }

    /// The counts of this CPU, to be added to with bottom halves disabled.
    #[inline]
    pub(crate) fn this(&self) -> Option<&Traffic> {
        self.0.this()
    }

    /// The sums over all CPUs.
    pub(crate) fn total(&self) -> Total {
        let mut total = Total::default();
        for cpu in self.0.iter() {
            let add = |sum: &mut u64, count: &Counter| *sum = sum.wrapping_add(count.get());
            add(&mut total.connections, &cpu.connections);
            add(&mut total.packets_in, &cpu.packets_in);
            add(&mut total.bytes_in, &cpu.bytes_in);
            add(&mut total.packets_out, &cpu.packets_out);
            add(&mut total.bytes_out, &cpu.bytes_out);
            add(&mut total.active, &cpu.active);
        }
        // A connection can be seen to end before it is seen to begin, while CPUs go on counting.
        if total.active > u64::MAX / 2 {
            total.active = 0;
        }
        total
    }
}

/// Sums of [`Traffic`] over all CPUs.
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
    /// Connections that have begun and not ended.
    pub(crate) active: u64,
}
