// SPDX-License-Identifier: GPL-2.0

//! What is kept account of beside the connections themselves.

use super::atomic::{
    AtomicU32,
    Ordering, //
};
use super::connection_state::ConnectionState;
use super::tuple::Seed;

/// How many connections there may be, in all tables that share this.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Budget {
    limit: AtomicU32,
    used: AtomicU32,
}

impl Budget {
    /// A budget for so many connections.
    pub fn new(limit: u32) -> Self {
        Self {
            limit: AtomicU32::new(limit),
            used: AtomicU32::new(0),
        }
    }

    /// How many there may be.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets how many there may be. Those that are there stay, if there are more; new ones have
    /// to wait until enough of them have gone.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// How many there are, those included that are just being made.
    pub fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// Counts one more, unless there are as many as there may be.
    pub fn take(&self) -> bool {
        // Looked at first: at the limit, refusals shall not fight for the line.
        if self.used() >= self.limit() {
            return false;
        }
        if self.used.fetch_add(1, Ordering::Relaxed) < self.limit() {
            return true;
        }
        self.give();
        false
    }

    /// Counts one less.
    pub fn give(&self) {
        self.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The accounts of one table, and the secret of its hash.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Books {
    seed: Seed,
    free: AtomicU32,
    half_open: AtomicU32,
}

impl Books {
    /// Empty books.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            free: AtomicU32::new(0),
            half_open: AtomicU32::new(0),
        }
    }

    /// The secret.
    #[inline(always)]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// How many slots are free. What is just being taken or given back may not be counted yet.
    pub fn free(&self) -> u32 {
        self.free.load(Ordering::Relaxed)
    }

    /// Counts slots that are to be free, before they can be taken: so this never falls below
    /// zero.
    pub fn add_free(&self, count: u32) {
        self.free.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts slots that are free no more.
    pub fn sub_free(&self, count: u32) {
        self.free.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many connections are half open.
    pub fn half_open(&self) -> u32 {
        self.half_open.load(Ordering::Relaxed)
    }

    /// Counts a connection's step from one state to another. [`ConnectionState::None`] is where
    /// it comes from, and goes to.
    #[inline(always)]
    pub fn step(&self, from: ConnectionState, to: ConnectionState) {
        match (from.is_half_open(), to.is_half_open()) {
            (false, true) => _ = self.half_open.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.half_open.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
    }
}
