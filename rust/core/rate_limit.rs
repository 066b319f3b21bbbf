// SPDX-License-Identifier: GPL-2.0

//! A bound on how often something is done, for what anybody may provoke: messages about packets
//! (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)).

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};

/// Milliseconds of a window.
const WINDOW: u32 = 128;

/// So many times within each window, counted by all CPUs together. Two that begin a window at
/// once may go over the bound by a few.
#[derive(Debug)]
pub struct RateLimit {
    most: u32,
    window: AtomicU32,
    taken: AtomicU32,
}

impl RateLimit {
    /// At most `a_second` times a second, in bursts of an eighth of it.
    pub const fn new(a_second: u32) -> Self {
        Self {
            most: a_second / 8,
            window: AtomicU32::new(0),
            taken: AtomicU32::new(0),
        }
    }

    /// Whether it may be done once more at this time, in wrapping milliseconds.
    pub fn take(&self, now: u32) -> bool {
        let window = now / WINDOW;
        if self.window.load(Relaxed) != window {
            self.window.store(window, Relaxed);
            self.taken.store(0, Relaxed);
        }
        self.taken.load(Relaxed) < self.most && self.taken.fetch_add(1, Relaxed) < self.most
    }
}
