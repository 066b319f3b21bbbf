// SPDX-License-Identifier: GPL-2.0

//! Source hashing: all connections of a client's address go to one destination, chosen as
//! Maglev chooses, so that few clients move when destinations come and go.

use super::candidate::Candidate;
use super::maglev::Maglev;
use super::{
    Arrival,
    Error,
    Loads,
    Schedule, //
};

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct SourceHash;

impl Schedule for SourceHash {
    const BY_CLIENT: bool = true;
    const STATELESS: bool = true;

    fn table_len(candidates: &[Candidate]) -> u32 {
        Maglev::table_len(candidates)
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        Maglev::fill(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16> {
        Maglev::select(table, loads, arrival)
    }
}
