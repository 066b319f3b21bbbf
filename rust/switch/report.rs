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
        connection::Connection,
        drop_reason::DropReason, //
    },
    engine::{
        set,
        types::{
            CpuInfo,
            QueueInfo, //
        }, //
    },
    net::clock::coarse_milliseconds, //
};

impl Switch {
    /// How many connections there are.
    pub(crate) fn connection_count(&self) -> u64 {
        u64::from(self.connections.count())
    }

    /// Calls `f` with each connection from `cursor` on, with the milliseconds since its last
    /// packet and until its end, until it returns `false`; `cursor` stands at the refused one.
    pub(crate) fn connections(
        &self,
        cursor: &mut u32,
        f: &mut dyn FnMut(&Connection, u32, u32) -> bool,
    ) {
        let now = coarse_milliseconds();
        let timeouts = self.tuning.timeouts();
        self.connections.walk(cursor, &mut |connection| {
            f(
                connection,
                connection.idle(now),
                connection.expires(now, &timeouts),
            )
        });
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
