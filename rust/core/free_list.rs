// SPDX-License-Identifier: GPL-2.0

//! The free slots, as a stack without a lock (Treiber, IBM RJ 5118, 1986).

use super::atomic::{
    AtomicU32,
    AtomicU64,
    Ordering, //
};

use super::slot::{
    Slots,
    Stored, //
};

/// The stack of free slots. A counter beside the top makes every state of it unique, so that a
/// top that went and came back meanwhile is not mistaken for one that stayed.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct FreeList {
    /// Counter in the upper half, index of the top slot plus 1 in the lower; 0 is empty.
    top: AtomicU64,
    /// How many are free; behind by those that are just being taken or given back.
    count: AtomicU32,
}

impl FreeList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many slots are free.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes a free slot. Any context; never waits.
    pub fn pop<A: Stored>(&self, slots: &impl Slots<A>) -> Option<u32> {
        let mut top = self.top.load(Ordering::Acquire);
        loop {
            let index = ((top & 0xffff_ffff) as u32).checked_sub(1)?;
            // If the slot is taken before the exchange below, this link is stale, but then the
            // counter has moved on and the exchange fails.
            let next = slots.slot(index)?.next_free();
            match self.exchange(top, next) {
                Ok(()) => {
                    self.count.fetch_sub(1, Ordering::Relaxed);
                    return Some(index);
                }
                Err(newer) => top = newer,
            }
        }
    }

    /// Gives back one slot, or adds `count` new ones from `first` on.
    ///
    /// They must be there, free, and in no list. Any context; never waits.
    pub fn push<A: Stored>(&self, slots: &impl Slots<A>, first: u32, count: u32) {
        let Some(last) = first.checked_add(count).and_then(|end| end.checked_sub(1)) else {
            return;
        };
        for index in first..last {
            if let Some(slot) = slots.slot(index) {
                slot.set_next_free(index.wrapping_add(2));
            }
        }
        let Some(slot) = slots.slot(last) else {
            return;
        };
        // Counted before they can be taken, so that the count never falls below zero.
        self.count.fetch_add(count, Ordering::Relaxed);
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            slot.set_next_free((top & 0xffff_ffff) as u32);
            match self.exchange(top, first.wrapping_add(1)) {
                Ok(()) => return,
                Err(newer) => top = newer,
            }
        }
    }

    /// Replaces the top if it is still the one seen, and moves the counter on.
    fn exchange(&self, seen: u64, link: u32) -> Result<(), u64> {
        let counter = (seen >> 32).wrapping_add(1) << 32;
        self.top
            .compare_exchange_weak(
                seen,
                counter | u64::from(link),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .map(|_| ())
    }
}
