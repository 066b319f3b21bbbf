// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What applications tell of themselves.

pub mod nginx;
pub mod prometheus;

use std::time::{Duration, Instant};

use switchyard_report::Application;

use crate::window::Window;

/// What an application tells at one moment. Counters count from some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Requests served ever.
    pub requests: Option<f64>,
    /// Requests that failed ever.
    pub errors: Option<f64>,
    /// Time spent on requests ever, in seconds.
    pub seconds: Option<f64>,
    /// How many requests that time was spent on.
    pub timed: Option<f64>,
    /// Requests being served now.
    pub in_flight: Option<f64>,
    /// Utilisation now, 0 to 1.
    pub utilisation: Option<f64>,
}

/// Makes rates of samples.
#[derive(Debug)]
pub struct Meter {
    samples: Window<Sample>,
}

impl Meter {
    /// Rates will be over the last `window`.
    pub const fn new(window: Duration) -> Self {
        Self {
            samples: Window::new(window),
        }
    }

    /// The application cannot be asked.
    pub fn lost(&mut self) {
        self.samples.clear();
    }

    /// Takes a sample, and gives what is to be reported.
    pub fn update(&mut self, at: Instant, now: Sample) -> Application {
        if self.samples.latest().is_some_and(|last| now.ran_back(last)) {
            self.samples.clear();
        }
        let mut told = Application {
            utilisation: now.utilisation.filter(|u| (0.0..=100.0).contains(u)),
            in_flight: now.in_flight.and_then(whole),
            ..Application::default()
        };
        let Some((before, time)) = self.samples.push(at, now) else {
            return told;
        };
        let rate = |now: Option<f64>, before: Option<f64>| {
            Some((now? - before?) / time.as_secs_f64()).filter(|rate| rate.is_finite())
        };
        told.requests_per_second = rate(now.requests, before.requests);
        told.errors_per_second = rate(now.errors, before.errors);
        told.execution_time = now.mean_time_since(before);
        told
    }
}

impl Sample {
    /// Whether a counter is less than it was: the application began anew.
    fn ran_back(&self, before: &Self) -> bool {
        [
            (self.requests, before.requests),
            (self.errors, before.errors),
            (self.seconds, before.seconds),
            (self.timed, before.timed),
        ]
        .into_iter()
        .any(|pair| matches!(pair, (Some(now), Some(then)) if now < then))
    }

    /// Mean time of the requests since `before`; `None` if there was none.
    fn mean_time_since(&self, before: &Self) -> Option<f64> {
        let requests = self.timed? - before.timed?;
        let seconds = self.seconds? - before.seconds?;
        (requests > 0.0)
            .then(|| seconds / requests)
            .filter(|mean| mean.is_finite())
    }
}

/// A number of things, if that is what it is.
fn whole(value: f64) -> Option<u64> {
    (0.0..1e9)
        .contains(&value)
        .then(|| format!("{value:.0}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: f64, errors: f64, seconds: f64) -> Sample {
        Sample {
            requests: Some(requests),
            errors: Some(errors),
            seconds: Some(seconds),
            timed: Some(requests),
            in_flight: Some(3.0),
            utilisation: None,
        }
    }

    #[test]
    fn rates_and_means() {
        let mut meter = Meter::new(Duration::from_secs(2));
        let begin = Instant::now();
        let first = meter.update(begin, sample(100.0, 1.0, 50.0));
        assert_eq!(first.requests_per_second, None);
        assert_eq!(first.in_flight, Some(3));
        let at = begin + Duration::from_secs(2);
        let told = meter.update(at, sample(120.0, 2.0, 51.0));
        assert_eq!(told.requests_per_second, Some(10.0));
        assert_eq!(told.errors_per_second, Some(0.5));
        assert_eq!(told.execution_time, Some(0.05));
        let idle = meter.update(at + Duration::from_secs(2), sample(120.0, 2.0, 51.0));
        assert_eq!(idle.requests_per_second, Some(0.0));
        assert_eq!(idle.execution_time, None);
    }

    #[test]
    fn a_restart_is_no_negative_rate() {
        let mut meter = Meter::new(Duration::from_secs(2));
        let begin = Instant::now();
        meter.update(begin, sample(100.0, 1.0, 50.0));
        let at = |s| begin + Duration::from_secs(s);
        let anew = meter.update(at(1), sample(4.0, 0.0, 1.0));
        assert_eq!(anew.requests_per_second, None);
        let told = meter.update(at(2), sample(10.0, 0.0, 1.0));
        assert_eq!(told.requests_per_second, Some(6.0));
    }
}
