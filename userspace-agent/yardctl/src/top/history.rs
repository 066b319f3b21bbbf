// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The last samples: what is a second is told by two of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::sample::Sample;

/// More of them are not kept.
const MOST: usize = 16;

/// The last samples.
#[derive(Debug)]
pub struct History {
    samples: VecDeque<Sample>,
    least: Duration,
}

impl History {
    /// Two samples that are compared are at least this far apart: of a shorter time,
    /// rates are accidents.
    pub fn new(least: Duration) -> Self {
        Self {
            samples: VecDeque::new(),
            least,
        }
    }

    /// Takes a sample in.
    pub fn push(&mut self, sample: Sample) {
        if self.samples.len() == MOST {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The latest.
    pub fn latest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// The one that the latest is compared with.
    pub fn base(&self) -> Option<&Sample> {
        let latest = self.latest()?;
        let old = |sample: &&Sample| latest.at.duration_since(sample.at) >= self.least;
        self.samples.iter().rev().find(old)
    }
}
