// SPDX-License-Identifier: GPL-2.0

//! A destination as the schedulers see it while their tables are filled.

use super::super::sort::sort_by_key;
use super::super::tuple::{
    Endpoint,
    IpAddress, //
};

/// A destination that may be put into a scheduler's table; also the room to work in, since
/// schedulers allocate nothing. Make new ones for each table.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What the table is to name it by: below [`super::NOBODY`].
    pub index: u16,
    /// Who it is on every machine and in every order of entry.
    pub identity: Endpoint<IpAddress>,
    /// Its share; 0 takes none.
    pub weight: u32,
    /// Maglev: the place in the table where its permutation begins, later the next one.
    pub offset: u32,
    /// Maglev: the step of its permutation.
    pub skip: u32,
    /// Maglev: the part of a turn that it has saved up.
    pub credit: u32,
    /// Maglev: the inverse of the step, once it has been needed; 0 before.
    pub inverse: u32,
}

impl Candidate {
    /// A destination with this name, identity and weight.
    pub const fn new(index: u16, identity: Endpoint<IpAddress>, weight: u32) -> Self {
        Self {
            index,
            identity,
            weight,
            offset: 0,
            skip: 0,
            credit: 0,
            inverse: 0,
        }
    }
}

/// The greatest number that divides both; that of 0 and a number is the number.
pub const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The greatest number that divides all weights; 0 if all of them are 0.
pub fn common_weight(candidates: &[Candidate]) -> u64 {
    candidates.iter().fold(0, |divisor, candidate| {
        greatest_common_divisor(divisor, u64::from(candidate.weight))
    })
}

/// Sorts candidates by their identity.
pub fn sort(candidates: &mut [Candidate]) {
    sort_by_key(candidates, |candidate| candidate.identity);
}
