// SPDX-License-Identifier: GPL-2.0

//! Rings of packets between CPUs: the patent's data packet storage area 68 (Fig. 8).
//!
//! C header: [`include/linux/ptr_ring.h`](srctree/include/linux/ptr_ring.h), after whose idea this
//! is: a slot that holds null is free, so that producer and consumer share no index.

use ::core::{
    ptr,
    sync::atomic::{
        AtomicPtr, AtomicUsize,
        Ordering::{
            AcqRel,
            Acquire,
            Relaxed, //
        },
    },
};
use kernel::prelude::*;

use super::skb::SkBuff;
use crate::sys;

/// An index alone on its cache line.
#[repr(align(64))]
struct Index(AtomicUsize);

/// A bounded queue of packets.
///
/// It is meant for one producer and one consumer at a time. More of either lose the order of
/// packets, and may see the ring full or empty when it is not quite, but no more than that.
///
/// # Invariants
///
/// A slot that is not null holds a packet that the ring owns. The number of slots is a power of 2.
pub(crate) struct Ring {
    slots: KVVec<AtomicPtr<sys::sk_buff>>,
    producer: Index,
    consumer: Index,
}

impl Ring {
    /// Makes a ring for 2^`order` packets. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(order: u32) -> Result<Self> {
        let mut slots = KVVec::new();
        for _ in 0..1usize.checked_shl(order).ok_or(EINVAL)? {
            slots.push(AtomicPtr::new(ptr::null_mut()), GFP_KERNEL)?;
        }
        // INVARIANT: All null, and a power of 2.
        Ok(Self {
            slots,
            producer: Index(AtomicUsize::new(0)),
            consumer: Index(AtomicUsize::new(0)),
        })
    }

    fn slot(&self, index: usize) -> Option<&AtomicPtr<sys::sk_buff>> {
        self.slots.get(index & self.slots.len().wrapping_sub(1))
    }

    /// Appends a packet. Any context.
    ///
    /// # Errors
    ///
    /// The packet, if the ring is full.
    pub(crate) fn push(&self, packet: SkBuff) -> Result<(), SkBuff> {
        let index = self.producer.0.load(Relaxed);
        let Some(slot) = self.slot(index) else {
            return Err(packet);
        };
        let raw = packet.into_raw();
        if slot
            .compare_exchange(ptr::null_mut(), raw, AcqRel, Relaxed)
            .is_err()
        {
            // SAFETY: We just had it from `into_raw`, and the slot did not take it.
            return Err(unsafe { SkBuff::from_raw(raw) });
        }
        self.producer.0.store(index.wrapping_add(1), Relaxed);
        Ok(())
    }

    /// Takes the oldest packet. Any context.
    pub(crate) fn pop(&self) -> Option<SkBuff> {
        let index = self.consumer.0.load(Relaxed);
        let slot = self.slot(index)?;
        if slot.load(Acquire).is_null() {
            return None;
        }
        let raw = ptr::NonNull::new(slot.swap(ptr::null_mut(), AcqRel))?;
        self.consumer.0.store(index.wrapping_add(1), Relaxed);
        // SAFETY: By the type invariant; the swap has made it ours alone.
        Some(unsafe { SkBuff::from_raw(raw.as_ptr()) })
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.slot(self.consumer.0.load(Relaxed))
            .is_none_or(|slot| slot.load(Acquire).is_null())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
