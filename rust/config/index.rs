// SPDX-License-Identifier: GPL-2.0

//! A hash table from small keys to numbers: open addressing, linear probing, at most half full.
//!
//! A look-up allocates nothing, takes no lock and usually touches one cache line.

use kernel::prelude::*;

use crate::core::tuple::IpAddress;

/// Something that an [`Index`] can be asked for.
pub(crate) trait Key: Copy + Eq {
    /// A hash of 64 good bits.
    fn hash(&self) -> u64;
}

/// Spreads `value` over all 64 bits: the finaliser of SplitMix64 (Steele et al., OOPSLA 2014).
pub(crate) const fn spread(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Spreads an address of either family. Without a secret: the addresses in an [`Index`] are those
/// that an operator has put there, and who looks for others makes nothing longer.
#[inline]
pub(crate) fn spread_address(address: IpAddress) -> u64 {
    let [high, low] = address.words();
    match address {
        IpAddress::V4(_) => spread(low),
        IpAddress::V6(_) => spread(spread(high) ^ low),
    }
}

/// A map from keys to numbers.
pub(crate) struct Index<K: Key> {
    /// A power of two of places, or none.
    places: KVVec<Option<(K, u32)>>,
    used: usize,
}

impl<K: Key> Index<K> {
    /// An empty map.
    pub(crate) fn new() -> Self {
        Self {
            places: KVVec::new(),
            used: 0,
        }
    }

    /// The place where the search for `key` begins; there must be places.
    #[inline(always)]
    fn home(&self, key: &K) -> usize {
        key.hash() as usize & self.mask()
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// The place of `key`, or the empty one where it would go.
    #[inline(always)]
    fn find(&self, key: &K) -> Option<(usize, Option<u32>)> {
        let mut place = self.home(key);
        // Half of the places are empty, so this ends.
        loop {
            match self.places.get(place)? {
                None => return Some((place, None)),
                Some((found, value)) if found == key => return Some((place, Some(*value))),
                Some(_) => place = place.wrapping_add(1) & self.mask(),
            }
        }
    }

    /// The number of `key`.
    #[inline(always)]
    pub(crate) fn get(&self, key: &K) -> Option<u32> {
        self.find(key)?.1
    }

    /// Gives `key` the number `value`, whatever it had.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the map is then as before.
    pub(crate) fn insert(&mut self, key: K, value: u32) -> Result {
        if self.used.saturating_mul(2) >= self.places.len() {
            self.grow()?;
        }
        let (place, old) = self.find(&key).ok_or(EINVAL)?;
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some((key, value));
        }
        if old.is_none() {
            self.used = self.used.wrapping_add(1);
        }
        Ok(())
    }

    fn grow(&mut self) -> Result {
        let count = self.places.len().saturating_mul(2).max(8);
        let mut larger = Self {
            places: KVVec::from_elem(None, count, GFP_KERNEL)?,
            used: 0,
        };
        for (key, value) in self.places.iter().flatten() {
            larger.insert(*key, *value)?;
        }
        *self = larger;
        Ok(())
    }

    /// Takes `key` out.
    pub(crate) fn remove(&mut self, key: &K) {
        let Some((mut gap, Some(_))) = self.find(key) else {
            return;
        };
        self.used = self.used.wrapping_sub(1);
        // Whatever follows without an empty place between is moved up if its search, which
        // begins at its home, would stop at the gap (Knuth, vol. 3, algorithm R).
        let mut place = gap;
        loop {
            place = place.wrapping_add(1) & self.mask();
            let Some(Some(entry)) = self.places.get(place).copied() else {
                break;
            };
            let home = self.home(&entry.0);
            let from_home = place.wrapping_sub(home) & self.mask();
            let from_gap = place.wrapping_sub(gap) & self.mask();
            if from_home >= from_gap {
                if let Some(slot) = self.places.get_mut(gap) {
                    *slot = Some(entry);
                }
                gap = place;
            }
        }
        if let Some(slot) = self.places.get_mut(gap) {
            *slot = None;
        }
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn try_clone(&self) -> Result<Self> {
        let mut places = KVVec::with_capacity(self.places.len(), GFP_KERNEL)?;
        places.extend_from_slice(&self.places, GFP_KERNEL)?;
        Ok(Self {
            places,
            used: self.used,
        })
    }
}
