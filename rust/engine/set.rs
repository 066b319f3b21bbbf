// SPDX-License-Identifier: GPL-2.0

//! The engines of the machine, by CPU.

use ::core::sync::atomic::{
    fence,
    Ordering::{
        Relaxed,
        SeqCst, //
    },
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

use super::{
    queue::Queue,
    Assignment,
    Engine, //
};
use crate::{
    net::{
        global::ENGINES,
        kthread::Thread, //
    },
    switch::Switch, //
};

/// A running engine.
pub(crate) struct Running {
    engine: Arc<Engine>,
    // After `engine`, which the thread holds too; dropping it stops the thread.
    thread: Arc<Thread>,
}

/// The means to wake an engine from packet handlers, kept by whatever may have to.
#[derive(Clone)]
pub(crate) struct Waker {
    engine: Arc<Engine>,
    thread: Arc<Thread>,
}

impl Waker {
    /// Wakes the engine if it sleeps. Any context.
    pub(crate) fn wake(&self) {
        // The work that the engine is woken for is to be seen by its last look before it sleeps,
        // or its sleep by us.
        fence(SeqCst);
        if self.engine.is_asleep() {
            self.thread.wake();
        }
    }
}

/// Gives `queue` to the engine of `cpu`, which is started if there is none, and returns what
/// wakes it. Sleeps.
///
/// # Errors
///
/// `ENOMEM`, `EINTR`.
pub(crate) fn assign(cpu: u32, queue: Arc<Queue>, switch: Arc<Switch>) -> Result<Waker> {
    let mut engines = ENGINES.lock();
    let index = match engines.iter().position(|one| one.engine.cpu == cpu) {
        Some(index) => index,
        None => {
            engines.reserve(1, GFP_KERNEL)?;
            let engine = Arc::pin_init(Engine::new(cpu), GFP_KERNEL)?;
            let name = CString::try_from_fmt(fmt!("switchyard/{cpu}"))?;
            let thread = Thread::new(&name, Some(cpu), engine.clone())?;
            let thread = Arc::new(thread, GFP_KERNEL)?;
            engines.push(Running { engine, thread }, GFP_KERNEL)?;
            engines.len().wrapping_sub(1)
        }
    };
    let running = engines.get(index).ok_or(EINVAL)?;
    let waker = Waker {
        engine: running.engine.clone(),
        thread: running.thread.clone(),
    };
    running.engine.give(Assignment { queue, switch })?;
    running.thread.wake();
    Ok(waker)
}

/// Takes `queue` back from its engine, waits until that will never touch it again, and stops the
/// engine if it was its last. Sleeps.
pub(crate) fn withdraw(queue: &Queue, waker: &Waker) {
    queue.leave();
    waker.thread.wake();
    queue.wait_until_left();
}

/// Stops the engines that own no queue any more. Sleeps; takes no memory, for what is given back
/// when there is none must not leave threads behind.
pub(crate) fn stop_unused() {
    loop {
        let mut engines = ENGINES.lock();
        let unused = engines
            .iter()
            .position(|one| one.engine.queues.load(Relaxed) == 0);
        let stopped = unused.and_then(|index| engines.remove(index).ok());
        if engines.is_empty() {
            // Nobody drops a static: an empty list must not keep its memory.
            *engines = KVec::new();
        }
        drop(engines);
        if stopped.is_none() {
            return;
        }
        // The thread ends here, where no lock is held.
        drop(stopped);
    }
}

/// How many queues the engine of `cpu` owns; `None` if there is no engine.
pub(crate) fn queues_of(cpu: u32) -> Option<u32> {
    ENGINES
        .lock()
        .iter()
        .find(|one| one.engine.cpu == cpu)
        .map(|one| one.engine.queues())
}
