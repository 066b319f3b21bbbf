// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is wrong with a check or a source.

use std::time::Duration;

/// What makes no sense; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSpec(String);

impl BadSpec {
    /// With these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

pub(crate) fn bad(words: impl Into<String>) -> BadSpec {
    BadSpec::new(words)
}

/// A time that something can take.
pub(crate) fn time(name: &str, time: Duration) -> Result<(), BadSpec> {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(20)..=Duration::from_secs(3600);
    if RANGE.contains(&time) {
        Ok(())
    } else {
        Err(bad(format!("{name} is not from 20ms to 1h")))
    }
}
