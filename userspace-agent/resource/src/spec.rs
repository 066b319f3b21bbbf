// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the manager is told: where reports come from and what is checked. All of it
//! can be read from a configuration file.

mod check;
mod source;

use std::time::Duration;

use switchyard_report::TargetKey;

pub use check::{CheckKind, CheckSpec, StatusRange};
pub use source::{Source, SourceSpec};

/// A destination, where its reports come from, and its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// Which destination of which service.
    pub key: TargetKey,
    /// Where its reports come from, if from anywhere.
    pub source: Option<SourceSpec>,
    /// What is checked; it is up if all of these succeed.
    pub checks: Vec<CheckSpec>,
}

/// What makes no sense; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSpec(String);

impl BadSpec {
    /// A destination that is there twice.
    pub(crate) fn twice(key: &TargetKey) -> Self {
        Self(format!(
            "destination {} of service {} is there twice",
            key.destination, key.service
        ))
    }
}

fn bad(text: impl Into<String>) -> BadSpec {
    BadSpec(text.into())
}

/// A time that something can take.
fn time(name: &str, time: Duration) -> Result<(), BadSpec> {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(20)..=Duration::from_secs(3600);
    if RANGE.contains(&time) {
        Ok(())
    } else {
        Err(bad(format!("{name} is not from 20ms to 1h")))
    }
}
