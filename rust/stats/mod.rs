// SPDX-License-Identifier: GPL-2.0

//! What each CPU has done.

use crate::{
    config::{
        DropCounts,
        Drops,
        Rates,
        Traffic, //
    },
    core::drop_reason::DropReason,
    net::percpu::Counter, //
};

/// One CPU's counts. Written by that CPU alone, with bottom halves disabled.
pub(crate) struct CpuCounters {
    /// IP packets that came to the filter.
    pub(crate) received: Counter,
    /// Packets of connections sent on.
    pub(crate) forwarded: Counter,
    /// Packets left to the ordinary stack.
    pub(crate) passed: Counter,
    /// Packets handed to the pseudo device.
    pub(crate) local_in: Counter,
    /// Packets of the pseudo device's sockets sent out.
    pub(crate) local_out: Counter,
    /// TCP resets sent to the ends of connections that expired.
    pub(crate) expiry_resets: Counter,
    /// What was forwarded, and connections made.
    pub(crate) traffic: Traffic,
    /// The growth of `traffic`, sampled by the collector.
    pub(crate) rates: Rates,
    drops: Drops,
}

impl CpuCounters {
    /// All zero.
    pub(crate) fn new() -> Self {
        Self {
            received: Counter::new(),
            forwarded: Counter::new(),
            passed: Counter::new(),
            local_in: Counter::new(),
            local_out: Counter::new(),
            expiry_resets: Counter::new(),
            traffic: Traffic::default(),
            rates: Rates::default(),
            drops: Drops::new(),
        }
    }

    /// Counts a packet that did not leave.
    pub(crate) fn dropped(&self, reason: DropReason) {
        self.drops.add(reason);
    }

    /// How many packets did not leave, by [`DropReason::index`].
    pub(crate) fn drops(&self) -> DropCounts {
        let mut drops = [0; DropReason::COUNT];
        self.drops.add_to(&mut drops);
        drops
    }
}
