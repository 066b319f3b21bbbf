// SPDX-License-Identifier: GPL-2.0

//! The power of two choices: of two destinations that are drawn by weight, the one with fewer
//! connections for its weight gets the next one (M. Mitzenmacher, "The Power of Two Choices in
//! Randomized Load Balancing", IEEE TPDS 12(10), 2001).
//!
//! Nearly as even as the comparison of all, at the cost of two looks however many there are, and
//! without the herd: CPUs that choose at the same time draw different pairs.

use ::core::cmp::Ordering;

use super::candidate::Candidate;
use super::weighted_round_robin::WeightedRoundRobin;
use super::{
    first_from,
    least,
    place,
    rehash,
    Arrival,
    Error,
    Loads,
    Schedule, //
};

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct TwoChoices;

/// How often a second one is drawn that is another than the first.
const ATTEMPTS: u32 = 8;

impl Schedule for TwoChoices {
    fn table_len(candidates: &[Candidate]) -> u32 {
        WeightedRoundRobin::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        WeightedRoundRobin::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16> {
        let draw = |attempt| {
            let start = place(rehash(arrival.hash, attempt), table.len());
            first_from(table, start, loads)
        };
        let load = |index| {
            let connections =
                u64::from(loads.active(index)).wrapping_add(u64::from(loads.inactive(index)));
            (connections, loads.weight(index))
        };
        let first = draw(0)?;
        let second = (1..ATTEMPTS)
            .filter_map(draw)
            .find(|second| *second != first);
        match second {
            Some(second) if least::compare(load(second), load(first)) == Ordering::Less => {
                Some(second)
            }
            _ => Some(first),
        }
    }
}
