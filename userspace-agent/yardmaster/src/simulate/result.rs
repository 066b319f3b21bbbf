// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What a simulation has seen.

use serde::Serialize;

use super::server::Window;
use crate::number::{index, real, real_u64};
use crate::Decision;

/// One phase of one run.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseResult {
    /// What it is called.
    pub phase: String,
    /// Arriving work over what all allocations can do.
    pub load: f64,
    /// Requests that ended.
    pub requests: u64,
    /// Requests given up at their deadline.
    pub errors: u64,
    /// Quantiles of latency in seconds; who gives up has waited until the deadline.
    pub p50: f64,
    /// The same, 99 of 100.
    pub p99: f64,
    /// The same, 999 of 1000.
    pub p999: f64,
    /// Utilisation of what is available to each server: the least, the mean, the most.
    pub utilisation: [f64; 3],
    /// The most over the mean.
    pub peak_to_mean: f64,
    /// Requests that came to servers that lack what the service wants.
    pub misplaced: u64,
    /// Weights that were written to the kernel, in a second.
    pub writes_per_second: f64,
}

/// All of one run.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    /// What it is called.
    pub name: String,
    /// The algorithm, as the master names it.
    pub algorithm: String,
    /// The kernel's scheduler.
    pub scheduler: String,
    /// Each phase.
    pub phases: Vec<PhaseResult>,
    /// The master's last decision.
    pub decision: Option<Decision>,
}

/// The value that this part of sorted values does not exceed.
fn quantile(sorted: &[f32], part: f64) -> f64 {
    let place = index((real(sorted.len()) * part).ceil()).saturating_sub(1);
    sorted.get(place).copied().map_or(0.0, f64::from)
}

impl PhaseResult {
    /// Sums a phase up.
    #[must_use]
    pub fn new(
        phase: String,
        load: f64,
        latencies: &mut [f32],
        windows: &[Window],
        misplaced: u64,
        writes: u64,
    ) -> Self {
        latencies.sort_unstable_by(f32::total_cmp);
        let used: Vec<f64> = windows
            .iter()
            .map(|w| w.busy / w.available.max(1e-9))
            .collect();
        let mean = used.iter().sum::<f64>() / real(used.len().max(1));
        let least = used.iter().copied().fold(f64::INFINITY, f64::min);
        let most = used.iter().copied().fold(0.0, f64::max);
        let time = windows.first().map_or(1.0, |w| w.time.max(1e-9));
        Self {
            phase,
            load,
            requests: u64::try_from(latencies.len()).unwrap_or(u64::MAX),
            errors: windows.iter().map(|w| w.failed).sum(),
            p50: quantile(latencies, 0.5),
            p99: quantile(latencies, 0.99),
            p999: quantile(latencies, 0.999),
            utilisation: [least, mean, most],
            misplaced,
            peak_to_mean: most / mean.max(1e-9),
            writes_per_second: real_u64(writes) / time,
        }
    }

    /// Errors of all requests.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        real_u64(self.errors) / real_u64(self.requests.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values() {
        let sorted: Vec<f32> = (1..=1000_u16).map(f32::from).collect();
        assert!((quantile(&sorted, 0.5) - 500.0).abs() < 1e-9);
        assert!((quantile(&sorted, 0.99) - 990.0).abs() < 1e-9);
        assert!((quantile(&sorted, 0.999) - 999.0).abs() < 1e-9);
        assert!(quantile(&[], 0.5).abs() < 1e-9);
    }
}
