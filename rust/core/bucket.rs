// SPDX-License-Identifier: GPL-2.0

//! A bucket: one cache line of references to connections.
//!
//! Seven entries hold a tag (the upper half of the hash) and a slot index plus 1; 0 is empty. The
//! tags lie side by side, since most looks are at them alone. A connection whose home bucket is full
//! lies at a distance from it, and never moves as long as it lives, so that a reader cannot
//! miss it. A word more belongs to the connections at home here: its lowest bit is a lock for those
//! who change them, and its nibbles 1 to 15 count how many of them lie at the distances 1 to 15.
//! Readers go there only if the count says so, and take no lock.

use super::atomic::{
    spin_loop,
    AtomicU32,
    AtomicU64,
    Ordering, //
};
pub use super::shape::{
    ENTRIES,
    REACH, //
};

/// The lock's bit in the head word.
const LOCK: u64 = 1;

/// One cache line of references to connections. All zeros is an empty bucket.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Bucket {
    head: AtomicU64,
    /// Means nothing for an empty entry, but is 0.
    tags: [AtomicU32; ENTRIES],
    /// Set before the tag, and cleared after it: whoever sees the tag of a connection that is there
    /// sees its slot. Another tag and a slot of another entry's former life do no harm, as slots are
    /// asked for the key.
    indexes: [AtomicU32; ENTRIES],
}

/// The tag of a hash; the lower half chooses the bucket.
#[inline(always)]
pub const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// What is looked for in slots.
///
/// Closures will do; what has to be compiled into the loop is a type, as closures are not always.
pub trait Look {
    /// What is made of a slot.
    type Found;

    /// What there is to be found in the slot of this index; nothing for `u32::MAX`, of which there is
    /// none.
    fn look(&self, index: u32) -> Option<Self::Found>;
}

impl<T, F: Fn(u32) -> Option<T>> Look for F {
    type Found = T;

    #[inline(always)]
    fn look(&self, index: u32) -> Option<T> {
        self(index)
    }
}

impl Bucket {
    /// An empty bucket.
    pub fn new() -> Self {
        Self::default()
    }

    /// What `read` makes of the first slot for which it makes something, of those with this tag.
    ///
    /// A loop, and no chain of iterators: those are not always inlined.
    #[inline(always)]
    pub fn find<L: Look>(&self, tag: u32, read: &L) -> Option<L::Found> {
        let mut place = 0_usize;
        while let Some(entry) = self.tags.get(place) {
            if entry.load(Ordering::Acquire) == tag {
                // Of an empty entry this is `u32::MAX`.
                let index = self.index(place).wrapping_sub(1);
                let found = read.look(index);
                if found.is_some() {
                    return found;
                }
            }
            place = place.wrapping_add(1);
        }
        None
    }

    /// What the entry at this place refers to: a slot's index plus 1, or 0.
    #[inline(always)]
    fn index(&self, place: usize) -> u32 {
        self.indexes
            .get(place)
            .map_or(0, |index| index.load(Ordering::Acquire))
    }

    /// How far off connections of this home lie, as they were a moment ago.
    #[inline(always)]
    pub fn spill(&self) -> Spill {
        Spill(self.head.load(Ordering::Acquire) >> 4)
    }

    /// Puts a reference into an empty entry; false if there is none.
    ///
    /// The caller holds the lock of the connection's home, which need not be this bucket.
    pub fn put(&self, tag: u32, index: u32) -> bool {
        (0..ENTRIES).any(|place| self.index(place) == 0 && self.fill(place, tag, index))
    }

    /// Puts a reference into the entry at this place, if that is empty. Others may put something
    /// there at the same time, with other homes.
    #[inline(always)]
    fn fill(&self, place: usize, tag: u32, index: u32) -> bool {
        let (Some(its_tag), Some(its_index)) = (self.tags.get(place), self.indexes.get(place))
        else {
            return false;
        };
        let is_filled = its_index
            .compare_exchange(
                0,
                index.wrapping_add(1),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok();
        if is_filled {
            its_tag.store(tag, Ordering::Release);
        }
        is_filled
    }

    /// The place of the reference to a slot, if it is here.
    fn place_of(&self, index: u32) -> Option<usize> {
        (0..ENTRIES).find(|place| self.index(*place) == index.wrapping_add(1))
    }

    /// Takes a reference out; false if it is not here. The caller holds the home's lock.
    pub fn take(&self, index: u32) -> bool {
        let Some(place) = self.place_of(index) else {
            return false;
        };
        if let (Some(its_tag), Some(its_index)) = (self.tags.get(place), self.indexes.get(place)) {
            its_tag.store(0, Ordering::Relaxed);
            its_index.store(0, Ordering::Release);
        }
        true
    }

    /// Whether a reference is here. The caller holds the home's lock.
    pub fn has(&self, index: u32) -> bool {
        self.place_of(index).is_some()
    }

    /// An empty entry, if there is one and no entry has this tag. The caller holds the lock of the
    /// tag's home.
    #[inline(always)]
    pub fn room(&self, tag: u32) -> Option<Room<'_>> {
        for entry in &self.tags {
            if entry.load(Ordering::Relaxed) == tag {
                return None;
            }
        }
        // The first one: packets look there first.
        let mut place = 0_usize;
        while let Some(index) = self.indexes.get(place) {
            if index.load(Ordering::Relaxed) == 0 {
                return Some(Room {
                    bucket: self,
                    place,
                });
            }
            place = place.wrapping_add(1);
        }
        None
    }

    /// Takes the lock, if nobody has it and all connections of this home lie in this bucket. As for
    /// [`Self::lock`].
    #[inline(always)]
    pub fn lock_if_simple(&self) -> Option<Locked<'_>> {
        match self
            .head
            .compare_exchange(0, LOCK, Ordering::Acquire, Ordering::Relaxed)
        {
            // Not to be made otherwise: it would be dropped, which takes the lock away from others.
            Ok(_) => Some(Locked { bucket: self }),
            Err(_) => None,
        }
    }

    /// Whether there is nothing with this tag, and nothing of this home in other buckets.
    #[inline(always)]
    pub fn has_none(&self, tag: u32) -> bool {
        for entry in &self.tags {
            if entry.load(Ordering::Acquire) == tag {
                return false;
            }
        }
        self.spill().is_empty()
    }

    /// The indexes of all slots that are referred to here, whatever their home, each as it was
    /// a moment ago.
    pub fn indexes(&self) -> impl Iterator<Item = u32> + '_ {
        (0..ENTRIES).filter_map(|place| self.index(place).checked_sub(1))
    }

    /// Takes the lock, spinning: whoever has it is a few instructions from giving it back.
    ///
    /// In the kernel bottom halves must be off.
    pub fn lock(&self) -> Locked<'_> {
        loop {
            let head = self.head.load(Ordering::Relaxed);
            if head & LOCK == 0
                && self
                    .head
                    .compare_exchange_weak(head, head | LOCK, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return Locked { bucket: self };
            }
            spin_loop();
        }
    }
}

/// An entry that was empty a moment ago.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    bucket: &'a Bucket,
    place: usize,
}

impl Room<'_> {
    /// Puts a reference there; false if others, with other homes, were faster.
    #[inline(always)]
    pub fn put(self, tag: u32, index: u32) -> bool {
        self.bucket.fill(self.place, tag, index)
    }
}

/// The distances of the buckets that hold connections of one home.
#[derive(Clone, Copy, Debug)]
pub struct Spill(u64);

impl Spill {
    /// Whether all of them lie at home.
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Iterator for Spill {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let nibble = self.0.trailing_zeros() / 4;
        self.0 &= !(0xf_u64 << (nibble * 4));
        // Lossless: at most 15.
        Some(nibble as usize + 1)
    }
}

/// A bucket's lock, held until dropped.
#[derive(Debug)]
pub struct Locked<'a> {
    bucket: &'a Bucket,
}

impl Locked<'_> {
    /// Counts one more connection at this distance; before it is put there.
    pub fn spilled(&self, distance: usize) {
        self.change(|head| head.wrapping_add(unit(distance)));
    }

    /// Counts one less; after it was taken out.
    pub fn returned(&self, distance: usize) {
        self.change(|head| head.wrapping_sub(unit(distance)));
    }

    /// Changes the counts. Nobody else writes the word while the lock is held: others only try
    /// to exchange a value without the lock's bit.
    fn change(&self, change: impl Fn(u64) -> u64) {
        let head = self.bucket.head.load(Ordering::Relaxed);
        self.bucket.head.store(change(head), Ordering::Release);
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.change(|head| head & !LOCK);
    }
}

/// One connection in the count of this distance, 1 to [`REACH`]; nothing for 0. A count stays
/// below 16, since a bucket has [`ENTRIES`] entries.
const fn unit(distance: usize) -> u64 {
    match distance {
        1..=REACH => 1 << (distance * 4),
        _ => 0,
    }
}
