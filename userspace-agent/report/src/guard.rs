// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What keeps old, repeated and too many reports out.

use std::time::Duration;

use crate::{Reading, Reason, Timestamp};

/// What is asked of the reports of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Oldest report that counts, and how far a server's clock may be ahead.
    pub max_age: Duration,
    /// Mean time between reports that is the shortest allowed.
    pub min_interval: Duration,
    /// How many may come at once after a pause.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(10),
            min_interval: Duration::from_millis(100),
            burst: 5,
        }
    }
}

/// Judges the reports of one source.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: Limits,
    last: Option<Seen>,
    /// When the bucket will be full again; each report moves it by `min_interval`.
    full_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    instance: u64,
    sequence: u64,
    taken_at: Timestamp,
}

impl Guard {
    /// Has seen nothing.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            last: None,
            full_at: Timestamp(0),
        }
    }

    /// Whether one more report may come at `now`. To be asked for each that comes,
    /// before it costs anything, those without a time or number included.
    pub fn pace(&mut self, now: Timestamp) -> Result<(), Reason> {
        let start = self.full_at.max(now);
        let ahead = self.limits.min_interval * self.limits.burst.saturating_sub(1);
        if start.since(now) > ahead {
            return Err(Reason::Frequent);
        }
        self.full_at = start + self.limits.min_interval;
        Ok(())
    }

    /// Whether the reading is news. `wall` is the system's clock, which the servers'
    /// clocks are compared with.
    pub fn admit(&mut self, reading: &Reading, wall: Timestamp) -> Result<(), Reason> {
        let Reading {
            instance,
            sequence,
            taken_at,
            ..
        } = *reading;
        if let Some(last) = self.last {
            let newer = if instance == last.instance {
                sequence > last.sequence && taken_at >= last.taken_at
            } else {
                // It began anew; its numbers say nothing, its clock does.
                taken_at > last.taken_at
            };
            if !newer {
                return Err(Reason::Replayed);
            }
        }
        let apart = wall.since(taken_at).max(taken_at.since(wall));
        if apart > self.limits.max_age {
            return Err(Reason::Stale);
        }
        self.last = Some(Seen {
            instance,
            sequence,
            taken_at,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(instance: u64, sequence: u64, at: u64) -> Reading {
        Reading {
            instance,
            sequence,
            taken_at: Timestamp(at),
            ..Reading::default()
        }
    }

    #[test]
    fn a_report_counts_once() {
        let mut guard = Guard::new(Limits::default());
        let now = Timestamp(100_000);
        assert_eq!(guard.admit(&reading(1, 7, 99_900), now), Ok(()));
        let replayed = Err(Reason::Replayed);
        assert_eq!(guard.admit(&reading(1, 7, 99_900), now), replayed);
        assert_eq!(guard.admit(&reading(1, 6, 99_950), now), replayed);
        // A newer number with an older time is no honest agent's.
        assert_eq!(guard.admit(&reading(1, 8, 99_000), now), replayed);
        assert_eq!(guard.admit(&reading(1, 8, 99_900), now), Ok(()));
        // A new instance may begin with any number, but later.
        assert_eq!(guard.admit(&reading(2, 1, 99_900), now), replayed);
        assert_eq!(guard.admit(&reading(2, 1, 99_901), now), Ok(()));
        // The old instance does not come back.
        assert_eq!(guard.admit(&reading(1, 9, 99_900), now), replayed);
    }

    #[test]
    fn old_and_future_reports_are_stale() {
        let mut guard = Guard::new(Limits::default());
        let now = Timestamp(100_000);
        let stale = Err(Reason::Stale);
        assert_eq!(guard.admit(&reading(1, 1, 89_999), now), stale);
        assert_eq!(guard.admit(&reading(1, 2, 110_001), now), stale);
        // One that was refused is not remembered: the next one counts.
        assert_eq!(guard.admit(&reading(1, 1, 90_000), now), Ok(()));
    }

    proptest! {
        /// However reports come, no more pass than the mean rate and the burst allow.
        #[test]
        fn the_pace_is_kept(gaps in prop::collection::vec(0u64..300, 1..200)) {
            let limits = Limits::default();
            let mut guard = Guard::new(limits);
            let mut now = 1_000_000u64;
            let (begin, mut passed) = (now, 0u64);
            for gap in gaps {
                now += gap;
                passed += u64::from(guard.pace(Timestamp(now)).is_ok());
                let allowed = (now - begin) / 100 + u64::from(limits.burst);
                prop_assert!(passed <= allowed, "{passed} of {allowed}");
            }
        }

        /// An honest pace is never refused.
        #[test]
        fn an_honest_agent_passes(gaps in prop::collection::vec(100u64..1000, 1..100)) {
            let mut guard = Guard::new(Limits::default());
            let mut now = 0;
            for gap in gaps {
                now += gap;
                prop_assert_eq!(guard.pace(Timestamp(now)), Ok(()));
            }
        }
    }
}
