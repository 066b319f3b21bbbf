// SPDX-License-Identifier: GPL-2.0

//! Interrupts held disabled.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

use crate::sys;

/// An interrupt line that is disabled until this is dropped. Disabling nests.
///
/// The owner must drop it before the driver frees the line: freeing resets the depth, and a later
/// enable would be one too many.
pub(crate) struct DisabledIrq(u32);

impl DisabledIrq {
    /// Disables `irq` and waits for a handler that runs. Sleeps.
    pub(crate) fn new(irq: u32) -> Self {
        // SAFETY: In process context; an unknown number is ignored.
        unsafe { sys::disable_irq(irq) };
        Self(irq)
    }

    /// Its number, as /proc/interrupts has it.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for DisabledIrq {
    fn drop(&mut self) {
        // SAFETY: Paired with `disable_irq`.
        unsafe { sys::enable_irq(self.0) };
    }
}
