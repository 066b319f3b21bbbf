// SPDX-License-Identifier: GPL-2.0

//! The thread that forgets idle connections, makes room for new ones, and gives memory back.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::keeper::Keeper;
use crate::{
    net::{
        clock::coarse_milliseconds,
        kthread::{
            Current,
            Run, //
        }, //
    },
    switch::{
        Expired,
        Switch,
        Upkeep, //
    }, //
};

/// Milliseconds between two rounds of expiry, at least.
const ROUND: u32 = 250;

/// Ticks without work.
const PAUSE: c_long = 64;

/// Ticks between two looks at whether a grace period is over.
const SHORT_PAUSE: c_long = 2;

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
        let connections = self.switch.connections_table();
        connections.is_collected_here();
        let mut v4 = Keeper::new(connections, connections.v4_family());
        let mut v6 = Keeper::new(connections, connections.v6_family());
        let mut upkeep = Upkeep::new();
        let mut expired4 = Expired::new();
        let mut expired6 = Expired::new();
        let mut last = coarse_milliseconds().wrapping_sub(ROUND);
        while !current.should_stop() {
            v4.add_slots();
            v6.add_slots();
            if v4.is_starved() || v6.is_starved() {
                kernel::pr_warn_once!("no memory for more connections\n");
            }
            v4.return_slots();
            v6.return_slots();
            v4.resize(current);
            v6.resize(current);
            let now = coarse_milliseconds();
            if now.wrapping_sub(last) >= ROUND {
                last = now;
                expired4.prepare();
                v4.expire(
                    current,
                    &mut |idle, bh| expired4.judge(&self.switch, idle, bh),
                    &mut |done, bh| self.switch.settled(done, bh),
                );
                expired4.tell(&self.switch);
                expired6.prepare();
                v6.expire(
                    current,
                    &mut |idle, bh| expired6.judge(&self.switch, idle, bh),
                    &mut |done, bh| self.switch.settled(done, bh),
                );
                expired6.tell(&self.switch);
                upkeep.run(&self.switch);
            }
            let wants_slots = || v4.wants_slots() || v6.wants_slots();
            let pause = if v4.is_busy() || v6.is_busy() {
                SHORT_PAUSE
            } else {
                PAUSE
            };
            current.sleep_unless(pause, wants_slots);
        }
    }
}
