// SPDX-License-Identifier: GPL-2.0

//! A bucket: one cache line of references to connections.
//!
//! Seven words hold a tag (the upper half of the hash) and a slot index plus 1; 0 is empty. A
//! connection whose home bucket is full lies at a distance from it, and never moves
//! as long as it lives, so that a reader cannot miss it. The eighth word belongs to the
//! connections at home here: its lowest bit is a lock for those who change them, and its
//! nibbles 1 to 15 count how many of them lie at the distances 1 to 15. Readers go there only
//! if the count says so, and take no lock.

use super::atomic::{
    spin_loop,
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
    entries: [AtomicU64; ENTRIES],
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
        for entry in &self.entries {
            let word = entry.load(Ordering::Acquire);
            if word >> 32 == u64::from(tag) {
                // An empty entry is 0, and has the tag 0 then: there is no slot of that number.
                let index = (word as u32).wrapping_sub(1);
                let found = read.look(index);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
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
        let word = entry_word(tag, index);
        self.entries.iter().any(|entry| {
            entry.load(Ordering::Relaxed) == 0
                && entry
                    .compare_exchange(0, word, Ordering::Release, Ordering::Relaxed)
                    .is_ok()
        })
    }

    /// Takes a reference out; false if it is not here. The caller holds the home's lock.
    pub fn take(&self, tag: u32, index: u32) -> bool {
        let word = entry_word(tag, index);
        let found = self
            .entries
            .iter()
            .find(|entry| entry.load(Ordering::Relaxed) == word);
        if let Some(entry) = found {
            entry.store(0, Ordering::Release);
        }
        found.is_some()
    }

    /// Whether a reference is here. The caller holds the home's lock.
    pub fn has(&self, tag: u32, index: u32) -> bool {
        let word = entry_word(tag, index);
        self.entries
            .iter()
            .any(|entry| entry.load(Ordering::Relaxed) == word)
    }

    /// The indexes of all slots that are referred to here, whatever their home, each as it was
    /// a moment ago.
    pub fn indexes(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.iter().filter_map(|entry| {
            let word = entry.load(Ordering::Acquire);
            ((word & 0xffff_ffff) as u32).checked_sub(1)
        })
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

/// The word for a reference.
const fn entry_word(tag: u32, index: u32) -> u64 {
    ((tag as u64) << 32) | index.wrapping_add(1) as u64
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
