// SPDX-License-Identifier: GPL-2.0

//! Tables whose rows have a number for life, and never the number of another one.
//!
//! ```text
//!      31            20 19                             0
//!      +---------------+--------------------------------+
//!      | generation    | slot                           |
//!      +---------------+--------------------------------+
//! ```
//!
//! The slot is the place in the table. The generation begins at 1 and grows each time the slot
//! is emptied; a slot that has used up its generations is left empty for ever, so a number that
//! a connection remembers after its service is gone finds nothing, never something else.

use kernel::prelude::*;

const SLOT_BITS: u32 = 20;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const FIRST: u32 = 1 << SLOT_BITS;

/// The slot that the number `id` is of.
fn slot_of(id: u32) -> usize {
    // A `u32` fits into the `usize` of every machine that the module builds for.
    (id & SLOT_MASK) as usize
}

struct Slot<T> {
    /// The number of the value, or of the next one to come here; 0 if none can.
    id: u32,
    value: Option<T>,
}

/// A table of values with numbers, never 0.
pub(crate) struct Slots<T> {
    slots: KVVec<Slot<T>>,
    free: KVVec<u32>,
    used: u32,
}

impl<T> Slots<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            slots: KVVec::new(),
            free: KVVec::new(),
            used: 0,
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> u32 {
        self.used
    }

    /// Whether there has never been a value.
    pub(crate) fn is_untouched(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value of number `id`, if it is still there.
    #[inline(always)]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        match self.slots.get(slot_of(id)) {
            Some(slot) if slot.id == id => slot.value.as_ref(),
            _ => None,
        }
    }

    /// The value of number `id`, to be changed.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        match self.slots.get_mut(slot_of(id)) {
            Some(slot) if slot.id == id => slot.value.as_mut(),
            _ => None,
        }
    }

    /// Adds what `make` makes for its number.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is no number left, `ENOMEM`, or what `make` returns; the table is then
    /// as before.
    pub(crate) fn insert(&mut self, make: impl FnOnce(u32) -> Result<T>) -> Result<u32> {
        let index = match self.free.last() {
            Some(index) => *index,
            None => {
                let index = u32::try_from(self.slots.len()).map_err(|_| ENOSPC)?;
                if index > SLOT_MASK {
                    return Err(ENOSPC);
                }
                // An entry on the free list for each slot, so that `remove` cannot fail.
                self.free
                    .reserve(self.slots.len().saturating_add(1), GFP_KERNEL)?;
                self.slots.push(
                    Slot {
                        id: FIRST | index,
                        value: None,
                    },
                    GFP_KERNEL,
                )?;
                self.free.push_within_capacity(index).map_err(|_| ENOMEM)?;
                index
            }
        };
        let slot = self.slots.get_mut(slot_of(index)).ok_or(EINVAL)?;
        slot.value = Some(make(slot.id)?);
        self.free.pop();
        self.used = self.used.wrapping_add(1);
        Ok(slot.id)
    }

    /// Takes out the value of number `id`, which no other value will have.
    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let index = slot_of(id);
        let slot = self.slots.get_mut(index).filter(|slot| slot.id == id)?;
        let value = slot.value.take()?;
        self.used = self.used.wrapping_sub(1);
        match slot.id.checked_add(FIRST) {
            Some(next) => {
                slot.id = next;
                // There is room: see `insert` and `try_map`.
                let _ = self.free.push_within_capacity(id & SLOT_MASK);
            }
            None => slot.id = 0,
        }
        Some(value)
    }

    /// A table of what `make` makes of each value, with the same numbers.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what `make` returns.
    pub(crate) fn try_map<U>(&self, mut make: impl FnMut(&T) -> Result<U>) -> Result<Slots<U>> {
        let mut slots = KVVec::with_capacity(self.slots.len(), GFP_KERNEL)?;
        for slot in &self.slots {
            let value = slot.value.as_ref().map(&mut make).transpose()?;
            slots
                .push_within_capacity(Slot { id: slot.id, value })
                .map_err(|_| ENOMEM)?;
        }
        let mut free = KVVec::with_capacity(self.slots.len(), GFP_KERNEL)?;
        free.extend_from_slice(&self.free, GFP_KERNEL)?;
        Ok(Slots {
            slots,
            free,
            used: self.used,
        })
    }

    /// The values with their numbers, in the order of the slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots
            .iter()
            .filter_map(|slot| slot.value.as_ref().map(|value| (slot.id, value)))
    }

    /// The values from the slot `first` on, with the slot that each is in.
    pub(crate) fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        self.slots
            .get(first as usize..)
            .unwrap_or_default()
            .iter()
            .zip(first..)
            .filter_map(|(slot, index)| slot.value.as_ref().map(|value| (index, value)))
    }
}
