// SPDX-License-Identifier: GPL-2.0

//! What the schedulers by load share: a table of all who may be chosen, and the least among them.

use ::core::cmp::Ordering;

use super::candidate::Candidate;
use super::{
    Error,
    Loads,
    NOBODY, //
};

/// Inactive connections that count as one active.
const INACTIVE_FOR_ONE: u64 = 256;

/// How many candidates have a weight.
pub(super) fn table_len(candidates: &[Candidate]) -> u32 {
    let eligible = candidates.iter().filter(|c| c.weight > 0).count();
    u32::try_from(eligible).unwrap_or(u32::MAX)
}

/// Lists the candidates that have a weight, in their order.
pub(super) fn fill(table: &mut [u16], candidates: &[Candidate]) -> Result<(), Error> {
    table.fill(NOBODY);
    let mut eligible = candidates.iter().filter(|c| c.weight > 0).peekable();
    if eligible.peek().is_none() {
        return Err(Error::NoWeight);
    }
    for (entry, candidate) in table.iter_mut().zip(eligible.by_ref()) {
        *entry = candidate.index;
    }
    match eligible.next() {
        None => Ok(()),
        Some(_) => Err(Error::TableLength),
    }
}

/// Active connections, and inactive ones for little, times 256.
#[inline]
pub(super) fn overhead(loads: &impl Loads, index: u16) -> u64 {
    u64::from(loads.active(index))
        .wrapping_mul(INACTIVE_FOR_ONE)
        .wrapping_add(u64::from(loads.inactive(index)))
}

/// Compares a load for its weight with another: the fractions multiplied by both weights.
#[inline]
pub(super) fn compare(first: (u64, u32), second: (u64, u32)) -> Ordering {
    let left = u128::from(first.0).wrapping_mul(u128::from(second.1));
    let right = u128::from(second.0).wrapping_mul(u128::from(first.1));
    left.cmp(&right)
}

/// Of those that take another connection the one of the least load for its weight; the first of
/// several. `load` gives load and weight.
#[inline]
pub(super) fn least<L: Loads>(
    table: &[u16],
    loads: &L,
    load: impl Fn(&L, u16) -> (u64, u32),
) -> Option<u16> {
    let mut best: Option<(u16, (u64, u32))> = None;
    for index in table.iter().copied() {
        if index == NOBODY || !loads.takes(index) {
            continue;
        }
        let this = load(loads, index);
        if best.is_none_or(|(_, best)| compare(this, best) == Ordering::Less) {
            best = Some((index, this));
        }
    }
    best.map(|(index, _)| index)
}
