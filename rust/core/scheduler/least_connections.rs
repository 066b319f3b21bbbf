// SPDX-License-Identifier: GPL-2.0

//! Least connections: whoever has the fewest active connections gets the next one. Inactive ones
//! count a 256th, as they cost a server memory and little else.

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
pub struct LeastConnections;

impl Schedule for LeastConnections {
    fn table_len(candidates: &[Candidate]) -> u32 {
        least::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        least::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, _arrival: Arrival) -> Option<u16> {
        least::least(table, loads, |loads, index| {
            (least::overhead(loads, index), 1)
        })
    }
}
