// SPDX-License-Identifier: GPL-2.0

//! The coarse clock: ticks.
//!
//! C header: [`include/linux/jiffies.h`](srctree/include/linux/jiffies.h)

use crate::sys;

/// Ticks in a second.
pub(crate) const SECOND: u32 = sys::YARD_HZ;

const MILLISECONDS_A_TICK: u32 = {
    assert!(1000 % sys::YARD_HZ == 0);
    1000 / sys::YARD_HZ
};

/// Ticks since boot, wrapping.
#[inline(always)]
pub(crate) fn ticks() -> u32 {
    // SAFETY: A word that is read whole; its lower half is what counts.
    let jiffies = unsafe { (&raw const sys::jiffies).read_volatile() };
    jiffies as u32
}

/// Milliseconds since boot, wrapping, that move once a tick.
#[inline(always)]
pub(crate) fn coarse_milliseconds() -> u32 {
    ticks().wrapping_mul(MILLISECONDS_A_TICK)
}
