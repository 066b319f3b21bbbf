// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Counters over the last while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples of counters over the last while, so that rates are means over a steady
/// time however often samples come.
#[derive(Debug)]
pub struct Window<T> {
    length: Duration,
    samples: VecDeque<(Instant, T)>,
}

impl<T> Window<T> {
    /// Rates are over `length`, or as much of it as there is.
    pub const fn new(length: Duration) -> Self {
        Self {
            length,
            samples: VecDeque::new(),
        }
    }

    /// Forgets everything: the counters began anew.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// The sample before the next one.
    pub fn latest(&self) -> Option<&T> {
        self.samples.back().map(|(_, sample)| sample)
    }

    /// Takes a sample, and gives the one that it is to be compared with and the time
    /// between the two, once there is one.
    pub fn push(&mut self, at: Instant, sample: T) -> Option<(&T, Duration)> {
        // One that is old enough is enough.
        while let Some((second, _)) = self.samples.get(1) {
            if at.duration_since(*second) < self.length {
                break;
            }
            self.samples.pop_front();
        }
        self.samples.push_back((at, sample));
        if self.samples.len() < 2 {
            return None;
        }
        let (begin, first) = self.samples.front()?;
        let time = at.duration_since(*begin);
        (time > Duration::ZERO).then_some((first, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_length() {
        let mut window = Window::new(Duration::from_secs(2));
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(window.push(at(0), 0), None);
        assert_eq!(
            window.push(at(500), 1),
            Some((&0, Duration::from_millis(500)))
        );
        assert_eq!(window.push(at(2000), 2), Some((&0, Duration::from_secs(2))));
        assert_eq!(window.push(at(2500), 3), Some((&1, Duration::from_secs(2))));
        // After a pause the last one there is will do.
        assert_eq!(
            window.push(at(60_000), 4),
            Some((&3, Duration::from_millis(57_500)))
        );
        assert_eq!(window.latest(), Some(&4));
        window.clear();
        assert_eq!(window.push(at(60_001), 5), None);
    }
}
