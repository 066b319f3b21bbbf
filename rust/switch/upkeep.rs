// SPDX-License-Identifier: GPL-2.0

//! What is to be done every now and then, by the collector's thread: rates, deadlines, and what
//! removed destinations and replaced configurations leave behind.

use kernel::prelude::*;

use super::Switch;
use crate::{
    config::State,
    control::notify,
    core::{
        known::Known,
        rate, //
    },
    net::{
        bh::BottomHalf,
        clock::coarse_milliseconds, //
        device::Rtnl,
        namespace::Namespace,
        rcu::GracePeriod,
        trace::End,
    },
};

/// What is remembered from one time to the next.
pub(crate) struct Upkeep {
    /// When rates were sampled last.
    sampled: u32,
    /// Destinations that have been removed, until nobody can have chosen them any more.
    deserted: Option<Deserted>,
}

/// Destinations without connections that have been removed.
struct Deserted {
    ids: KVVec<u32>,
    grace: GracePeriod,
}

impl Upkeep {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            sampled: coarse_milliseconds(),
            deserted: None,
        }
    }

    /// Does what there is to do for `switch`; to be called a few times a second. Sleeps.
    pub(crate) fn run(&mut self, switch: &Switch) {
        let now = coarse_milliseconds();
        let elapsed = now.wrapping_sub(self.sampled);
        if elapsed >= rate::INTERVAL {
            self.sampled = now;
            switch.sample_rates(elapsed);
        }
        switch.drop_overdue(0, now, &BottomHalf::disable());
        switch.attend_to_destinations(now);
        self.purge(switch);
        switch.config.tidy();
    }

    /// Takes out the destinations that have been removed, at the time after they were seen to be.
    /// Without memory they stay until a later one.
    fn purge(&mut self, switch: &Switch) {
        match self.deserted.take() {
            Some(deserted) if !deserted.grace.has_elapsed() => self.deserted = Some(deserted),
            Some(deserted) => {
                let _ = switch.config.edit(None, |draft| draft.purge(&deserted.ids));
            }
            None => {
                let snapshot = switch.config.current.get();
                self.deserted = snapshot
                    .deserted()
                    .ok()
                    .filter(|ids| !ids.is_empty())
                    .map(|ids| Deserted {
                        ids,
                        grace: GracePeriod::start(),
                    });
            }
        }
    }
}

impl Switch {
    /// Takes a sample of every rate, `elapsed` milliseconds after the last one.
    fn sample_rates(&self, elapsed: u32) {
        let snapshot = self.config.current.get();
        for service in snapshot.services() {
            service.counters().sample(&service.total(), elapsed);
        }
        for destination in snapshot.destinations() {
            let counters = &destination.counters;
            counters.sample(&counters.total(), elapsed);
        }
        for counters in self.counters.iter() {
            counters.rates.sample(&counters.traffic.read(), elapsed);
        }
    }

    /// Ends what is left of destinations whose deadline has come, tells of those that have no
    /// connections left, and takes out those that have been removed.
    fn attend_to_destinations(&self, now: u32) {
        let snapshot = self.config.current.get();
        let overdue = |id| {
            snapshot
                .destination_by_id(id)
                .is_some_and(|destination| destination.is_overdue(now))
        };
        if snapshot.all_destinations().any(|found| overdue(found.id)) {
            self.end_connections(&mut |known| overdue(known.destination_id));
            for destination in snapshot.all_destinations() {
                if destination.is_overdue(now) {
                    destination.meet_deadline();
                    self.tell(|namespace| {
                        notify::deadline_met(namespace, &snapshot, destination);
                    });
                }
            }
        }
        for destination in snapshot.destinations() {
            let is_leaving = destination.settings.state != State::Active;
            if destination.load.has_drained(is_leaving) {
                self.tell(|namespace| {
                    notify::drained(namespace, &snapshot, destination);
                });
            }
        }
    }

    /// Calls `tell` with the switch's namespace, while there is one. Sleeps; takes the RTNL lock.
    fn tell(&self, tell: impl FnOnce(&Namespace)) {
        let yard = self.yard.get();
        if let Some(yard) = &*yard {
            let rtnl = Rtnl::lock();
            tell(yard.device().namespace(&rtnl));
        }
    }

    /// Ends the connections that `is_meant` says yes to, and returns how many. Their next packets
    /// are those of unknown connections. Sleeps.
    pub(crate) fn end_connections(&self, is_meant: &mut dyn FnMut(&Known) -> bool) -> u64 {
        let mut ended = 0_u64;
        let mut forget = |bh: &BottomHalf, gone: &dyn Fn(&BottomHalf)| {
            gone(bh);
            ended = ended.wrapping_add(1);
        };
        self.connections.end_v4(
            &mut |connection| is_meant(&connection.into()),
            &mut |gone, bh| {
                forget(bh, &|bh| self.forget(gone, End::Ended, bh));
            },
        );
        self.connections.end_v6(
            &mut |connection| is_meant(&connection.into()),
            &mut |gone, bh| {
                forget(bh, &|bh| self.forget(gone, End::Ended, bh));
            },
        );
        ended
    }
}
