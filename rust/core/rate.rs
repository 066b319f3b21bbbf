// SPDX-License-Identifier: GPL-2.0

//! How much a second: a count's growth, smoothed exponentially.
//!
//! As the estimator of IPVS does: every two seconds a quarter of the difference is made up for,
//! so that the average forgets in about eight seconds.

use ::core::sync::atomic::{
    AtomicU64,
    Ordering::Relaxed, //
};

/// Milliseconds between two samples.
pub const INTERVAL: u32 = 2000;

/// Fractions of one a second that the average is kept in.
const SCALE: u64 = 1 << 10;

/// The rate of one count. Written by one caller at a time, read by any.
#[derive(Debug, Default)]
pub struct Rate {
    /// A second's growth, times [`SCALE`].
    average: AtomicU64,
    /// The count at the last sample.
    last: AtomicU64,
}

impl Rate {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            average: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }

    /// Takes a sample, `elapsed` milliseconds after the last one.
    pub fn sample(&self, count: u64, elapsed: u32) {
        let grown = count.wrapping_sub(self.last.swap(count, Relaxed));
        // What is left of the division is below 2^32, so its product fits; there is no division of
        // 128 bits in the kernel.
        let scale = SCALE.wrapping_mul(1000);
        let elapsed = u64::from(elapsed.max(1));
        let rate = (grown / elapsed)
            .saturating_mul(scale)
            .saturating_add((grown % elapsed).wrapping_mul(scale) / elapsed);
        let average = self.average.load(Relaxed);
        // In quarters, so that nothing overflows; what is left over of the old average is small
        // against the scale.
        let average = if rate >= average {
            average.wrapping_add(rate.wrapping_sub(average) / 4)
        } else {
            average.wrapping_sub(average.wrapping_sub(rate).div_ceil(4))
        };
        self.average.store(average, Relaxed);
    }

    /// How much a second, rounded.
    pub fn per_second(&self) -> u64 {
        let average = self.average.load(Relaxed);
        average.saturating_add(SCALE / 2) / SCALE
    }
}
