// SPDX-License-Identifier: GPL-2.0

//! Weighted least connections: whoever has the fewest connections for its weight gets the next
//! one, counted as least connections counts them.

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
pub struct WeightedLeastConnections;

impl Schedule for WeightedLeastConnections {
    fn table_len(candidates: &[Candidate]) -> u32 {
        least::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        least::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, _arrival: Arrival) -> Option<u16> {
        least::least(table, loads, |loads, index| {
            (least::overhead(loads, index), loads.weight(index))
        })
    }
}
