// SPDX-License-Identifier: GPL-2.0

//! Round robin: destinations take turns, whatever their weights are above zero. A service's new
//! connections are counted by one count, whichever CPU they come by.

use super::candidate::Candidate;
use super::{
    first_from,
    least,
    Arrival,
    Error,
    Loads,
    Schedule, //
};

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct RoundRobin;

impl Schedule for RoundRobin {
    const TAKES_TURNS: bool = true;

    fn table_len(candidates: &[Candidate]) -> u32 {
        least::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        least::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16> {
        let length = u32::try_from(table.len()).ok()?;
        let start = arrival.turn.checked_rem(length)?;
        first_from(table, start as usize, loads)
    }
}
