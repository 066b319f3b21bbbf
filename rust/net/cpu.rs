// SPDX-License-Identifier: GPL-2.0

//! CPUs.
//!
//! C header: [`include/linux/cpumask.h`](srctree/include/linux/cpumask.h)

use crate::sys;

/// Whether `cpu` exists and runs at this moment.
pub(crate) fn is_online(cpu: u32) -> bool {
    // SAFETY: The number is in range.
    cpu < kernel::cpu::nr_cpu_ids() && unsafe { sys::cpu_online(cpu) }
}
