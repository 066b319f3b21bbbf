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
use crate::core::scheduler::{
    candidate::Candidate,
    maglev,
    Arrival,
    Loads,
    Scheduler,
    NOBODY, //
};

/// A scheduler with its table, made once for each set of destinations and weights.
pub(crate) struct Selection {
    scheduler: Scheduler,
    /// Empty if no destination has a weight above zero.
    table: KVVec<u16>,
    /// A small Maglev table, if the scheduler's own is none.
    stateless: KVVec<u16>,
}

/// Destinations as schedulers see them.
struct Members<'a>(&'a [Arc<Destination>]);

impl Members<'_> {
    fn of(&self, index: u16) -> Option<&Destination> {
        self.0.get(usize::from(index)).map(|found| &**found)
    }
}

impl Loads for Members<'_> {
    #[inline]
    fn active(&self, index: u16) -> u32 {
        self.of(index).map_or(u32::MAX, |found| found.load.active())
    }

    #[inline]
    fn inactive(&self, index: u16) -> u32 {
        self.of(index)
            .map_or(u32::MAX, |found| found.load.inactive())
    }

    #[inline]
    fn weight(&self, index: u16) -> u32 {
        self.of(index).map_or(0, |found| found.settings.weight)
    }

    #[inline]
    fn takes(&self, index: u16) -> bool {
        self.of(index).is_some_and(|found| found.takes())
    }
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
        let table = table(scheduler, destinations, None)?;
        let stateless = if scheduler.is_stateless() {
            KVVec::new()
        } else {
            table_of_places(destinations)?
        };
        let this = Self {
            scheduler,
            table,
            stateless,
        };
        Ok(Arc::new(this, GFP_KERNEL)?)
    }

    /// The place among the destinations that is chosen by the hash or otherwise as the scheduler
    /// does; `None` if none can take a connection. `turn` is written only if the scheduler takes
    /// turns.
    #[inline]
    pub(crate) fn select(
        &self,
        destinations: &[Arc<Destination>],
        hash: u32,
        turn: &AtomicU32,
    ) -> Option<u16> {
        let turn = if self.scheduler.takes_turns() {
            turn.fetch_add(1, Relaxed)
        } else {
            0
        };
        let arrival = Arrival { hash, turn };
        self.scheduler
            .select(&self.table, &Members(destinations), arrival)
    }

    /// The place that [`Self::select`] chooses if the destination there takes connections, where that
    /// can be told by one look.
    #[inline(always)]
    pub(crate) fn first(&self, hash: u32) -> Option<u16> {
        match self.scheduler {
            Scheduler::Maglev => maglev::entry(&self.table, hash),
            _ => None,
        }
    }

    /// The place among the destinations that the hash stands for, whatever their loads.
    #[inline]
    pub(crate) fn select_stateless(&self, hash: u32) -> Option<u16> {
        let table = if self.scheduler.is_stateless() {
            &self.table
        } else {
            &self.stateless
        };
        maglev::entry(table, hash)
    }

    /// Whether no destination is active and has a weight above zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// A small table for choosing by the hash alone.
fn table_of_places(destinations: &[Arc<Destination>]) -> Result<KVVec<u16>> {
    table(Scheduler::Maglev, destinations, Some(maglev::SMALL_LENGTH))
}

/// A scheduler's table, of a length of its own or of this one; empty if there is nobody to be
/// chosen.
fn table(
    scheduler: Scheduler,
    destinations: &[Arc<Destination>],
    length: Option<u32>,
) -> Result<KVVec<u16>> {
    let mut candidates = KVVec::with_capacity(destinations.len(), GFP_KERNEL)?;
    for (index, destination) in destinations.iter().enumerate() {
        let index = u16::try_from(index).map_err(|_| EINVAL)?;
        let weight = destination.settings.effective_weight();
        candidates.push(
            Candidate::new(index, destination.key.endpoint, weight),
            GFP_KERNEL,
        )?;
    }
    let mut table = KVVec::new();
    if candidates.iter().any(|candidate| candidate.weight > 0) {
        let length = length.unwrap_or_else(|| scheduler.table_len(&candidates));
        table.resize(length as usize, NOBODY, GFP_KERNEL)?;
        scheduler
            .fill(&mut table, &mut candidates)
            .map_err(|_| EINVAL)?;
    }
    Ok(table)
}
