// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The resource manager's clock.

use std::time::Instant;

use switchyard_report::Timestamp;

/// Begins at the system's time and never runs backwards or jumps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begin: Timestamp,
    started: Instant,
}

impl Clock {
    /// Starts it.
    pub fn start() -> Self {
        Self {
            begin: Timestamp::now(),
            started: Instant::now(),
        }
    }

    /// Reads it.
    pub fn now(&self) -> Timestamp {
        self.begin + self.started.elapsed()
    }
}
