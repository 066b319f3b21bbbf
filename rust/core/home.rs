// SPDX-License-Identifier: GPL-2.0

//! Where the connections of a hash are referred to: in the bucket that is their home, or near it.

use super::bucket::{
    self,
    Bucket,
    Locked,
    Look, //
};
use super::memory::{
    Buckets,
    Layout, //
};

/// Where the connections of a hash lie in an array: in the bucket that is its home, or at a distance.
pub(super) struct Home<'a, B> {
    buckets: &'a B,
    hash: u64,
}

impl<'a, B: Buckets> Home<'a, B> {
    /// Those of this hash.
    #[inline(always)]
    pub(super) fn new(buckets: &'a B, hash: u64) -> Self {
        Self { buckets, hash }
    }

    /// The bucket at this distance from home, at most [`bucket::REACH`].
    ///
    /// The next one is the first, then the steps grow: triangular numbers, round the end, which are
    /// different buckets whatever (power of two) there are of them. If all lay side by side, what
    /// does not find room in one would crowd the next, and of a million buckets sixteen in a row
    /// would be full before the table is two thirds full.
    #[inline(always)]
    pub(super) fn bucket(&self, distance: usize) -> Option<&'a Bucket> {
        // The upper half of the hash is the tag.
        let home = (self.hash & 0xffff_ffff) as usize;
        let offset = distance.wrapping_mul(distance.wrapping_add(1)) / 2;
        self.buckets
            .bucket(home.wrapping_add(offset) & self.buckets.mask())
    }

    /// Locks the connections of this home.
    pub(super) fn lock(&self) -> Option<Locked<'a>> {
        Some(self.bucket(0)?.lock())
    }

    /// What `read` makes of the first slot for which it makes something, of all with this hash.
    #[inline(always)]
    pub(super) fn find<L: Look>(&self, read: L) -> Option<L::Found> {
        let home = self.bucket(0)?;
        if let Some(found) = home.find(bucket::tag(self.hash), &read) {
            return Some(found);
        }
        let spill = home.spill();
        if spill.is_empty() {
            return None;
        }
        self.find_spilled(spill, read)
    }

    /// The same in the buckets at the distances that there are.
    #[cold]
    #[inline(never)]
    fn find_spilled<L: Look>(&self, mut spill: bucket::Spill, read: L) -> Option<L::Found> {
        spill.find_map(|distance| self.bucket(distance)?.find(bucket::tag(self.hash), &read))
    }

    /// Puts a reference to a slot where there is room; false if there is none.
    pub(super) fn put(&self, lock: &Locked<'_>, index: u32) -> bool {
        for distance in 0..=bucket::REACH {
            // Counted first, so that whoever can come to know of the connection finds it.
            lock.spilled(distance);
            if self
                .bucket(distance)
                .is_some_and(|bucket| bucket.put(bucket::tag(self.hash), index))
            {
                return true;
            }
            lock.returned(distance);
        }
        false
    }

    /// Takes the reference to a slot out, if it is there.
    pub(super) fn take(&self, lock: &Locked<'_>, index: u32) {
        for distance in 0..=bucket::REACH {
            if self
                .bucket(distance)
                .is_some_and(|bucket| bucket.take(index))
            {
                lock.returned(distance);
                return;
            }
        }
    }

    /// Whether there is a reference to a slot. Under the lock.
    pub(super) fn has(&self, index: u32) -> bool {
        (0..=bucket::REACH).any(|distance| {
            self.bucket(distance)
                .is_some_and(|bucket| bucket.has(index))
        })
    }
}

/// The homes of a hash in all arrays that have to be kept up, locked. The order is that of the
/// arrays: two who have different ideas of which they are have a lock in common, that in the array
/// that both know, and never each one that the other waits for.
pub(super) struct Homes<'a, B> {
    current: (Home<'a, B>, Locked<'a>),
    next: Option<(Home<'a, B>, Locked<'a>)>,
    fills: bool,
}

impl<'a, B: Buckets> Homes<'a, B> {
    /// Locks those of a hash; `None` if there is no such bucket.
    pub(super) fn lock(layout: Layout<'a, B>, hash: u64) -> Option<Self> {
        let locked = |buckets| {
            let home = Home::new(buckets, hash);
            let lock = home.lock()?;
            Some((home, lock))
        };
        let current = locked(layout.current)?;
        let next = match layout.next {
            Some(next) => Some(locked(next)?),
            None => None,
        };
        Some(Self {
            current,
            next,
            fills: layout.fills,
        })
    }

    /// What [`Home::find`] finds in any of them.
    pub(super) fn find<T>(&self, read: impl Fn(u32) -> Option<T>) -> Option<T> {
        self.current.0.find(&read).or_else(|| {
            let (next, _) = self.next.as_ref()?;
            next.find(&read)
        })
    }

    /// Puts a reference into each that is to have it, or none.
    pub(super) fn put(&self, index: u32) -> bool {
        let next = self.next.as_ref().filter(|_| self.fills);
        if next.is_some_and(|(home, lock)| !home.put(lock, index)) {
            return false;
        }
        let (home, lock) = &self.current;
        let put = home.put(lock, index);
        if let (false, Some((home, lock))) = (put, next) {
            home.take(lock, index);
        }
        put
    }

    /// Takes a reference out of all.
    pub(super) fn take(&self, index: u32) {
        for (home, lock) in ::core::iter::once(&self.current).chain(&self.next) {
            home.take(lock, index);
        }
    }
}
