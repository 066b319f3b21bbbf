// SPDX-License-Identifier: GPL-2.0

//! NAPI instances, taken from their interrupts and polled by whoever took them.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
//!
//! An instance belongs to whoever set `NAPI_STATE_SCHED`. While `NAPI_STATE_IN_BUSY_POLL` is set
//! too, `napi_complete_done()` does nothing and the driver does not re-arm its interrupt. The
//! kernel's own busy polling rests on the same two bits.

use ::core::{
    ptr::NonNull,
    sync::atomic::{
        AtomicUsize,
        Ordering::{
            AcqRel,
            Acquire,
            Relaxed, //
        },
    },
};
use kernel::sync::rcu;

use super::{
    bh::BottomHalf,
    device::NetDevice, //
};
use crate::sys;

const SCHED: usize = 1 << sys::NAPI_STATE_SCHED;
const DISABLE: usize = 1 << sys::NAPI_STATE_DISABLE;
const NPSVC: usize = 1 << sys::NAPI_STATE_NPSVC;
const IN_BUSY_POLL: usize = 1 << sys::NAPI_STATE_IN_BUSY_POLL;

/// Why a queue could not be taken at this moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// The queue has no NAPI instance, or none that is enabled: nothing to wait for.
    Absent,
    /// Softirq owns it for the moment: try again soon.
    Busy,
}

/// A NAPI instance that we own: nobody else polls it, and its interrupt is not re-armed.
///
/// # Invariants
///
/// `SCHED` and `IN_BUSY_POLL` of `napi.state` were set by us. `napi_disable()`, which comes before
/// any driver frees the instance, waits until `SCHED` is clear, so `napi` is valid.
pub(crate) struct Napi {
    napi: NonNull<sys::napi_struct>,
}

// SAFETY: Whoever owns the bits may poll, on any CPU.
unsafe impl Send for Napi {}

fn state(napi: NonNull<sys::napi_struct>, _guard: &rcu::Guard) -> &AtomicUsize {
    // SAFETY: The callers found `napi` under the RCU guard, or own it; it is freed after a grace
    // period. The kernel only ever changes the word atomically.
    unsafe { AtomicUsize::from_ptr((&raw mut (*napi.as_ptr()).state).cast()) }
}

/// The instance that serves receive queue `queue` of `dev`.
fn find(dev: &NetDevice, queue: u32, _guard: &rcu::Guard) -> Option<NonNull<sys::napi_struct>> {
    let raw = dev.as_ptr();
    if queue >= dev.receive_queues() {
        return None;
    }
    // SAFETY: `raw` is valid; `_rx` holds `num_rx_queues` elements for the device's life.
    let rxq = unsafe { (*raw)._rx.add(usize::try_from(queue).ok()?) };
    // SAFETY: `rxq` is valid; drivers that tell their instances set and clear the pointer whole.
    let told = unsafe { (&raw const (*rxq).napi).read_volatile() };
    if let Some(told) = NonNull::new(told) {
        return Some(told);
    }
    // The driver (veth, for one) does not say which instance serves which queue. If it has as
    // many instances as queues, they were added in the order of the queues, and the list, to
    // whose head each was added, has them backwards.
    let mut count = 0u32;
    let mut found = None;
    // SAFETY: `raw` is valid.
    let head = unsafe { &raw const (*raw).napi_list };
    // SAFETY: The list is changed by the RCU variants, and elements are freed after a grace period.
    let mut entry = unsafe { (&raw const (*head).next).read_volatile() };
    let total = dev.receive_queues();
    while !::core::ptr::eq(entry, head) && count <= total {
        count = count.wrapping_add(1);
        if total.wrapping_sub(count) == queue {
            // SAFETY: Every entry of `napi_list` is the `dev_list` of a `napi_struct`.
            let napi = unsafe { kernel::container_of!(entry, sys::napi_struct, dev_list) };
            found = NonNull::new(napi);
        }
        // SAFETY: As for the head.
        entry = unsafe { (&raw const (*entry).next).read_volatile() };
    }
    found.filter(|_| count == total)
}

impl Napi {
    /// Takes the instance that serves receive queue `queue` of `dev` from its interrupt.
    ///
    /// # Errors
    ///
    /// See [`Untaken`].
    pub(crate) fn take(dev: &NetDevice, queue: u32) -> Result<Self, Untaken> {
        let guard = rcu::read_lock();
        let napi = find(dev, queue, &guard).ok_or(Untaken::Absent)?;
        let state = state(napi, &guard);
        let old = state.load(Relaxed);
        // A disabled instance has both, and keeps them until it is enabled again.
        if old & SCHED != 0 && old & NPSVC != 0 {
            return Err(Untaken::Absent);
        }
        if old & (DISABLE | SCHED | IN_BUSY_POLL) != 0 {
            return Err(Untaken::Busy);
        }
        state
            .compare_exchange(old, old | SCHED | IN_BUSY_POLL, AcqRel, Relaxed)
            .map_err(|_| Untaken::Busy)?;
        // INVARIANT: We just set the bits, which keeps the instance from being freed.
        Ok(Self { napi })
    }

    /// Whether receive queue `queue` of `dev` has an instance that can be taken at all.
    pub(crate) fn exists(dev: &NetDevice, queue: u32) -> bool {
        find(dev, queue, &rcu::read_lock()).is_some()
    }

    /// Polls once for up to `budget` packets, which go through the receive path of the stack, and
    /// returns how many there were. In process context, bottom halves enabled.
    pub(crate) fn poll(&mut self, budget: u16) -> u32 {
        // SAFETY: By the type invariant we own the instance.
        let work = unsafe { sys::yard_napi_poll(self.napi.as_ptr(), i32::from(budget)) };
        u32::try_from(work).unwrap_or(0)
    }

    /// Whether somebody waits in `napi_disable()` for us to give the instance back.
    pub(crate) fn is_wanted_back(&self) -> bool {
        // SAFETY: By the type invariant.
        let state = unsafe { AtomicUsize::from_ptr((&raw mut (*self.napi.as_ptr()).state).cast()) };
        state.load(Acquire) & DISABLE != 0
    }

    /// The interrupt of the instance, if the driver publishes it.
    pub(crate) fn irq(&self) -> Option<u32> {
        // SAFETY: By the type invariant.
        let irq = unsafe { (*self.napi.as_ptr()).irq };
        u32::try_from(irq).ok().filter(|irq| *irq != 0)
    }
}

/// Gives the instance to softirq on this CPU, which polls it and re-arms the interrupt.
impl Drop for Napi {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        let state = unsafe { AtomicUsize::from_ptr((&raw mut (*self.napi.as_ptr()).state).cast()) };
        state.fetch_and(!IN_BUSY_POLL, AcqRel);
        let _bh = BottomHalf::disable();
        // SAFETY: We still own it by `SCHED`, which passes to softirq with this call: when bottom
        // halves are enabled again.
        unsafe { sys::__napi_schedule(self.napi.as_ptr()) };
    }
}
