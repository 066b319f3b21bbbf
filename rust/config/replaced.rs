// SPDX-License-Identifier: GPL-2.0

//! Configurations that have been replaced and may still be in use by packets under way.
//!
//! A change does not wait for the grace period after which the old configuration can be freed:
//! that takes tens of milliseconds, and whoever changes weights hundreds of times a second would
//! wait for nothing else. An expedited one would interrupt the switching CPUs for each change.
//! So old configurations are kept here until their grace periods are over, up to a bound: beyond
//! it, a change waits for the oldest.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::snapshot::Snapshot;
use crate::net::rcu::Retired;

/// How many there may be.
const MOST: usize = 64;

/// How many services and destinations they may have together, or be a single one. What two have
/// in common is shared, so that one costs some 20 bytes for each: 10 MB in all; with all the
/// numbers of its destinations, if some came or went, three times that.
const MOST_ENTRIES: usize = 1 << 19;

struct Entry {
    snapshot: Retired<Arc<Snapshot>>,
    size: usize,
}

/// The configurations, oldest first.
pub(super) struct Replaced {
    entries: KVec<Entry>,
    size: usize,
}

impl Replaced {
    /// None. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            entries: KVec::with_capacity(MOST, GFP_KERNEL)?,
            size: 0,
        })
    }

    /// Frees those whose grace periods are over. May sleep.
    pub(super) fn tidy(&mut self) {
        while self
            .entries
            .first()
            .is_some_and(|oldest| oldest.snapshot.has_elapsed())
        {
            self.free_oldest();
        }
    }

    /// Waits for the oldest to be out of use, if it is not, and frees it.
    fn free_oldest(&mut self) {
        if let Ok(oldest) = self.entries.remove(0) {
            self.size = self.size.saturating_sub(oldest.size);
        }
    }

    /// Keeps one that has just been replaced, which is `what`, until it is out of use. Sleeps, for
    /// a grace period, if there are too many.
    pub(super) fn keep(&mut self, replaced: Retired<Arc<Snapshot>>, what: &Snapshot) {
        self.tidy();
        let size = what.size();
        while !self.entries.is_empty()
            && (self.entries.len() >= MOST || self.size.saturating_add(size) > MOST_ENTRIES)
        {
            self.free_oldest();
        }
        self.size = self.size.saturating_add(size);
        // There is room. If there were none, it would be waited for here.
        let _ = self.entries.push_within_capacity(Entry {
            snapshot: replaced,
            size,
        });
    }
}
