// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The load of a server, smoothed.

use std::time::Duration;

use serde::Serialize;
use switchyard_report::LoadReport;

use crate::number::real_u64;

/// The load of one server as the algorithms see it. What its reports do not tell is
/// `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Load {
    /// Share of what the server can do, 0 to 1 and more.
    pub utilisation: Option<f64>,
    /// Requests in a second.
    pub requests: Option<f64>,
    /// Failed requests in a second.
    pub errors: Option<f64>,
    /// Requests being served; clients, where requests are not told.
    pub in_flight: Option<f64>,
    /// Mean time to serve a request, in seconds.
    pub latency: Option<f64>,
    /// The share of its configured weight that the server asks for.
    pub wanted_share: Option<f64>,
}

impl Load {
    /// What a report tells.
    #[must_use]
    pub fn of(report: &LoadReport) -> Self {
        let sound = |value: Option<f64>| value.filter(|v| v.is_finite() && *v >= 0.0);
        Self {
            utilisation: sound(report.utilisation()),
            requests: sound(report.requests_per_second),
            errors: sound(report.errors_per_second),
            in_flight: report.in_flight.or(report.clients).map(real_u64),
            latency: sound(report.execution_time),
            wanted_share: sound(report.wanted_share),
        }
    }

    /// Goes `part` of the way to a newer load. A number that was not told before is
    /// taken as it is; one that is no longer told is forgotten.
    pub fn approach(&mut self, newer: &Self, part: f64) {
        let to = |old: &mut Option<f64>, new: Option<f64>| {
            *old = new.map(|new| old.map_or(new, |old| old + part * (new - old)));
        };
        to(&mut self.utilisation, newer.utilisation);
        to(&mut self.requests, newer.requests);
        to(&mut self.errors, newer.errors);
        to(&mut self.in_flight, newer.in_flight);
        to(&mut self.latency, newer.latency);
        // Not a measurement, but a wish.
        self.wanted_share = newer.wanted_share;
    }
}

/// Which part of the way a first-order low-pass filter goes in a time.
#[must_use]
pub fn part(time: Duration, constant: Duration) -> f64 {
    if constant.is_zero() {
        return 1.0;
    }
    -(-time.as_secs_f64() / constant.as_secs_f64()).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_time_constant_is_63_percent() {
        let second = Duration::from_secs(1);
        assert!((part(second, second) - 0.632).abs() < 0.001);
        assert!((part(second, Duration::ZERO) - 1.0).abs() < 1e-12);
        assert!(part(Duration::ZERO, second).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_way_does_not_depend_on_the_number_of_steps(steps in 1u32..50, to in 0.0..10.0f64) {
            let newer = Load { utilisation: Some(to), ..Load::default() };
            let constant = Duration::from_secs(2);
            let mut one = Load { utilisation: Some(1.0), ..Load::default() };
            let mut many = one;
            one.approach(&newer, part(Duration::from_secs(3), constant));
            for _ in 0..steps {
                many.approach(&newer, part(Duration::from_secs(3) / steps, constant));
            }
            prop_assert!((one.utilisation.unwrap() - many.utilisation.unwrap()).abs() < 1e-6);
        }

        #[test]
        fn smoothed_is_between(old in 0.0..1e6f64, new in 0.0..1e6f64, part in 0.0..=1.0f64) {
            let mut load = Load { latency: Some(old), ..Load::default() };
            load.approach(&Load { latency: Some(new), ..Load::default() }, part);
            let is = load.latency.unwrap();
            prop_assert!(is >= old.min(new) - 1e-6 && is <= old.max(new) + 1e-6);
        }
    }
}
