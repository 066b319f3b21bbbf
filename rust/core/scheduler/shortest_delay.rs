// SPDX-License-Identifier: GPL-2.0

//! Shortest expected delay: whoever would have the fewest active connections for its weight with
//! the new one gets it. Unlike weighted least connections this tells idle destinations apart: the
//! fastest comes first.

use super::candidate::Candidate;
use super::{
    least,
    Arrival,
    Error,
    Loads,
    Schedule, //
};

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct ShortestDelay;

impl Schedule for ShortestDelay {
    fn table_len(candidates: &[Candidate]) -> u32 {
        least::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        least::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, _arrival: Arrival) -> Option<u16> {
        least::least(table, loads, |loads, index| {
            (
                u64::from(loads.active(index)).wrapping_add(1),
                loads.weight(index),
            )
        })
    }
}
