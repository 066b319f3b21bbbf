// SPDX-License-Identifier: GPL-2.0

//! The thread that forgets idle connections and makes room for new ones.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::storage::CHUNK;
use crate::{
    core::connection_table::Fate,
    net::{
        bh::BottomHalf,
        clock::coarse_milliseconds, //
        kthread::{
            Current,
            Run, //
        },
    },
    switch::{
        Switch,
        Upkeep, //
    }, //
};

/// Slots looked at with bottom halves disabled, before packets have their turn again.
const BATCH: u32 = 256;

/// Ticks between two rounds: a quarter of a second.
const PAUSE: c_long = 64;

/// Slots looked at in a round, 8 MB of them. A larger table is gone through in several rounds, so
/// that a connection may live for that many quarters of a second past its time: two seconds in a
/// table of a million.
const ROUND: u32 = 1 << 17;

/// The collector's body: one thread a switch, on any control CPU.
pub(crate) struct Collector {
    switch: Arc<Switch>,
}

impl Collector {
    /// A collector for the connections of `switch`.
    pub(crate) fn new(switch: Arc<Switch>) -> Self {
        Self { switch }
    }
}

impl Run for Collector {
    fn run(&self, current: &Current) {
        let mut start = 0u32;
        let mut upkeep = Upkeep::new();
        while !current.should_stop() {
            let connections = self.switch.connections_table();
            let timeouts = self.switch.tuning.timeouts();
            let mut starved = false;
            while connections.wants_growth() && !starved {
                starved = connections.grow().is_err();
            }
            if starved {
                kernel::pr_warn_once!("no memory for more connections\n");
            }
            let mut budget = ROUND.min(connections.slots());
            while budget > 0 && !current.should_stop() {
                let stop = start.saturating_add(BATCH).min(connections.slots());
                let bh = BottomHalf::disable();
                connections
                    .table()
                    .expire(start..stop, coarse_milliseconds(), &timeouts, |gone| {
                        self.switch.forget(gone, &bh);
                        Fate::Remove
                    });
                drop(bh);
                current.yield_if_needed();
                start = if stop < connections.slots() { stop } else { 0 };
                budget = budget.saturating_sub(BATCH);
            }
            upkeep.run(&self.switch);
            current.sleep_unless(PAUSE, || !starved && connections.wants_growth());
        }
    }
}

const _: () = assert!(CHUNK % BATCH == 0);
