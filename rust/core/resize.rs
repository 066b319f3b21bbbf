// SPDX-License-Identifier: GPL-2.0

//! More or fewer buckets, while everybody goes on.
//!
//! A new array is filled beside the current one and then takes its place. Lookups look at one
//! array only and know nothing of this; those who change the table come to know of each step at
//! their own time, so that between two steps there is a *grace period*, after which nobody is left
//! who knows of the former state only:
//!
//! | step | lookups | insert into | remove from |
//! |---|---|---|---|
//! | before | old | old | old |
//! | announced | old | old | both |
//! | filling | old | both | both |
//! | copied; switched | old or new | both | both |
//! | settled | new | new | new |
//!
//! Copying begins when all fill, so what it does not find in the old array is in the new one; and
//! before anybody fills, all remove from both, so nothing is left behind in the new one. At any
//! time there is a lock that all who change the same connection take: that of its home in the old
//! array up to "switched", in the new one from "filling" on.
//!
//! Nothing here waits. If there is no room in the new array, everybody goes back to the old one.

use super::connection_table::ConnectionTable;
use super::memory::{
    Buckets as _,
    Memory, //
};
use super::slot::Stored;

/// Homes copied at once.
const BATCH: usize = 32;

/// How many rounds to wait after there was no room in an array.
const REST: u32 = 256;

/// What the owner of a table's memory does for each step.
pub trait Stages {
    /// Makes an array of so many buckets and publishes it as the next one, not to be filled yet.
    /// False if there is no memory for it; then nothing has changed.
    fn announce(&mut self, buckets: usize) -> bool;

    /// Says that the next array is to be filled.
    fn fill(&mut self);

    /// Publishes the next array to lookups.
    fn switch(&mut self);

    /// Publishes the next array as the only one.
    fn settle(&mut self);

    /// Publishes the current array as the only one.
    fn abandon(&mut self);

    /// Frees what is not published any more.
    fn free(&mut self);

    /// Whether a grace period has gone by since the last of the above.
    fn has_elapsed(&self) -> bool;
}

/// How far a change of size has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Announced,
    Filling,
    /// Up to this home.
    Copying(usize),
    Switched,
    Settled,
    Abandoned,
}

/// The change of a table's size, of which one at a time goes on.
#[derive(Debug, Default)]
pub struct Resize {
    step: Step,
    rest: u32,
}

impl Resize {
    /// Nothing to do yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no change goes on.
    pub fn is_idle(&self) -> bool {
        self.step == Step::Idle
    }

    /// Whether [`Self::copy`] is to be called.
    pub fn is_copying(&self) -> bool {
        matches!(self.step, Step::Copying(_))
    }

    /// Whether [`Self::advance`] would begin a change.
    pub fn begins(&self, buckets: usize, wanted: usize) -> bool {
        self.step == Step::Idle && self.rest == 0 && buckets != wanted
    }

    /// Goes on to the next step if it is time for it, or begins if the table has another number
    /// of buckets than `wanted`. False if there was no memory to begin with.
    pub fn advance(&mut self, stages: &mut impl Stages, buckets: usize, wanted: usize) -> bool {
        if self.is_copying() {
            return true;
        }
        if self.step == Step::Idle {
            if self.begins(buckets, wanted) {
                if !stages.announce(wanted) {
                    return false;
                }
                self.step = Step::Announced;
            }
            self.rest = self.rest.saturating_sub(1);
            return true;
        }
        if !stages.has_elapsed() {
            return true;
        }
        self.step = match self.step {
            Step::Announced => {
                stages.fill();
                Step::Filling
            }
            Step::Filling => Step::Copying(0),
            Step::Switched => {
                stages.settle();
                Step::Settled
            }
            Step::Settled | Step::Abandoned => {
                stages.free();
                Step::Idle
            }
            Step::Idle | Step::Copying(_) => self.step,
        };
        true
    }

    /// Copies a few homes, and goes on to the next step if these were the last. Bottom halves
    /// are off in the kernel, since it takes locks.
    pub fn copy<A: Stored, M: Memory<A>>(
        &mut self,
        table: &ConnectionTable<A, M>,
        stages: &mut impl Stages,
    ) {
        let Step::Copying(done) = self.step else {
            return;
        };
        let homes = table.memory().layout().current.mask().wrapping_add(1);
        let stop = done.saturating_add(BATCH).min(homes);
        self.step = if !table.copy(done..stop) {
            stages.abandon();
            self.rest = REST;
            Step::Abandoned
        } else if stop < homes {
            Step::Copying(stop)
        } else {
            stages.switch();
            Step::Switched
        };
    }
}

/// How many buckets are best for so many connections, if there are `buckets` now and never less
/// than `least`: powers of two.
///
/// There are more from 4.5 connections in a bucket of [`ENTRIES`](super::bucket::ENTRIES) on: then
/// one connection in 30 lies in another bucket than its home. There are fewer from 1 on
/// downwards: a table that goes up and down a little keeps its size.
pub fn wanted_buckets(connections: u32, buckets: usize, least: usize) -> usize {
    let connections = connections as usize;
    let mut wanted = buckets.max(least);
    while connections / 9 > wanted / 2 {
        wanted = wanted.saturating_mul(2);
    }
    while connections < wanted && wanted / 2 >= least {
        wanted /= 2;
    }
    wanted
}
