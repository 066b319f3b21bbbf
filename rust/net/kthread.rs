// SPDX-License-Identifier: GPL-2.0

//! Kernel threads bound to one CPU.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use ::core::{
    ffi::{
        c_int,
        c_void,
        CStr, //
    },
    ptr::NonNull, //
};
use kernel::{
    cpu::CpuId,
    cpumask::CpumaskVar,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::Arc, //
};

use crate::sys;

/// What a thread does.
pub(crate) trait Run: Send + Sync + 'static {
    /// The body; returns soon after [`Current::should_stop`] says so.
    fn run(&self, current: &Current);
}

/// The running thread, as its own body sees it.
pub(crate) struct Current(());

impl Current {
    /// Whether [`Thread`] is being dropped.
    pub(crate) fn should_stop(&self) -> bool {
        // SAFETY: Called by a kthread's own body.
        unsafe { sys::kthread_should_stop() }
    }

    /// Sleeps until woken or for `jiffies`, unless `ready` says that there is work.
    ///
    /// A wake-up between `ready` and the sleep is not lost.
    pub(crate) fn sleep_unless(&self, jiffies: c_long, ready: impl FnOnce() -> bool) {
        // SAFETY: The thread may sleep; its state is set back below.
        unsafe { sys::yard_set_state(sys::TASK_INTERRUPTIBLE) };
        if !ready() && !self.should_stop() {
            // SAFETY: The state has been set.
            unsafe { sys::schedule_timeout(jiffies) };
        }
        // SAFETY: Undoes the above.
        unsafe { sys::yard_set_state(sys::TASK_RUNNING) };
    }

    /// Lets others run if they want to.
    pub(crate) fn yield_if_needed(&self) {
        yield_if_needed();
    }
}

/// Lets others have the CPU if it is their turn. May sleep.
pub(crate) fn yield_if_needed() {
    // SAFETY: No requirements but for the context.
    unsafe { sys::yard_cond_resched() };
}

/// A thread; dropping it asks it to stop and waits until it has. Sleeps.
///
/// # Invariants
///
/// - `task` is a kthread that has not been stopped, of which we own a reference.
/// - `data` is what its body was or will be given; `release` frees that.
pub(crate) struct Thread {
    task: NonNull<sys::task_struct>,
    data: *const c_void,
    release: unsafe fn(*const c_void),
}

// SAFETY: Waking and stopping may be done from anywhere.
unsafe impl Send for Thread {}
// SAFETY: `wake` is safe to call at the same time from many places.
unsafe impl Sync for Thread {}

/// # Safety
///
/// To be given to `kthread_create_on_node` with an `Arc<T>` as made by `Arc::into_raw`, once.
unsafe extern "C" fn body<T: Run>(data: *mut c_void) -> c_int {
    // SAFETY: `Thread::new` gave this thread its own reference, made by `Arc::into_raw`.
    let work: Arc<T> = unsafe { Arc::from_raw(data.cast_const().cast()) };
    work.run(&Current(()));
    drop(work);
    // A thread that returned before being stopped would be freed under its owner.
    // SAFETY: We are that thread.
    while !unsafe { sys::kthread_should_stop() } {
        // SAFETY: We may sleep.
        unsafe { sys::schedule_timeout_interruptible(1) };
    }
    0
}

/// Frees what a body of `T` was to be given.
///
/// # Safety
///
/// `data` must come from `Arc::<T>::into_raw` and not have been given to a body.
unsafe fn release<T: Run>(data: *const c_void) {
    // SAFETY: The caller promises it.
    drop(unsafe { Arc::<T>::from_raw(data.cast()) });
}

impl Thread {
    /// Starts a thread that runs `work`, on `cpu` only if one is given.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINTR` if the caller is being killed.
    pub(crate) fn new<T: Run>(name: &CStr, cpu: Option<u32>, work: Arc<T>) -> Result<Self> {
        let data = work.into_raw();
        // SAFETY: `body::<T>` takes what `into_raw` made; the format takes one string.
        let task = from_err_ptr(unsafe {
            sys::kthread_create_on_node(
                Some(body::<T>),
                data.cast_mut().cast(),
                -1,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        })
        .inspect_err(|_| {
            // SAFETY: No thread has come to own it.
            drop(unsafe { Arc::<T>::from_raw(data) });
        })?;
        let task = NonNull::new(task).ok_or(ENOMEM)?;
        // SAFETY: The thread has not run yet. Our reference keeps the structure after its end.
        unsafe {
            sys::get_task_struct(task.as_ptr());
            if let Some(cpu) = cpu {
                sys::kthread_bind(task.as_ptr(), cpu);
            }
            sys::wake_up_process(task.as_ptr());
        }
        // INVARIANT: Made above.
        Ok(Self {
            task,
            data: data.cast(),
            release: release::<T>,
        })
    }

    /// Ends a sleep of the thread, now or, if it is about to begin one, then. Any context.
    pub(crate) fn wake(&self) {
        // SAFETY: By the type invariant the task is valid.
        unsafe { sys::wake_up_process(self.task.as_ptr()) };
    }

    /// Lets the thread run on `cpus` only; on all if there are none. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINVAL` if none of them is online.
    pub(crate) fn confine(&self, cpus: &[u32]) -> Result {
        let mut mask = CpumaskVar::new_zero(GFP_KERNEL)?;
        for cpu in cpus {
            if let Some(cpu) = CpuId::from_u32(*cpu) {
                mask.set(cpu);
            }
        }
        if cpus.is_empty() {
            mask.setall();
        }
        // SAFETY: Both are valid; the two types of mask are the same one of C.
        to_result(unsafe { sys::set_cpus_allowed_ptr(self.task.as_ptr(), mask.as_raw().cast()) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        let result = unsafe { sys::kthread_stop(self.task.as_ptr()) };
        if result == EINTR.to_errno() {
            // It was stopped before it came to run its body, which returns nothing but zero.
            // SAFETY: So the body has not had, and never will have, what it was to be given.
            unsafe { (self.release)(self.data) };
        }
        // SAFETY: The reference is ours.
        unsafe { sys::put_task_struct(self.task.as_ptr()) };
    }
}
