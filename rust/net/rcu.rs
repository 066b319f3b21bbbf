// SPDX-License-Identifier: GPL-2.0

//! A shared value that is replaced as a whole, read under RCU.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use ::core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicPtr,
        Ordering::{
            AcqRel,
            Acquire, //
        }, //
    },
};
use kernel::sync::{
    rcu,
    Arc,
    ArcBorrow, //
};

use super::bh::BottomHalf;

/// An `Arc<T>` that can be replaced while others read it.
///
/// A reader pays one load: neither the reference count nor any other shared line is written.
/// The load is an inline one, not `kernel::sync::atomic`, whose operations are calls in a kernel
/// built by gcc.
///
/// # Invariants
///
/// - `pointer` comes from [`Arc::into_raw`], and the reference count that this stands for is
///   owned by `self`.
/// - After `pointer` has been replaced, that reference count is kept for a grace period.
pub(crate) struct RcuArc<T> {
    pointer: AtomicPtr<T>,
    _owner: PhantomData<Arc<T>>,
}

impl<T> RcuArc<T> {
    /// Holds `value`.
    pub(crate) fn new(value: Arc<T>) -> Self {
        // INVARIANT: The count of `value` passes to the new object.
        Self {
            pointer: AtomicPtr::new(Arc::into_raw(value).cast_mut()),
            _owner: PhantomData,
        }
    }

    /// The current value, which stays valid, if no longer current, while `guard` is held.
    #[inline]
    pub(crate) fn read<'a>(&'a self, _guard: &'a rcu::Guard) -> &'a T {
        // Pairs with the release in `swap`: what was written to the value before it was
        // published is seen.
        let pointer = self.pointer.load(Acquire);
        // SAFETY: By the type invariants the pointer is to a value that is kept for a grace
        // period after its replacement; the grace period cannot end before the guard, which was
        // taken before the load, is dropped. An `Arc`'s value is only shared.
        unsafe { &*pointer }
    }

    /// The same as [`Self::read`] where bottom halves are disabled, which is an RCU read-side
    /// section as well: all flavours share their grace periods.
    #[inline]
    pub(crate) fn read_bh<'a>(&'a self, _context: &'a BottomHalf) -> &'a T {
        let pointer = self.pointer.load(Acquire);
        // SAFETY: As in `read`; the grace period cannot end before bottom halves are enabled.
        unsafe { &*pointer }
    }

    /// A counted reference to the current value, for use beyond an RCU section.
    pub(crate) fn get(&self) -> Arc<T> {
        let _guard = rcu::read_lock();
        let pointer = self.pointer.load(Acquire);
        // SAFETY: The pointer comes from `Arc::into_raw`; as in `read`, the count that goes with
        // it is not given up before `_guard` is dropped, which is after the borrow has ended.
        let borrow = unsafe { ArcBorrow::from_raw(pointer) };
        Arc::from(borrow)
    }

    /// Publishes `new`, waits until no reader can be using what it replaces, and returns that.
    ///
    /// Sleeps, for a grace period: not to be called under an RCU guard or a spin lock.
    pub(crate) fn swap(&self, new: Arc<T>) -> Arc<T> {
        let new = Arc::into_raw(new).cast_mut();
        let old = self.pointer.swap(new, AcqRel);
        rcu::synchronize_rcu();
        // SAFETY: By the type invariant `old` came from `Arc::into_raw` with its count, which
        // passes to the result, once: the exchange gives each pointer to one caller only. A
        // grace period has gone by.
        unsafe { Arc::from_raw(old) }
    }
}

impl<T> Drop for RcuArc<T> {
    fn drop(&mut self) {
        // SAFETY: The type invariant: the count is ours. Readers borrow `self`, so none is left.
        drop(unsafe { Arc::from_raw(*self.pointer.get_mut()) });
    }
}
