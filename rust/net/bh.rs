// SPDX-License-Identifier: GPL-2.0

//! Bottom halves: the context in which packets are handled.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

use ::core::ops::Deref;
use kernel::types::NotThreadSafe;

use super::percpu::this_cpu;
use crate::sys;

/// Evidence that bottom halves are disabled on this CPU.
///
/// No packet handler can interrupt, and the caller stays on this CPU. It is also an RCU read-side
/// section: grace periods wait for it.
///
/// # Invariants
///
/// Bottom halves are disabled, or run, on the CPU `cpu`, this one, while an instance exists.
pub(crate) struct BottomHalf {
    cpu: u32,
    _not_send: NotThreadSafe,
}

impl BottomHalf {
    /// Disables bottom halves until the value is dropped. Nests.
    pub(crate) fn disable() -> Disabled {
        // SAFETY: No requirements; undone on drop, on the same CPU as the type is not `Send`.
        unsafe { sys::local_bh_disable() };
        // SAFETY: Just disabled, for as long as the value is not dropped, and that gives it out by
        // reference only.
        Disabled(unsafe { Self::assume() })
    }

    /// For callbacks that the network stack calls in this context.
    ///
    /// # Safety
    ///
    /// Bottom halves must be disabled, or this must be one, until the value is dropped.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        // INVARIANT: The caller promises it.
        Self {
            cpu: this_cpu(),
            _not_send: NotThreadSafe,
        }
    }

    /// The CPU that this runs on.
    #[inline(always)]
    pub(crate) fn cpu(&self) -> u32 {
        self.cpu
    }
}

/// Bottom halves that this has disabled, until it is dropped.
pub(crate) struct Disabled(BottomHalf);

impl Deref for Disabled {
    type Target = BottomHalf;

    #[inline(always)]
    fn deref(&self) -> &BottomHalf {
        &self.0
    }
}

impl Drop for Disabled {
    fn drop(&mut self) {
        // SAFETY: `BottomHalf::disable` did the opposite.
        unsafe { sys::local_bh_enable() };
    }
}
