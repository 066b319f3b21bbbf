// SPDX-License-Identifier: GPL-2.0

//! The thread that forgets idle connections and makes room for new ones.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::storage::CHUNK;
use crate::{
    net::{
        bh::BottomHalf,
        kthread::{
            Current,
            Run, //
        },
        route::coarse_milliseconds, //
    },
    switch::Switch, //
};

/// Slots looked at with bottom halves disabled, before packets have their turn again.
const BATCH: u32 = 256;

/// Ticks between two rounds; how far past its time a connection may live.
const PAUSE: c_long = 64;

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
        while !current.should_stop() {
            let connections = self.switch.connections_table();
            if connections.wants_growth() && connections.grow().is_err() {
                kernel::pr_warn_once!("no memory for more connections\n");
            }
            let end = connections.slots();
            let mut start = 0;
            while start < end && !current.should_stop() {
                let stop = start.saturating_add(BATCH).min(end);
                let bh = BottomHalf::disable();
                connections
                    .table()
                    .expire(start..stop, coarse_milliseconds(), |gone| {
                        self.switch.forget(gone, &bh);
                    });
                drop(bh);
                current.yield_if_needed();
                start = stop;
            }
            current.sleep_unless(PAUSE, || connections.wants_growth());
        }
    }
}

const _: () = assert!(CHUNK % BATCH == 0);
