// SPDX-License-Identifier: GPL-2.0

//! Weighted round robin: the order is worked out beforehand, and a service's new connections go
//! round it by one count, whichever CPU they come by.
//!
//! The order has as many places as the weights' sum (less their common divisor), so that one
//! round gives every destination exactly its weight. Think of the weights laid end to end on a
//! circle: the order goes round in steps of about the golden section, which meet every point
//! once and keep those of one destination apart. Destinations of equal weight simply follow
//! each other.

use super::candidate::{
    common_weight,
    Candidate, //
};
use super::{
    first_from,
    Arrival,
    Error,
    Loads,
    Schedule,
    NOBODY, //
};

/// The longest order; weights that need more are met only in proportion.
pub const LONGEST: u32 = 65_536;

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct WeightedRoundRobin;

impl Schedule for WeightedRoundRobin {
    const TAKES_TURNS: bool = true;

    fn table_len(candidates: &[Candidate]) -> u32 {
        let divisor = common_weight(candidates).max(1);
        let length = total(candidates) / divisor;
        // No more than LONGEST, so it fits.
        length.min(u64::from(LONGEST)) as u32
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        table.fill(NOBODY);
        let total = total(candidates);
        if total == 0 {
            return Err(Error::NoWeight);
        }
        let length = u32::try_from(table.len()).map_err(|_| Error::TableLength)?;
        if length == 0 {
            return Err(Error::TableLength);
        }
        let step = step(length, candidates);
        let mut end = 0_u64;
        let mut point = 0_u64;
        let mut place = 0_u64;
        for candidate in candidates.iter() {
            end = end.wrapping_add(u64::from(candidate.weight));
            // Everything times twice the length, so that the middle of a point's part of the
            // sum is a whole number: the point belongs to the candidate in whose part it lies.
            let end = u128::from(end) * u128::from(length) * 2;
            while point < u64::from(length) && (u128::from(point) * 2 + 1) * u128::from(total) < end
            {
                if let Some(entry) = table.get_mut(place as usize) {
                    *entry = candidate.index;
                }
                point = point.wrapping_add(1);
                place = (place.wrapping_add(step)) % u64::from(length);
            }
        }
        Ok(())
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16> {
        let length = u32::try_from(table.len()).ok()?;
        let start = arrival.turn.checked_rem(length)?;
        first_from(table, start as usize, loads)
    }
}

/// The sum of the weights; 2^16 candidates of 2^32 cannot overflow it.
fn total(candidates: &[Candidate]) -> u64 {
    candidates.iter().fold(0, |sum: u64, candidate| {
        sum.wrapping_add(u64::from(candidate.weight))
    })
}

/// How far apart in the table neighbours on the circle are put, so that neighbours in the table
/// are a golden section apart on the circle: the one is the other's inverse modulo the length.
fn step(length: u32, candidates: &[Candidate]) -> u64 {
    let mut weights = candidates.iter().map(|c| c.weight).filter(|w| *w > 0);
    let first = weights.next();
    if weights.all(|weight| Some(weight) == first) {
        return 1;
    }
    let length = u64::from(length);
    // The golden section times 2^32.
    let golden = length.wrapping_mul(2_654_435_769) >> 32;
    let section = (golden..length)
        .take(SECTIONS)
        .filter_map(|section| Some((largest_quotient(length, section)?, section)))
        .min();
    section
        .and_then(|(_, section)| (1..length).find(|step| section.wrapping_mul(*step) % length == 1))
        .unwrap_or(1)
}

/// How many steps near the golden section are looked at.
const SECTIONS: usize = 100;

/// The largest quotient that Euclid's algorithm meets: the smaller, the more evenly do points
/// spread that are `section` apart on a circle of `length`. It meets nothing but ones for the
/// golden section. `None` if the two have a common divisor: not every point would be met, and
/// there would be no inverse.
fn largest_quotient(length: u64, section: u64) -> Option<u64> {
    let (mut a, mut b, mut largest) = (length, section, 0);
    while b > 1 {
        largest = largest.max(a / b);
        (a, b) = (b, a % b);
    }
    // The last quotient is `a` itself; one less with a one after it says the same.
    (b == 1).then(|| largest.max(a.saturating_sub(1)))
}
