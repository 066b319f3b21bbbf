// SPDX-License-Identifier: GPL-2.0

//! Bottom halves: the context in which packets are handled.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

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
    enable: bool,
    cpu: u32,
    _not_send: NotThreadSafe,
}

impl BottomHalf {
    /// Disables bottom halves until the value is dropped. Nests.
    pub(crate) fn disable() -> Self {
        // SAFETY: No requirements; undone on drop, on the same CPU as the type is not `Send`.
        unsafe { sys::local_bh_disable() };
        // INVARIANT: Just disabled.
        Self {
            enable: true,
            cpu: this_cpu(),
            _not_send: NotThreadSafe,
        }
    }

    /// For callbacks that the network stack calls in this context.
    ///
    /// # Safety
    ///
    /// Bottom halves must be disabled, or this must be one, until the value is dropped.
    pub(crate) unsafe fn assume() -> Self {
        // INVARIANT: The caller promises it.
        Self {
            enable: false,
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

impl Drop for BottomHalf {
    fn drop(&mut self) {
        if self.enable {
            // SAFETY: `disable` did the opposite.
            unsafe { sys::local_bh_enable() };
        }
    }
}
