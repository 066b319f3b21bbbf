// SPDX-License-Identifier: GPL-2.0

//! What the families share: the limit, the timeouts, and whom to wake.

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};
use kernel::{
    sync::{
        aref::ARef,
        SetOnce, //
    },
    task::Task, //
};

use crate::core::{
    books::Budget,
    timeouts::Timeouts, //
};

/// What the families share.
pub(crate) struct Shared {
    pub(super) budget: Budget,
    timeouts: [AtomicU32; 7],
    collector: SetOnce<ARef<Task>>,
}

impl Shared {
    pub(super) fn new(limit: u32) -> Self {
        let shared = Self {
            budget: Budget::new(limit),
            timeouts: [const { AtomicU32::new(0) }; 7],
            collector: SetOnce::new(),
        };
        shared.set_timeouts(&Timeouts::default());
        shared
    }

    /// The timeouts of each state.
    pub(super) fn timeouts(&self) -> Timeouts {
        let [syn_received, established, fin_wait, time_wait, closed, udp, expired] = self
            .timeouts
            .each_ref()
            .map(|timeout| timeout.load(Relaxed));
        Timeouts {
            syn_received,
            established,
            fin_wait,
            time_wait,
            closed,
            udp,
            expired,
        }
    }

    /// Sets them, for connections that there are as well. Whoever reads them at the same time may
    /// get some of the old ones.
    pub(super) fn set_timeouts(&self, timeouts: &Timeouts) {
        let values = [
            timeouts.syn_received,
            timeouts.established,
            timeouts.fin_wait,
            timeouts.time_wait,
            timeouts.closed,
            timeouts.udp,
            timeouts.expired,
        ];
        for (place, value) in self.timeouts.iter().zip(values) {
            place.store(value, Relaxed);
        }
    }

    /// Makes this thread the one to be woken, for good.
    pub(super) fn is_collected_here(&self) {
        self.collector.populate(ARef::from(&**kernel::current!()));
    }

    /// Ends the collector's sleep. Any context.
    pub(super) fn wake(&self) {
        if let Some(task) = self.collector.as_ref() {
            task.wake_up();
        }
    }
}
