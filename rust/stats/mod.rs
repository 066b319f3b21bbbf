// SPDX-License-Identifier: GPL-2.0

//! What each CPU has done.

use crate::{
    core::drop_reason::DropReason,
    net::percpu::Counter, //
};

/// One CPU's counts. Written by that CPU alone, with bottom halves disabled.
pub(crate) struct CpuCounters {
    /// IPv4 packets that came to the filter.
    pub(crate) received: Counter,
    /// Packets of connections sent on.
    pub(crate) forwarded: Counter,
    /// Packets left to the ordinary stack.
    pub(crate) passed: Counter,
    /// Packets handed to the pseudo device.
    pub(crate) local_in: Counter,
    /// Packets of the pseudo device's sockets sent out.
    pub(crate) local_out: Counter,
    /// Connections made.
    pub(crate) connections: Counter,
    drops: [Counter; DropReason::COUNT],
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
            connections: Counter::new(),
            drops: [const { Counter::new() }; DropReason::COUNT],
        }
    }

    /// Counts a packet that did not leave.
    pub(crate) fn dropped(&self, reason: DropReason) {
        if let Some(counter) = self.drops.get(reason.index()) {
            counter.add(1);
        }
    }

    /// How many packets did not leave, by [`DropReason::index`].
    pub(crate) fn drops(&self) -> [u64; DropReason::COUNT] {
        let mut drops = [0; DropReason::COUNT];
        for (to, from) in drops.iter_mut().zip(&self.drops) {
            *to = from.get();
        }
        drops
    }
}
