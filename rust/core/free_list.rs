// SPDX-License-Identifier: GPL-2.0

//! The free slots: for each chunk of them a stack without a lock (Treiber, IBM RJ 5118, 1986),
//! and a bit that says whether there is something on it.
//!
//! Slots are taken from the lowest chunk that has one, so that the highest ones drain and can
//! be given back when connections become fewer.

use super::atomic::{
    AtomicU64,
    Ordering, //
};
pub use super::shape::GROUP;
use super::slot::{
    Slot,
    Stored, //
};

/// The stack of one chunk's free slots.
///
/// One word is all of it: a counter in the upper half that makes every state of it unique, so
/// that a top that went and came back meanwhile is not mistaken for one that stayed; below it how
/// many are free, and in the lowest 16 bits the place of the top one in the chunk, plus 1.
#[derive(Debug, Default)]
pub struct FreeList {
    top: AtomicU64,
}

/// What the word of a [`FreeList`] says.
#[derive(Clone, Copy)]
struct Top {
    counter: u32,
    count: u32,
    link: u32,
}

impl Top {
    #[inline(always)]
    const fn of(word: u64) -> Self {
        Self {
            counter: (word >> 32) as u32,
            count: ((word >> 16) & 0xffff) as u32,
            link: (word & 0xffff) as u32,
        }
    }

    /// The word of the next state.
    #[inline(always)]
    const fn next(self, count: u32, link: u32) -> u64 {
        ((self.counter.wrapping_add(1) as u64) << 32)
            | ((count as u64 & 0xffff) << 16)
            | (link as u64 & 0xffff)
    }
}

/// The lowest 16 bits of the word.
const LINK: u64 = 0xffff;

/// What the next state has more above them when one slot fewer is free: one step of the counter, less
/// one of the count.
const TAKEN: u64 = (1 << 32) - (1 << 16);

impl FreeList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many slots are on it.
    pub fn count(&self) -> u32 {
        Top::of(self.top.load(Ordering::Acquire)).count
    }

    /// Takes a slot: its place in the chunk, the slot, and whether it was the last. Any context;
    /// never waits.
    ///
    /// `slots` gives the chunk, if it is still there.
    #[inline(always)]
    pub fn pop<'a, A: Stored>(
        &self,
        slots: impl Fn() -> Option<&'a [Slot<A>]>,
    ) -> Option<(u32, &'a Slot<A>, bool)> {
        let mut word = self.top.load(Ordering::Acquire);
        loop {
            let top = Top::of(word);
            let place = top.link.checked_sub(1)?;
            // If the slot is taken before the exchange below, this link is stale, but then the
            // counter has moved on and the exchange fails.
            let slot = slots()?.get(place as usize)?;
            let next = slot.next_free();
            // There is one, so nothing is borrowed from the counter.
            let taken = (word & !LINK).wrapping_add(TAKEN) | (u64::from(next) & LINK);
            match self.exchange(word, taken) {
                Ok(()) => return Some((place, slot, top.count == 1)),
                Err(newer) => word = newer,
            }
        }
    }

    /// Gives back a slot of this place in the chunk; whether the list was empty. Any context;
    /// never waits.
    ///
    /// The slot must be free and not on the list.
    pub fn push<A: Stored>(&self, slot: &Slot<A>, place: u32) -> bool {
        let mut word = self.top.load(Ordering::Relaxed);
        loop {
            let top = Top::of(word);
            slot.set_next_free(top.link);
            let new = top.next(top.count.wrapping_add(1), place.wrapping_add(1));
            match self.exchange(word, new) {
                Ok(()) => return top.count == 0,
                Err(newer) => word = newer,
            }
        }
    }

    /// Puts all slots of a new chunk on the list, which is empty, and nobody's but the caller's.
    fn fill<A: Stored>(&self, slots: &[Slot<A>]) {
        // At most 2^15.
        let count = (slots.len() & 0xffff) as u32;
        let mut link = 0;
        for (slot, next) in slots.iter().zip(1..count.wrapping_add(1)).rev() {
            slot.set_next_free(link);
            link = next;
        }
        let top = Top::of(self.top.load(Ordering::Relaxed));
        self.top.store(top.next(count, link), Ordering::Release);
    }

    /// Takes all slots at once if that is all the chunk has; whether it was.
    fn seal(&self, size: u32) -> bool {
        let word = self.top.load(Ordering::Acquire);
        let top = Top::of(word);
        top.count == size && self.exchange(word, top.next(0, 0)).is_ok()
    }

    /// Replaces the word if it is still the one seen.
    #[inline(always)]
    fn exchange(&self, seen: u64, new: u64) -> Result<(), u64> {
        self.top
            .compare_exchange(seen, new, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
    }
}

/// The free slots of [`GROUP`] chunks.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct FreeGroup {
    /// A bit for each list with something on it. It may be set for a moment while there is
    /// nothing; it is not cleared while there is something but by one who then looks again.
    some: AtomicU64,
    lists: [FreeList; GROUP as usize],
}

impl Default for FreeGroup {
    fn default() -> Self {
        Self {
            some: AtomicU64::new(0),
            lists: ::core::array::from_fn(|_| FreeList::new()),
        }
    }
}

impl FreeGroup {
    /// A group of empty lists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a slot of the lowest chunk that has one: the chunk's number in the group, the slot's
    /// place in it, and the slot.
    #[inline(always)]
    pub fn pop<'a, A: Stored>(
        &self,
        chunk: impl Fn(u32) -> Option<&'a [Slot<A>]>,
    ) -> Option<(u32, u32, &'a Slot<A>)> {
        let mut some = self.some.load(Ordering::Acquire);
        while some != 0 {
            let number = some.trailing_zeros();
            some &= some.wrapping_sub(1);
            let popped = self
                .lists
                .get(number as usize)
                .and_then(|list| list.pop(|| chunk(number)));
            if let Some((place, slot, was_last)) = popped {
                if was_last {
                    self.emptied(number);
                }
                return Some((number, place, slot));
            }
        }
        None
    }

    /// Gives back a slot of this place of chunk `number`.
    pub fn push<A: Stored>(&self, number: u32, slot: &Slot<A>, place: u32) {
        let was_empty = self
            .lists
            .get(number as usize)
            .is_some_and(|list| list.push(slot, place));
        // Who found the list with something on it leaves the bit to the one who did not.
        if was_empty {
            self.some.fetch_or(bit(number), Ordering::AcqRel);
        }
    }

    /// Puts all slots of the new chunk `number` on its list.
    pub fn fill<A: Stored>(&self, number: u32, slots: &[Slot<A>]) {
        if let Some(list) = self.lists.get(number as usize) {
            list.fill(slots);
            self.some.fetch_or(bit(number), Ordering::AcqRel);
        }
    }

    /// Takes all slots of chunk `number`, which has `size`, if they are all free; whether they
    /// were. From then on nobody gets one of them.
    pub fn seal(&self, number: u32, size: u32) -> bool {
        let sealed = self
            .lists
            .get(number as usize)
            .is_some_and(|list| list.seal(size));
        if sealed {
            self.emptied(number);
        }
        sealed
    }

    /// How many slots of chunk `number` are free.
    pub fn count(&self, number: u32) -> u32 {
        self.lists
            .get(number as usize)
            .map_or(0, |list| list.count())
    }

    /// Clears the bit of a list that was empty a moment ago.
    ///
    /// If something came on it meanwhile, whoever put it there has set the bit: either after this,
    /// or before, and then it is seen here. The exchanges of one word have an order.
    #[cold]
    #[inline(never)]
    fn emptied(&self, number: u32) {
        self.some.fetch_and(!bit(number), Ordering::AcqRel);
        if self.count(number) > 0 {
            self.some.fetch_or(bit(number), Ordering::AcqRel);
        }
    }
}

/// The bit of a list.
const fn bit(number: u32) -> u64 {
    1 << (number % GROUP)
}
