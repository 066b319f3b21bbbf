// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How much it is a second.

use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::Stats;

use super::number::real;

/// How much of a counter came in a time; nothing if it began anew.
pub fn rate(now: u64, before: u64, time: Duration) -> Option<f64> {
    let more = now.checked_sub(before)?;
    (time > Duration::ZERO).then(|| real(more) / time.as_secs_f64())
}

/// Of a service, a destination or a CPU, in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// New connections.
    pub connections: f64,
    /// Packets from clients.
    pub packets_in: f64,
    /// Bytes from clients.
    pub bytes_in: f64,
    /// Packets to clients.
    pub packets_out: f64,
    /// Bytes to clients.
    pub bytes_out: f64,
}

impl Rates {
    /// Between two looks at the counters; the kernel's own smoothed rates, if there are
    /// not two of them or the counters began anew in between.
    pub fn of(now: &Stats, before: Option<(&Stats, Duration)>) -> Self {
        before
            .and_then(|(before, time)| Self::between(now, before, time))
            .unwrap_or(Self {
                connections: real(now.connections_rate),
                packets_in: real(now.packets_in_rate),
                bytes_in: real(now.bytes_in_rate),
                packets_out: real(now.packets_out_rate),
                bytes_out: real(now.bytes_out_rate),
            })
    }

    fn between(now: &Stats, before: &Stats, time: Duration) -> Option<Self> {
        Some(Self {
            connections: rate(now.connections, before.connections, time)?,
            packets_in: rate(now.packets_in, before.packets_in, time)?,
            bytes_in: rate(now.bytes_in, before.bytes_in, time)?,
            packets_out: rate(now.packets_out, before.packets_out, time)?,
            bytes_out: rate(now.bytes_out, before.bytes_out, time)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_began_anew_have_the_kernels_rates() {
        let before = Stats {
            connections: 100,
            bytes_in: 1000,
            ..Stats::default()
        };
        let now = Stats {
            connections: 300,
            bytes_in: 5000,
            connections_rate: 7,
            ..Stats::default()
        };
        let time = Duration::from_secs(2);
        let rates = Rates::of(&now, Some((&before, time)));
        assert!((rates.connections - 100.0).abs() < 1e-9);
        assert!((rates.bytes_in - 2000.0).abs() < 1e-9);
        for before in [None, Some((&now, time))] {
            // The second one runs backwards.
            let now = Stats {
                connections: 5,
                ..now
            };
            let rates = Rates::of(&now, before);
            assert!((rates.connections - 7.0).abs() < 1e-9);
        }
        assert_eq!(rate(5, 5, Duration::ZERO), None);
    }
}
