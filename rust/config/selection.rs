// SPDX-License-Identifier: GPL-2.0

//! What a scheduler has worked out about a service's destinations.

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::destination::Destination;
use crate::core::{
    candidate::Candidate,
    scheduler::{
        Scheduler,
        NOBODY, //
    }, //
};

/// A scheduler with its table, made once for each set of destinations and weights.
pub(crate) struct Selection {
    scheduler: Scheduler,
    /// Empty if no destination has a weight above zero.
    table: KVVec<u16>,
}

impl Selection {
    /// How many destinations a table can tell apart.
    // A `u16` fits.
    pub(crate) const MOST: usize = NOBODY as usize;

    /// Works the table out. May sleep, and takes a millisecond or more.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for more than [`Self::MOST`] destinations.
    pub(crate) fn new(
        scheduler: Scheduler,
        destinations: &[Arc<Destination>],
    ) -> Result<Arc<Self>> {
        let mut candidates = KVVec::with_capacity(destinations.len(), GFP_KERNEL)?;
        for (index, destination) in destinations.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| EINVAL)?;
            candidates.push(
                Candidate::new(index, destination.key.endpoint, destination.settings.weight),
                GFP_KERNEL,
            )?;
        }
        let mut table = KVVec::new();
        if candidates.iter().any(|candidate| candidate.weight > 0) {
            let length = scheduler.table_len(&candidates) as usize;
            table.resize(length, NOBODY, GFP_KERNEL)?;
            scheduler
                .fill(&mut table, &mut candidates)
                .map_err(|_| EINVAL)?;
        }
        Ok(Arc::new(Self { scheduler, table }, GFP_KERNEL)?)
    }

    /// The place among the destinations that is chosen by the hash or in turn; `None` if no
    /// destination has a weight above zero. `turn` is written only if the scheduler takes turns.
    #[inline]
    pub(crate) fn select(&self, hash: u32, turn: &AtomicU32) -> Option<u16> {
        let position = if self.scheduler.takes_turns() {
            turn.fetch_add(1, Relaxed)
        } else {
            0
        };
        self.scheduler.select(&self.table, hash, position)
    }
}
