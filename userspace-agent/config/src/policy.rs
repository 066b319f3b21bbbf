// SPDX-License-Identifier: GPL-2.0 OR MIT

//! How the weights of a service are made: the numbers that an operator may turn.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A way to find weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// The configured weights.
    #[default]
    Static,
    /// Equal utilisation.
    Even,
    /// Requests per second over utilisation.
    Capacity,
    /// Requests in flight and latency.
    Latency,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Static, Self::Even, Self::Capacity, Self::Latency];

    /// Its name in configuration files and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Even => "even",
            Self::Capacity => "capacity",
            Self::Latency => "latency",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Numbers of a policy that make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// No algorithm has that name.
    #[error("`{0}` is no algorithm: static, even, capacity and latency are")]
    Algorithm(String),
    /// A number is out of bounds.
    #[error("{name} is {value}, not from {least} to {most}")]
    Number {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// The least that it may be.
        least: f64,
        /// The most that it may be.
        most: f64,
    },
}

impl FromStr for Algorithm {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| PolicyError::Algorithm(text.to_owned()))
    }
}

/// How the weights of a service are made.
///
/// A *level* is a weight before it is made a whole number; the levels of a service
/// add up to what its configured weights do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// Where levels come from.
    pub algorithm: Algorithm,
    /// Labels that a server has to have to get any connections of the service.
    pub wants: Vec<String>,
    /// Time constant of the low-pass filter that reports go through.
    #[serde(with = "humantime_serde")]
    pub smoothing: Duration,
    /// Relative change of a weight that is not worth making: 0.01 is 1 %.
    pub dead_band: f64,
    /// How fast a level may change: its natural logarithm in a second. 0.6 is by four
    /// fifths up and not quite by half down.
    pub slew: f64,
    /// Lowest level, as a share of the configured weight: too little traffic to hurt,
    /// enough to see that the server has recovered.
    pub floor: f64,
    /// Highest level, as a multiple of the configured weight.
    pub ceiling: f64,
    /// How long a newcomer takes to its full share.
    #[serde(with = "humantime_serde")]
    pub slow_start: Duration,
    /// Without a report for this long, a server's agent counts as silent.
    #[serde(with = "humantime_serde")]
    pub silent_after: Duration,
    /// The time between two steps of a silent agent's server to its configured weight.
    #[serde(with = "humantime_serde")]
    pub silent_step: Duration,
    /// How many steps there are.
    pub silent_steps: u32,
    /// When packets have gone to a server for this long and none came back, while others of
    /// the service answered, it gets the least level. Zero for never.
    #[serde(with = "humantime_serde")]
    pub suspect_after: Duration,
    /// `capacity`: how much utilisation a wholly failing server is taken to have more.
    pub error_penalty: f64,
    /// `even` and `latency`: which part of the difference is made up for at a time.
    pub gain: f64,
    /// `latency`: the quantile of requests in flight above which a server may be hot.
    pub hot_quantile: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Static,
            wants: Vec::new(),
            smoothing: Duration::from_millis(1250),
            dead_band: 0.03,
            slew: 0.6,
            floor: 0.05,
            ceiling: 16.0,
            slow_start: Duration::from_secs(30),
            silent_after: Duration::from_secs(3),
            silent_step: Duration::from_secs(1),
            silent_steps: 5,
            suspect_after: Duration::from_secs(10),
            error_penalty: 1.0,
            gain: 0.7,
            // The paper's choice (Prequal, section 5).
            hot_quantile: 0.84,
        }
    }
}

impl Policy {
    /// A policy of this algorithm, with the defaults.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            ..Self::default()
        }
    }

    /// Whether all numbers make sense.
    pub fn check(&self) -> Result<(), PolicyError> {
        let number = |name, value: f64, least: f64, most: f64| {
            // NaN is in no range.
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(PolicyError::Number {
                    name,
                    value,
                    least,
                    most,
                })
            }
        };
        number("smoothing", self.smoothing.as_secs_f64(), 0.0, 300.0)?;
        number("dead-band", self.dead_band, 0.0, 0.5)?;
        number("slew", self.slew, 0.01, 100.0)?;
        number("floor", self.floor, 0.001, 1.0)?;
        number("ceiling", self.ceiling, 1.0, 60.0)?;
        number("slow-start", self.slow_start.as_secs_f64(), 0.0, 3600.0)?;
        number("silent-after", self.silent_after.as_secs_f64(), 0.1, 3600.0)?;
        number("silent-step", self.silent_step.as_secs_f64(), 0.1, 3600.0)?;
        number("silent-steps", f64::from(self.silent_steps), 1.0, 1000.0)?;
        let suspect = self.suspect_after.as_secs_f64();
        number("suspect-after", suspect, 0.0, 3600.0)?;
        number("error-penalty", self.error_penalty, 0.0, 100.0)?;
        number("gain", self.gain, 0.01, 1.0)?;
        number("hot-quantile", self.hot_quantile, 0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(Policy::default().check(), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let policy = Policy {
            ceiling: f64::NAN,
            ..Policy::default()
        };
        let said = policy.check().unwrap_err().to_string();
        assert_eq!(said, "ceiling is NaN, not from 1 to 60");
        assert_eq!(
            "best".parse::<Algorithm>().unwrap_err().to_string(),
            "`best` is no algorithm: static, even, capacity and latency are"
        );
    }

    #[test]
    fn every_name_is_read_again() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
    }
}
