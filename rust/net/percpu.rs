// SPDX-License-Identifier: GPL-2.0

//! Per-CPU values and counters.
//!
//! C header: [`include/linux/percpu.h`](srctree/include/linux/percpu.h). The values lie in an
//! ordinary array, a cache line or more for each CPU, so that other CPUs can read them as easily
//! as their own.

use ::core::{
    cell::{
        Cell,
        UnsafeCell, //
    },
    ops::{
        Deref,
        DerefMut, //
    },
    sync::atomic::{
        AtomicU64,
        Ordering::Relaxed, //
    },
};
use kernel::prelude::*;

use super::bh::BottomHalf;
use crate::sys;

/// A value alone on its cache lines. The pair of lines that the adjacent-line prefetcher
/// fetches together counts as one.
#[repr(align(128))]
struct Padded<T>(T);

/// One `T` for each possible CPU.
pub(crate) struct PerCpu<T> {
    values: KVVec<Padded<T>>,
}

impl<T> PerCpu<T> {
    /// Makes one value for each possible CPU. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what `make` returns.
    pub(crate) fn new(mut make: impl FnMut(u32) -> Result<T>) -> Result<Self> {
        let count = kernel::cpu::nr_cpu_ids();
        let mut values = KVVec::with_capacity(count as usize, GFP_KERNEL)?;
        for cpu in 0..count {
            values.push(Padded(make(cpu)?), GFP_KERNEL)?;
        }
        Ok(Self { values })
    }

    /// The value of `cpu`.
    #[inline(always)]
    pub(crate) fn get(&self, cpu: u32) -> Option<&T> {
        // A `u32` fits into the `usize` of every machine that the module builds for.
        self.values.get(cpu as usize).map(|padded| &padded.0)
    }

    /// The value of the CPU that this runs on.
    #[inline(always)]
    pub(crate) fn own(&self, bh: &BottomHalf) -> Option<&T> {
        self.get(bh.cpu())
    }

    /// The value of the CPU that this runs on; of any one if the caller may be moved.
    pub(crate) fn this(&self) -> Option<&T> {
        self.get(this_cpu())
    }

    /// All values, in the order of the CPUs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(|padded| &padded.0)
    }
}

/// One `T` for each possible CPU, that only its own CPU touches.
pub(crate) struct PerCpuOwned<T> {
    values: PerCpu<Owned<T>>,
}

struct Owned<T> {
    busy: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: `PerCpuOwned::own` lets nobody but the own CPU in, and that not twice.
unsafe impl<T: Send> Sync for Owned<T> {}

impl<T: Send> PerCpuOwned<T> {
    /// Makes one value for each possible CPU. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what `make` returns.
    pub(crate) fn new(mut make: impl FnMut(u32) -> Result<T>) -> Result<Self> {
        Ok(Self {
            values: PerCpu::new(|cpu| {
                Ok(Owned {
                    busy: Cell::new(false),
                    value: UnsafeCell::new(make(cpu)?),
                })
            })?,
        })
    }

    /// This CPU's value; `None` if somebody further down the stack has it.
    #[inline(always)]
    pub(crate) fn own<'a>(&'a self, bh: &'a BottomHalf) -> Option<Own<'a, T>> {
        let owned = self.values.own(bh)?;
        (!owned.busy.replace(true)).then_some(Own(owned))
    }

    /// Calls `f` with this CPU's value; `None` if somebody further down the stack has it.
    #[inline]
    pub(crate) fn with<R>(&self, bh: &BottomHalf, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(f(&mut *self.own(bh)?))
    }
}

/// A CPU's value while nobody else has it.
///
/// # Invariants
///
/// `busy` is set by us, and bottom halves are disabled, so we stay on this CPU and nothing that
/// holds a `BottomHalf` interrupts.
pub(crate) struct Own<'a, T>(&'a Owned<T>);

impl<T> Deref for Own<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant, the value is ours alone.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Own<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant, the value is ours alone.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Own<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.busy.set(false);
    }
}

/// For each possible CPU an `S`, which all may read, and beside it a `T` of its own.
pub(crate) struct PerCpuBoth<S, T> {
    values: PerCpu<Both<S, T>>,
}

struct Both<S, T> {
    shared: S,
    own: T,
}

// SAFETY: `PerCpuBoth::own` lets nobody but the own CPU at `own`.
unsafe impl<S: Sync, T: Send> Sync for Both<S, T> {}

impl<S, T> PerCpuBoth<S, T> {
    /// Makes both for each possible CPU. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(mut shared: impl FnMut() -> S, mut own: impl FnMut() -> T) -> Result<Self> {
        Ok(Self {
            values: PerCpu::new(|_| {
                Ok(Both {
                    shared: shared(),
                    own: own(),
                })
            })?,
        })
    }

    /// Those of the CPU that this runs on. The evidence, and so the reference, stays there.
    #[inline(always)]
    pub(crate) fn own<'a>(&'a self, bh: &'a BottomHalf) -> Option<(&'a S, &'a T)> {
        let both = self.values.own(bh)?;
        Some((&both.shared, &both.own))
    }

    /// What all may read of the CPU that this runs on; of any one if the caller may be moved.
    pub(crate) fn this(&self) -> Option<&S> {
        Some(&self.values.this()?.shared)
    }

    /// What all may read, in the order of the CPUs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &S> {
        self.values.iter().map(|both| &both.shared)
    }
}

/// The CPU that this runs on. Stays true only while bottom halves or preemption are disabled.
#[inline(always)]
pub(crate) fn this_cpu() -> u32 {
    #[cfg(all(CONFIG_X86_64, CONFIG_SMP, not(CONFIG_UML)))]
    {
        let cpu: u32;
        // SAFETY: This is `raw_smp_processor_id()`: it reads a variable of this CPU.
        unsafe {
            ::core::arch::asm!(
                "mov {cpu:e}, gs:[rip + {number}]",
                cpu = out(reg) cpu,
                number = sym sys::cpu_number,
                options(nostack, preserves_flags, readonly),
            );
        }
        cpu
    }
    #[cfg(not(all(CONFIG_X86_64, CONFIG_SMP, not(CONFIG_UML))))]
    // SAFETY: No requirements.
    unsafe {
        sys::yard_this_cpu()
    }
}

/// A 64-bit count with one writer at a time: its own CPU with bottom halves disabled.
///
/// Any CPU may read it. An addition is a plain load and store: no locked instruction, and no
/// line shared with another writer.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`, wrapping at 2^64. To be called by the one writer only.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The count.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
