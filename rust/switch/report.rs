// SPDX-License-Identifier: GPL-2.0

//! What a switch tells of itself.

use kernel::prelude::*;

use super::Switch;
use crate::{
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
    net::route::coarse_milliseconds, //
};

impl Switch {
    /// How many connections there are.
    pub(crate) fn connection_count(&self) -> u64 {
        u64::from(self.connections.count())
    }

    /// How many connections there can be.
    pub(crate) fn connection_limit(&self) -> u64 {
        u64::from(self.connections.limit())
    }

    /// Calls `f` with each connection from `cursor` on, with the milliseconds since its last
    /// packet and until its end, until it returns `false`; `cursor` stands at the refused one.
    pub(crate) fn connections(
        &self,
        cursor: &mut u32,
        f: &mut dyn FnMut(&Connection, u32, u32) -> bool,
    ) {
        let now = coarse_milliseconds();
        let timeouts = self.connections.timeouts();
        self.connections.walk_v4(cursor, &mut |connection| {
            let expires = connection.expires(now, &timeouts);
            f(connection, connection.idle(now), expires)
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
                connections: counters.connections.get(),
                drops: &drops,
            })?;
        }
        Ok(())
    }
}
