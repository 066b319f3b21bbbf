// SPDX-License-Identifier: GPL-2.0

//! Shared values that are replaced as a whole, read under RCU.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use ::core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::null_mut,
    sync::atomic::{
        AtomicPtr,
        Ordering::{
            AcqRel,
            Acquire,
            Relaxed,
            Release, //
        }, //
    },
};
use kernel::{
    alloc::{
        Allocator,
        Box, //
    },
    prelude::*,
    sync::{
        rcu,
        Arc,
        ArcBorrow, //
    },
};

use super::bh::BottomHalf;
use crate::sys;

/// A time at whose end nobody reads any more who was reading at its beginning.
pub(crate) struct GracePeriod(c_ulong);

impl GracePeriod {
    /// Begins one. Any context.
    pub(crate) fn start() -> Self {
        // SAFETY: No requirements.
        Self(unsafe { sys::start_poll_synchronize_rcu() })
    }

    /// Whether it is over. Any context.
    pub(crate) fn has_elapsed(&self) -> bool {
        // SAFETY: The value comes from `start_poll_synchronize_rcu`.
        unsafe { sys::poll_state_synchronize_rcu(self.0) }
    }

    /// Returns when it is over. May sleep: not to be called under an RCU guard or a spin lock.
    pub(crate) fn wait(&self) {
        if !self.has_elapsed() {
            rcu::synchronize_rcu();
        }
    }
}

/// What nobody can come to know any more, but some may still read.
///
/// Dropping it waits for the end of the grace period: may sleep.
///
/// # Invariants
///
/// The value was taken from where readers find it before the grace period began.
pub(crate) struct Retired<T> {
    value: ManuallyDrop<T>,
    grace: GracePeriod,
}

impl<T> Retired<T> {
    /// For what has just been taken from where readers find it.
    fn new(value: T) -> Self {
        // INVARIANT: The caller's promise.
        Self {
            value: ManuallyDrop::new(value),
            grace: GracePeriod::start(),
        }
    }

    /// Whether dropping it would not have to wait.
    pub(crate) fn has_elapsed(&self) -> bool {
        self.grace.has_elapsed()
    }
}

impl<T> Drop for Retired<T> {
    fn drop(&mut self) {
        self.grace.wait();
        // SAFETY: It is not used after this.
        unsafe { ManuallyDrop::drop(&mut self.value) };
    }
}

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

impl<T> RcuArc<T> {
    /// Publishes `new` and returns what it replaces, which some may still read. Any context.
    pub(crate) fn publish(&self, new: Arc<T>) -> Retired<Arc<T>> {
        let new = Arc::into_raw(new).cast_mut();
        let old = self.pointer.swap(new, AcqRel);
        // SAFETY: As in `swap`: `old` came from `Arc::into_raw` with its count, which passes to
        // the result, once. The type invariant keeps that for a grace period, as `Retired` does.
        Retired::new(unsafe { Arc::from_raw(old) })
    }
}

impl<T> Drop for RcuArc<T> {
    fn drop(&mut self) {
        // SAFETY: The type invariant: the count is ours. Readers borrow `self`, so none is left.
        drop(unsafe { Arc::from_raw(*self.pointer.get_mut()) });
    }
}

/// Room for a boxed value that comes and goes while others read it; they pay one load.
///
/// # Invariants
///
/// - `pointer` is null or comes from [`Box::into_raw`], and `self` owns that box.
/// - After `pointer` has been replaced by null, the box is kept for a grace period.
pub(crate) struct RcuBox<T, A: Allocator> {
    pointer: AtomicPtr<T>,
    _owner: PhantomData<Box<T, A>>,
}

impl<T, A: Allocator> RcuBox<T, A> {
    /// Empty.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            pointer: AtomicPtr::new(null_mut()),
            _owner: PhantomData,
        }
    }

    /// Whether there is a value.
    pub(crate) fn is_some(&self) -> bool {
        !self.pointer.load(Relaxed).is_null()
    }

    /// The value, which stays valid, even if it is taken, while bottom halves are disabled.
    #[inline]
    pub(crate) fn read_bh<'a>(&'a self, _context: &'a BottomHalf) -> Option<&'a T> {
        // Pairs with the release in `put`.
        let pointer = self.pointer.load(Acquire);
        // SAFETY: By the type invariants it is null or a box's that is kept until a grace period
        // is over, which waits for bottom halves to be enabled. What is published is only shared.
        unsafe { pointer.as_ref() }
    }

    /// Publishes a value; gives it back if there is one already. Any context.
    pub(crate) fn put(&self, value: Box<T, A>) -> Result<(), Box<T, A>> {
        let new = Box::into_raw(value);
        match self
            .pointer
            .compare_exchange(null_mut(), new, Release, Relaxed)
        {
            // INVARIANT: The box is ours now.
            Ok(_) => Ok(()),
            // SAFETY: Made above, and not published.
            Err(_) => Err(unsafe { Box::from_raw(new) }),
        }
    }

    /// Takes the value away; some may still read it. Any context.
    pub(crate) fn take(&self) -> Option<Retired<Box<T, A>>> {
        let pointer = self.pointer.swap(null_mut(), AcqRel);
        // SAFETY: By the type invariants, if it is not null it comes from `Box::into_raw`; the
        // exchange gives it to one caller only. `Retired` keeps the box for a grace period.
        (!pointer.is_null()).then(|| Retired::new(unsafe { Box::from_raw(pointer) }))
    }
}

impl<T, A: Allocator> Drop for RcuBox<T, A> {
    fn drop(&mut self) {
        let pointer = *self.pointer.get_mut();
        if !pointer.is_null() {
            // SAFETY: The type invariants: the box is ours. Readers borrow `self`.
            drop(unsafe { Box::<T, A>::from_raw(pointer) });
        }
    }
}

// SAFETY: It owns a box of `T`, gives out shared references to it on any CPU, and may drop it on
// any.
unsafe impl<T: Send + Sync, A: Allocator> Send for RcuBox<T, A> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync, A: Allocator> Sync for RcuBox<T, A> {}
