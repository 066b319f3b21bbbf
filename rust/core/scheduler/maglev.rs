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

/// Places in a table, primes: as many as there are a hundred for each destination, whatever its
/// weight, so that equal shares differ by 1 % at most. The last is the paper's choice, good for some
/// 600 destinations, and taken for more as well. A table is worked out in time that is in
/// proportion to its length and its logarithm, for each change of a weight: thousands of
/// services with a few destinations each would spend most of that, and of their memory, on
/// differences that nobody can see.
pub const LENGTHS: [u32; 4] = [4099, 10_007, 25_013, 65_537];

/// Places for each destination.
const PLACES_EACH: usize = 100;

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

    /// Those of weight 0 count as well: that a server fails changes no length, which would change
    /// all that is in the table.
    fn table_len(candidates: &[Candidate]) -> u32 {
        let places = candidates.len().saturating_mul(PLACES_EACH);
        let [shorter @ .., longest] = LENGTHS;
        let fits = |length: &u32| places <= *length as usize;
        shorter.into_iter().find(fits).unwrap_or(longest)
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
#[inline(always)]
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
        candidate.inverse = 0;
    }
    let mut filled = 0_u32;
    let mut last = Last::none(length);
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
            if length.wrapping_sub(filled) > Last::MOST as u32 {
                take_place(table, length, candidate);
            } else {
                last.take_place(table, candidate);
            }
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
        candidate.offset = next(place, candidate.skip, length);
        if let Some(entry) = table.get_mut(place as usize) {
            if *entry == NOBODY {
                *entry = candidate.index;
                return;
            }
        }
    }
}

/// The place after `place` of a permutation. Below `length`, as both were.
fn next(place: u32, skip: u32, length: u32) -> u32 {
    let next = u64::from(place) + u64::from(skip);
    match next.checked_sub(u64::from(length)) {
        Some(wrapped) => wrapped as u32,
        None => next as u32,
    }
}

/// The last free places of a table. As there are fewer of them, it takes longer and longer to come
/// upon one, half of the time in all: it is quicker to work out for each how far it is.
struct Last {
    free: [u32; Self::MOST],
    count: usize,
    field: Field,
}

impl Last {
    const MOST: usize = 128;

    fn none(length: u32) -> Self {
        Self {
            free: [0; Self::MOST],
            count: 0,
            field: Field::of(length),
        }
    }

    /// Looks for the places; once.
    fn find(&mut self, table: &[u16]) {
        let free = table
            .iter()
            .zip(0_u32..)
            .filter(|(entry, _)| **entry == NOBODY);
        for ((_, place), slot) in free.zip(self.free.iter_mut()) {
            *slot = place;
            self.count = self.count.wrapping_add(1);
        }
    }

    /// The same as the other [`take_place`], to the same effect.
    fn take_place(&mut self, table: &mut [u16], candidate: &mut Candidate) {
        if self.count == 0 {
            self.find(table);
        }
        // The permutation is at `offset + n * skip` after `n` steps: with the inverse of `skip`, `n`
        // follows from the place.
        let field = &self.field;
        if candidate.inverse == 0 {
            candidate.inverse = field.inverse(candidate.skip);
        }
        let steps = |place: u32| {
            // Above 0, as `offset` is below the length.
            let ahead = place
                .wrapping_add(field.prime)
                .wrapping_sub(candidate.offset);
            field.product(ahead, candidate.inverse)
        };
        let free = self.free.get(..self.count).unwrap_or_default();
        let nearest = free
            .iter()
            .zip(0_usize..)
            .min_by_key(|(place, _)| steps(**place));
        let Some((place, index)) = nearest.map(|(place, index)| (*place, index)) else {
            return;
        };
        self.count = self.count.wrapping_sub(1);
        self.free.swap(index, self.count);
        candidate.offset = next(place, candidate.skip, self.field.prime);
        if let Some(entry) = table.get_mut(place as usize) {
            *entry = candidate.index;
        }
    }
}

/// The field of a prime. A table takes thousands of products in it, and a division takes as long as
/// a dozen multiplications: so it is divided by its reciprocal.
struct Field {
    /// At most the longest table's length.
    prime: u32,
    /// 2^64 over the prime, rounded down, or one less.
    reciprocal: u64,
}

impl Field {
    fn of(prime: u32) -> Self {
        let reciprocal = u64::MAX.checked_div(u64::from(prime)).unwrap_or(0);
        Self { prime, reciprocal }
    }

    /// A product, below the prime.
    #[inline]
    fn product(&self, a: u32, b: u32) -> u32 {
        let product = u64::from(a).wrapping_mul(u64::from(b));
        // The upper half of a product of 64 bits each fits. As the reciprocal is rounded down, the
        // quotient is right or one too small.
        let quotient = (u128::from(product).wrapping_mul(u128::from(self.reciprocal)) >> 64) as u64;
        let rest = product.wrapping_sub(quotient.wrapping_mul(u64::from(self.prime)));
        let rest = match rest.checked_sub(u64::from(self.prime)) {
            Some(less) => less,
            None => rest,
        };
        // Below the prime, as said.
        rest as u32
    }

    /// The inverse: Fermat's little theorem.
    fn inverse(&self, number: u32) -> u32 {
        let mut exponent = self.prime.wrapping_sub(2);
        let (mut power, mut result) = (number, 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.product(result, power);
            }
            power = self.product(power, power);
            exponent >>= 1;
        }
        result
    }
}
