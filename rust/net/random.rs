// SPDX-License-Identifier: GPL-2.0

//! Random numbers for secrets.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

use crate::sys;

/// A number that nobody can guess.
pub(crate) fn u64() -> u64 {
    // SAFETY: No requirements.
    unsafe { sys::get_random_u64() }
}
