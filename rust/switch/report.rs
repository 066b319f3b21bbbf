// SPDX-License-Identifier: GPL-2.0

//! What a switch tells of itself.

use kernel::prelude::*;

use super::Switch;
use crate::{
    config::{
        DropCounts,
        Total, //
    },
    core::{
        drop_reason::DropReason,
        known::Known, //
    },
    engine::{
        set,
        types::{
            CpuInfo,
            QueueInfo, //
        }, //
    },
    net::{
        bh::BottomHalf,
        clock::coarse_milliseconds, //
    },
};

/// What there is in the connection tables.
pub(crate) struct ConnectionCounts {
    /// Connections of IPv4 clients.
    pub(crate) v4: u64,
    /// Connections of IPv6 clients.
    pub(crate) v6: u64,
    /// Those of both that are half open.
    pub(crate) half_open: u64,
    /// Bytes of memory.
    pub(crate) bytes: u64,
}

impl Switch {
    /// How many connections there are.
    pub(crate) fn connection_count(&self) -> u64 {
        u64::from(self.connections.count())
    }

    /// How many connections of each family there are, how many are half open, and how many bytes
    /// their tables take.
    pub(crate) fn connection_counts(&self) -> ConnectionCounts {
        let (v4, v6) = (self.connections.v4_family(), self.connections.v6_family());
        ConnectionCounts {
            v4: u64::from(v4.count()),
            v6: u64::from(v6.count()),
            half_open: u64::from(v4.half_open()).saturating_add(u64::from(v6.half_open())),
            bytes: self.connections.bytes(),
        }
    }

    /// Bytes of fragments that wait for the rest of their packets.
    pub(crate) fn fragment_bytes(&self) -> u64 {
        self.waiting.bytes(&BottomHalf::disable())
    }

    /// Has the connections follow what was set in [`Self::tuning`].
    pub(crate) fn retune(&self) {
        // A limit that there cannot be was refused.
        let _ = self.connections.set_limit(self.tuning.connection_limit());
        self.connections.set_timeouts(&self.tuning.timeouts());
        let bh = BottomHalf::disable();
        self.waiting.retune(
            self.tuning.fragment_memory_limit(),
            self.tuning.fragment_timeout(),
            &bh,
        );
    }

    /// Calls `f` with each connection from `cursor` on, IPv4 before IPv6, with the milliseconds since
    /// its last packet and until its end, until it returns `false`; `cursor` stands at the refused
    /// one.
    pub(crate) fn connections(
        &self,
        cursor: &mut [u32; 2],
        f: &mut dyn FnMut(&Known, u32, u32) -> bool,
    ) {
        let now = coarse_milliseconds();
        let timeouts = self.connections.timeouts();
        let [v4, v6] = cursor;
        let mut more = true;
        self.connections.walk_v4(v4, &mut |connection| {
            let expires = connection.expires(now, &timeouts);
            more = f(&connection.into(), connection.idle(now), expires);
            more
        });
        if more {
            self.connections.walk_v6(v6, &mut |connection| {
                let expires = connection.expires(now, &timeouts);
                f(&connection.into(), connection.idle(now), expires)
            });
        }
    }

    /// Calls `f` with each claimed queue, devices in the order in which they were claimed.
    ///
    /// # Errors
    ///
    /// What `f` returns.
    pub(crate) fn queues(&self, f: &mut dyn FnMut(&QueueInfo<'_>) -> Result) -> Result {
        for claim in self.claims.lock().iter() {
            claim.report(f)?;
        }
        Ok(())
    }

    /// What all CPUs have forwarded, how much a second, and what they have dropped.
    pub(crate) fn totals(&self) -> (Total, Total, DropCounts) {
        let mut traffic = Total::default();
        let mut rates = Total::default();
        let mut drops: DropCounts = [0; DropReason::COUNT];
        for counters in self.counters.iter() {
            traffic.add(&counters.traffic.read());
            rates.add(&counters.rates.read());
            for (sum, count) in drops.iter_mut().zip(counters.drops()) {
                *sum = sum.wrapping_add(count);
            }
        }
        (traffic, rates, drops)
    }

    /// Calls `f` with each CPU, in order.
    ///
    /// # Errors
    ///
    /// What `f` returns.
    pub(crate) fn cpus(&self, f: &mut dyn FnMut(&CpuInfo<'_>) -> Result) -> Result {
        for (cpu, counters) in (0..).zip(self.counters.iter()) {
            let queues = set::queues_of(cpu);
            let drops = counters.drops();
            f(&CpuInfo {
                cpu,
                switching: queues.is_some(),
                queues: queues.unwrap_or(0),
                received: counters.received.get(),
                forwarded: counters.forwarded.get(),
                passed: counters.passed.get(),
                local_in: counters.local_in.get(),
                local_out: counters.local_out.get(),
                resets: drops
                    .get(DropReason::ResetSent.index())
                    .copied()
                    .unwrap_or(0),
                expiry_resets: counters.expiry_resets.get(),
                traffic: counters.traffic.read(),
                rates: counters.rates.read(),
                drops: &drops,
            })?;
        }
        Ok(())
    }
}
