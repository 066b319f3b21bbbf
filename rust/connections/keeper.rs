// SPDX-License-Identifier: GPL-2.0

//! Whoever keeps one family's table in order: room for new connections, no more memory than is
//! needed, and nothing that has been idle for too long.

use ::core::sync::atomic::Ordering::Relaxed;
use kernel::{
    prelude::*, //
};

use super::{
    array::LEAST,
    family::{
        Family,
        Held,
        RetiredChunk,
        CHUNK, //
    },
    resizer::Resizer,
    Connections, //
};
use crate::{
    core::{
        connection::Connection,
        connection_table::{
            Fate,
            Settled, //
        },
        resize::{
            wanted_buckets,
            Resize, //
        },
    },
    net::{
        bh::BottomHalf,
        clock::coarse_milliseconds, //
        kthread::Current,
    },
};

/// Slots looked at with bottom halves disabled, before packets have their turn again.
const BATCH: u32 = 256;

/// Slots looked at in a round, 8 MB of them; in a large table a sixteenth of it, so that a
/// connection lives for at most four seconds past its time.
const ROUND: u32 = 1 << 17;

/// Slots kept free for what may come before the collector has woken: at 200,000 new connections
/// a second, enough for a third of one.
const HEADROOM: u32 = 8 * CHUNK;

/// So few free slots, and the collector is woken before its time.
pub(super) const LOW: u32 = 4 * CHUNK;

/// Slots kept while there is no connection.
pub(super) const IDLE: u32 = 2 * CHUNK;

/// Chunks that are given back in a round.
const GIVEN_BACK: usize = 16;

/// How many slots shall be free when there are so many connections.
pub(super) fn headroom(connections: u32) -> u32 {
    if connections == 0 {
        IDLE
    } else {
        HEADROOM
    }
}

/// The keeper of a family.
pub(super) struct Keeper<'a, A: Held> {
    connections: &'a Connections,
    family: &'a Family<A>,
    resize: Resize,
    resizer: Resizer<'a, A>,
    /// Chunks that were taken away, and some may still look at.
    retired: KVec<(u32, RetiredChunk<A>)>,
    /// Where the next round begins.
    start: u32,
    is_starved: bool,
}

impl<'a, A: Held> Keeper<'a, A> {
    pub(super) fn new(connections: &'a Connections, family: &'a Family<A>) -> Self {
        Self {
            connections,
            family,
            resize: Resize::new(),
            resizer: Resizer::new(family),
            retired: KVec::new(),
            start: 0,
            is_starved: false,
        }
    }

    /// Whether it cannot have the memory that it needs.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved
    }

    /// Whether there is something to be done as soon as a grace period is over.
    pub(super) fn is_busy(&self) -> bool {
        !self.resize.is_idle() || !self.retired.is_empty()
    }

    /// Whether slots are running out, and it can do something about it.
    pub(super) fn wants_slots(&self) -> bool {
        !self.is_starved && self.connections.wants_slots(self.family)
    }

    /// Adds slots until there are enough, or no memory. Sleeps.
    pub(super) fn add_slots(&mut self) {
        self.is_starved = !add_slots(self.connections, self.family, &self.retired);
    }

    /// Gives back what is free and more than enough. May sleep.
    pub(super) fn return_slots(&mut self) {
        self.retired.retain(|(_, chunk)| !chunk.has_elapsed());
        if self.retired.reserve(GIVEN_BACK, GFP_KERNEL).is_err() {
            return;
        }
        let count = self.family.count();
        // What comes and goes a little shall not move chunks to and fro.
        let slack = if count == 0 { CHUNK } else { 2 * CHUNK };
        let enough = headroom(count).saturating_add(slack);
        while self.retired.len() < GIVEN_BACK && self.family.free() >= enough {
            let Some(taken) = self.family.take_chunk(&self.connections.shared) else {
                return;
            };
            // There is room.
            if self.retired.push(taken, GFP_KERNEL).is_err() {
                return;
            }
        }
    }

    /// Goes on with a change of the number of buckets, if it is time. Sleeps.
    pub(super) fn resize(&mut self, current: &Current) {
        let buckets = self.family.arrays.get().current.len();
        let count = self.family.count();
        // With what may come until a change is through. That is no reason to keep more, though.
        let expected = count.saturating_add(HEADROOM / 2);
        let wanted = match wanted_buckets(expected, buckets, LEAST) {
            more if more > buckets => more,
            _ => wanted_buckets(count, buckets, LEAST),
        };
        if self.resize.begins(buckets, wanted) {
            // Slots may run out meanwhile.
            let (connections, family, retired) = (self.connections, self.family, &self.retired);
            let mut meanwhile = || _ = add_slots(connections, family, retired);
            if !self.resizer.make(wanted, &mut meanwhile) {
                self.is_starved = true;
                return;
            }
        }
        if !self.resize.advance(&mut self.resizer, buckets, wanted) {
            self.is_starved = true;
        }
        while self.resize.is_copying() && !current.should_stop() {
            let bh = BottomHalf::disable();
            let table = self.family.table(&self.connections.shared, &bh);
            self.resize.copy(&table, &mut self.resizer);
            drop(bh);
            current.yield_if_needed();
            self.add_slots();
        }
    }

    /// A round of expiry. `told` and `settled` are called as [`ConnectionTable::expire`] says, with
    /// bottom halves disabled. Sleeps.
    ///
    /// [`ConnectionTable::expire`]: crate::core::connection_table::ConnectionTable::expire
    pub(super) fn expire(
        &mut self,
        current: &Current,
        told: &mut dyn FnMut(&Connection<A>, &BottomHalf) -> Fate,
        settled: &mut dyn FnMut(&Settled<A>, &BottomHalf),
    ) {
        let timeouts = self.connections.timeouts();
        let end = self.family.end();
        let mut budget = ROUND.max(end / 16).min(end);
        while budget > 0 && !current.should_stop() {
            let stop = self.start.saturating_add(BATCH).min(end);
            let bh = BottomHalf::disable();
            self.family.table(&self.connections.shared, &bh).expire(
                self.start..stop,
                coarse_milliseconds(),
                &timeouts,
                |idle| told(idle, &bh),
                |done| settled(done, &bh),
            );
            drop(bh);
            current.yield_if_needed();
            self.start = if stop < end { stop } else { 0 };
            budget = budget.saturating_sub(BATCH);
            if self.wants_slots() {
                self.add_slots();
            }
        }
    }
}

/// Adds slots to a family until there are enough; false if there was no memory. The places of the
/// chunks that are `retired` are not to be used yet. Sleeps.
fn add_slots<A: Held>(
    connections: &Connections,
    family: &Family<A>,
    retired: &[(u32, RetiredChunk<A>)],
) -> bool {
    let is_taken = |number| retired.iter().any(|(taken, _)| *taken == number);
    let mut is_starved = false;
    // Who comes too late to be seen below wakes us.
    family.knows.store(false, Relaxed);
    while !is_starved && connections.wants_slots(family) {
        is_starved = family.add_chunk(&connections.shared, is_taken).is_err();
    }
    // What cannot be helped is no reason to be woken.
    let low = LOW.min(headroom(family.count()));
    if family.free() < low {
        family.knows.store(true, Relaxed);
    }
    !is_starved
}

const _: () = assert!(CHUNK % BATCH == 0);
