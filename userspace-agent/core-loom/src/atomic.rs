// SPDX-License-Identifier: GPL-2.0

//! Loom's atomics, in place of `rust/core/atomic.rs`, with something that loom lacks.
//!
//! Loom 0.7 goes back to try another order only if the *last* access to a location was another
//! thread's. A thread that loads before it stores, as all of this code does, hides what others
//! loaded before, and loom tries next to nothing. So each location has a probe for each thread:
//! who loads loads his own probe as well, and who stores also writes the others'. Those accesses are
//! relaxed, so they order nothing that the code itself does not.

use std::cell::Cell;

pub use loom::sync::atomic::{fence, Ordering};
use loom::sync::atomic::{AtomicU32 as Probe, Ordering::Relaxed};

/// Threads that a model may have.
const THREADS: usize = 3;

loom::thread_local! {
    static THREAD: Cell<usize> = Cell::new(0);
}

/// Starts thread `number` of the model; the one that it began with is 0.
pub fn spawn<T: 'static>(
    number: usize,
    body: impl FnOnce() -> T + 'static,
) -> loom::thread::JoinHandle<T> {
    assert!((1..THREADS).contains(&number));
    loom::thread::spawn(move || {
        THREAD.with(|thread| thread.set(number));
        body()
    })
}

/// Lets others go on: a lock's holder has to.
pub fn spin_loop() {
    loom::thread::yield_now();
}

#[derive(Debug, Default)]
struct Probes([Probe; THREADS]);

impl Probes {
    fn load(&self) {
        THREAD.with(|thread| self.0[thread.get()].load(Relaxed));
    }

    fn store(&self) {
        let this = THREAD.with(Cell::get);
        for (number, probe) in self.0.iter().enumerate() {
            if number != this {
                probe.store(0, Relaxed);
            }
        }
    }
}

macro_rules! atomics {
    ($($name:ident: $value:ty { $($operation:ident)* };)+) => {$(
        /// Loom's of this name, with probes.
        #[derive(Debug, Default)]
        pub struct $name {
            value: loom::sync::atomic::$name,
            probes: Probes,
        }

        impl $name {
            pub fn new(value: $value) -> Self {
                Self {
                    value: loom::sync::atomic::$name::new(value),
                    probes: Probes::default(),
                }
            }

            pub fn load(&self, order: Ordering) -> $value {
                self.probes.load();
                self.value.load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                self.probes.store();
                self.value.store(value, order);
            }

            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.probes.store();
                self.value.compare_exchange(current, new, success, failure)
            }

            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            $(pub fn $operation(&self, value: $value, order: Ordering) -> $value {
                self.probes.store();
                self.value.$operation(value, order)
            })*
        }
    )+};
}

atomics! {
    AtomicU32: u32 { swap fetch_add fetch_sub fetch_and fetch_or };
    AtomicU64: u64 { swap fetch_add fetch_sub fetch_and fetch_or };
}
