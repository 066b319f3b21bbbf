// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Signs from counters of what goes to a destination and what comes back.

use switchyard_report::{Passive, Timestamp};

/// Counters of a destination, from the kernel or from anything else that sees its
/// traffic. They count from some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that live now.
    pub active: u64,
    /// Connections ever made.
    pub connections: u64,
    /// Packets that went there.
    pub packets_in: u64,
    /// Packets that came back, if they come by.
    pub packets_out: Option<u64>,
}

/// Makes signs of counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracker {
    last: Option<(Timestamp, Counters)>,
    /// Since when nothing has come back, and how many connections there had been then.
    silent_since: Option<(Timestamp, u64)>,
    answered_at: Option<Timestamp>,
}

impl Tracker {
    /// Takes counters in that were read at `now`.
    pub fn take(&mut self, now: Timestamp, counters: Counters) -> Passive {
        let mut passive = Passive {
            active: Some(counters.active),
            ..Passive::default()
        };
        if let Some((then, before)) = self.last {
            let time = now.since(then).as_secs_f64();
            let ran_back = counters.connections < before.connections
                || counters.packets_in < before.packets_in
                || counters.packets_out < before.packets_out;
            if ran_back {
                // A new destination with an old one's key.
                self.silent_since = None;
                self.answered_at = None;
            } else if time > 0.0 {
                let made = counters.connections - before.connections;
                passive.connections_per_second = Some(per_second(made, time));
                if counters.packets_out > before.packets_out {
                    self.silent_since = None;
                    self.answered_at = Some(now);
                } else if counters.packets_in > before.packets_in && counters.packets_out.is_some()
                {
                    // Since nothing came back: at the latest, then.
                    self.silent_since = self.silent_since.or(Some((then, before.connections)));
                }
            }
        }
        self.last = Some((now, counters));
        if let Some((since, connections)) = self.silent_since {
            passive.silent_for = Some(now.since(since));
            passive.unanswered = counters.connections.saturating_sub(connections);
        }
        passive.answered_at = self.answered_at;
        passive
    }
}

fn per_second(count: u64, time: f64) -> f64 {
    // Counts between two samples are far below 2^32, and if not then this many.
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    f64::from(count) / time
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn counters(connections: u64, packets_in: u64, packets_out: u64) -> Counters {
        Counters {
            active: 1,
            connections,
            packets_in,
            packets_out: Some(packets_out),
        }
    }

    #[test]
    fn rates_and_silence() {
        let mut tracker = Tracker::default();
        let first = tracker.take(Timestamp(1000), counters(5, 50, 50));
        assert_eq!(first.connections_per_second, None);
        let busy = tracker.take(Timestamp(3000), counters(25, 90, 80));
        assert_eq!(busy.connections_per_second, Some(10.0));
        assert_eq!((busy.silent_for, busy.unanswered), (None, 0));
        assert_eq!(busy.answered_at, Some(Timestamp(3000)));
        let silent = tracker.take(Timestamp(4000), counters(26, 95, 80));
        assert_eq!(silent.silent_for, Some(Duration::from_secs(1)));
        assert_eq!(silent.unanswered, 1);
        assert_eq!(silent.answered_at, Some(Timestamp(3000)));
        // Nobody asks any more, so nothing is known: it stays suspect.
        let idle = tracker.take(Timestamp(5000), counters(26, 95, 80));
        assert_eq!(idle.silent_for, Some(Duration::from_secs(2)));
        let back = tracker.take(Timestamp(6000), counters(27, 96, 81));
        assert_eq!(back.silent_for, None);
    }

    #[test]
    fn answers_that_do_not_come_by_are_not_missed() {
        let mut tracker = Tracker::default();
        for second in 0..5 {
            let told = tracker.take(
                Timestamp(second * 1000),
                Counters {
                    packets_out: None,
                    ..counters(second, second * 10, 0)
                },
            );
            assert_eq!((told.silent_for, told.answered_at), (None, None));
        }
    }

    #[test]
    fn counters_that_began_anew() {
        let mut tracker = Tracker::default();
        tracker.take(Timestamp(0), counters(10, 10, 10));
        let anew = tracker.take(Timestamp(1000), counters(1, 5, 0));
        assert_eq!(anew.connections_per_second, None);
        assert_eq!((anew.silent_for, anew.answered_at), (None, None));
    }
}
