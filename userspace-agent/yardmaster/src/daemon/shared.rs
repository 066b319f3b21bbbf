// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the parts of the daemon share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use switchyard_report::Inventory;
use yardmaster::Master;

/// Everything that is looked at by more than one part.
#[derive(Debug, Default)]
pub struct State {
    /// The master.
    pub master: Master,
    /// What is known of the servers.
    pub inventory: Arc<Inventory>,
    /// What has been done.
    pub counters: Counters,
    /// Whether the kernel answers, and what it says if not.
    pub trouble: Option<String>,
}

/// What has been done since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counters {
    /// Rounds.
    pub rounds: u64,
    /// Transactions that the kernel has taken.
    pub writes: u64,
    /// Weights in them.
    pub weights: u64,
    /// Transactions that it has refused.
    pub refusals: u64,
    /// Configurations read.
    pub reloads: u64,
    /// Configurations that could not be used.
    pub bad_reloads: u64,
    /// Seconds that the last round took, the kernel's part included.
    pub last_round: f64,
}

/// The state, by one part at a time, and never across an await.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// The state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A part that panicked has ended the process.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
