// SPDX-License-Identifier: GPL-2.0

//! Maglev hashing: D. E. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
//! Balancer", NSDI 2016, section 3.4.
//!
//! Every destination has a permutation of the table's places; in turn, each takes the first
//! place of its own that is still free. Destinations of equal weight get shares that differ by
//! one place at most, and when one goes, few places of the others change. Permutations depend
//! on who the destinations are and on nothing else: machines with the same destinations have
//! the same table.
//!
//! Weights: the heaviest destination has a turn in every round, the others in as many rounds
//! as their weight is a part of the heaviest, evenly spread. Everyone has one in the first, so
//! a small weight never means no share as long as there is room.

use super::super::tuple::identity_hash;
use super::candidate::{
    sort,
    Candidate, //
};
use super::{
    place,
    rehash,
    Arrival,
    Error,
    Loads,
    Schedule,
    NOBODY, //
};

/// Places in a table, a prime: the paper's choice for up to some 600 destinations, whose
/// shares then differ by less than 1 %.
pub const TABLE_LENGTH: u32 = 65_537;

/// Places in a table for packets of which nothing is remembered, of a service whose scheduler
/// has none that would do: a prime as well. Shares of a hundred destinations differ by 2.5 %.
pub const SMALL_LENGTH: u32 = 4099;

/// The scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Maglev;

/// How often another place is tried if the destination at the first is at its limit. As limits
/// come, connections are spread over the others by this as evenly as before.
const ATTEMPTS: u32 = 64;

impl Schedule for Maglev {
    const STATELESS: bool = true;

    fn table_len(_candidates: &[Candidate]) -> u32 {
        TABLE_LENGTH
    }

    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
        let length = prime_length(table)?;
        for candidate in candidates.iter_mut() {
            let number = |purpose, among: u32| -> u32 {
                let hash = identity_hash(candidate.identity, purpose);
                // Below `among`, so it fits.
                hash.checked_rem(u64::from(among)).unwrap_or(0) as u32
            };
            let offset = number(1, length);
            let skip = number(2, length.wrapping_sub(1)).wrapping_add(1);
            candidate.offset = offset;
            candidate.skip = skip;
        }
        // The order of turns must not tell the order of entry either.
        sort(candidates);
        populate(table, candidates)
    }

    #[inline]
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16> {
        (0..ATTEMPTS)
            .filter_map(|attempt| entry(table, rehash(arrival.hash, attempt)))
            .find(|index| loads.takes(*index))
    }
}

/// Who stands at the place of a hash, whether it takes connections or not.
#[inline]
pub fn entry(table: &[u16], hash: u32) -> Option<u16> {
    let entry = *table.get(place(hash, table.len()))?;
    (entry != NOBODY).then_some(entry)
}

/// The table's length, if permutations by steps work for it.
fn prime_length(table: &[u16]) -> Result<u32, Error> {
    let length = u32::try_from(table.len()).map_err(|_| Error::TableLength)?;
    let is_prime = length >= 3
        && (2..length)
            .take_while(|divisor| u64::from(*divisor) * u64::from(*divisor) <= u64::from(length))
            .all(|divisor| length % divisor != 0);
    is_prime.then_some(length).ok_or(Error::TableLength)
}

/// Fills a table of prime length by the permutations that `offset` and `skip` of the candidates
/// describe, which take their turns in the order given: the paper's pseudocode 1.
///
/// `offset` is below the length, `skip` below it and above 0.
pub fn populate(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
    let length = prime_length(table)?;
    table.fill(NOBODY);
    let heaviest = candidates
        .iter()
        .map(|candidate| candidate.weight)
        .max()
        .unwrap_or(0);
    if heaviest == 0 {
        return Err(Error::NoWeight);
    }
    for candidate in candidates.iter_mut() {
        if candidate.offset >= length || candidate.skip == 0 || candidate.skip >= length {
            return Err(Error::Permutation);
        }
        candidate.credit = heaviest.wrapping_sub(candidate.weight);
    }
    let mut filled = 0_u32;
    loop {
        for candidate in candidates.iter_mut().filter(|c| c.weight > 0) {
            // In u64, since both may be close to 2^32.
            let credit = u64::from(candidate.credit) + u64::from(candidate.weight);
            match credit.checked_sub(u64::from(heaviest)) {
                // Below `weight`, as the credit before was below `heaviest`.
                Some(rest) => candidate.credit = rest as u32,
                None => {
                    candidate.credit = credit as u32;
                    continue;
                }
            }
            take_place(table, length, candidate);
            filled = filled.wrapping_add(1);
            if filled == length {
                return Ok(());
            }
        }
    }
}

/// Gives a candidate the first free place of its permutation.
fn take_place(table: &mut [u16], length: u32, candidate: &mut Candidate) {
    // A permutation has every place once, so this ends as long as one is free.
    for _ in 0..length {
        let place = candidate.offset;
        let next = u64::from(place) + u64::from(candidate.skip);
        // Below `length`, as both were.
        candidate.offset = match next.checked_sub(u64::from(length)) {
            Some(wrapped) => wrapped as u32,
            None => next as u32,
        };
        if let Some(entry) = table.get_mut(place as usize) {
            if *entry == NOBODY {
                *entry = candidate.index;
                return;
            }
        }
    }
}
