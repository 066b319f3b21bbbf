// SPDX-License-Identifier: GPL-2.0

//! A destination's connections: what is counted as active, and between its limits.

#![allow(missing_docs)]

use std::sync::Arc;
use std::thread;

use proptest::prelude::*;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::load::{is_active, Limits, Load};

const NO_LIMIT: Limits = Limits { upper: 0, lower: 0 };

fn open(load: &Load, count: u32, limits: Limits) {
    for _ in 0..count {
        load.opened(State::SynReceived, limits);
    }
}

fn close(load: &Load, count: u32, limits: Limits) {
    for _ in 0..count {
        load.closed(State::SynReceived, limits);
    }
}

#[test]
fn what_is_active() {
    for (state, active) in [
        (State::None, false),
        (State::SynReceived, false),
        (State::Established, true),
        (State::FinClient, false),
        (State::FinDestination, false),
        (State::TimeWait, false),
        (State::Closed, false),
        (State::Udp, true),
        (State::Expired, false),
    ] {
        assert_eq!(is_active(state), active, "{state:?}");
    }
}

#[test]
fn a_connections_life() {
    let load = Load::default();
    let counts = |load: &Load| (load.active(), load.inactive());
    load.opened(State::SynReceived, NO_LIMIT);
    assert_eq!(counts(&load), (0, 1));
    load.changed(State::SynReceived, State::Established);
    assert_eq!(counts(&load), (1, 0));
    load.opened(State::Udp, NO_LIMIT);
    assert_eq!(counts(&load), (2, 0));
    load.changed(State::Established, State::FinClient);
    load.changed(State::FinClient, State::TimeWait);
    assert_eq!(counts(&load), (1, 1));
    load.closed(State::TimeWait, NO_LIMIT);
    load.closed(State::Udp, NO_LIMIT);
    assert_eq!(counts(&load), (0, 0));
    assert!(load.has_room(NO_LIMIT));
}

/// At the upper limit none comes until there are fewer than the lower one.
#[test]
fn between_the_limits() {
    for (limits, lower) in [
        (
            Limits {
                upper: 10,
                lower: 4,
            },
            4,
        ),
        // Three quarters, rounded up.
        (
            Limits {
                upper: 10,
                lower: 0,
            },
            8,
        ),
        (Limits { upper: 1, lower: 0 }, 1),
        (Limits { upper: 2, lower: 2 }, 2),
    ] {
        let load = Load::default();
        open(&load, limits.upper - 1, limits);
        assert!(load.has_room(limits), "{limits:?}");
        open(&load, 1, limits);
        assert!(!load.has_room(limits) && load.is_overloaded(limits));
        close(&load, limits.upper - lower, limits);
        assert!(!load.has_room(limits), "{limits:?}: {}", load.connections());
        close(&load, 1, limits);
        assert!(load.has_room(limits), "{limits:?}");
        // And up again: between the limits there is room now.
        open(&load, limits.upper - lower, limits);
        assert!(load.has_room(limits), "{limits:?}");
    }
}

/// Limits may be set on what there is.
#[test]
fn limits_that_change() {
    let load = Load::default();
    open(&load, 5, NO_LIMIT);
    assert!(load.has_room(Limits { upper: 6, lower: 0 }));
    assert!(!load.has_room(Limits { upper: 5, lower: 0 }));
    assert!(!load.has_room(Limits { upper: 2, lower: 1 }));
    open(&load, 1, Limits { upper: 6, lower: 6 });
    assert!(!load.has_room(Limits { upper: 6, lower: 0 }));
    assert!(load.has_room(NO_LIMIT));
    assert!(load.has_room(Limits {
        upper: 20,
        lower: 7
    }));
}

#[test]
fn what_is_told_is_told_once() {
    let load = Load::default();
    open(&load, 1, NO_LIMIT);
    assert!(!load.has_drained(true));
    close(&load, 1, NO_LIMIT);
    assert!(!load.has_drained(false), "it takes new ones");
    assert!(load.has_drained(true));
    assert!(!load.has_drained(true));
    open(&load, 1, NO_LIMIT);
    assert!(!load.has_drained(true));
    close(&load, 1, NO_LIMIT);
    assert!(load.has_drained(true), "again, as there was one again");
    for deadline in [0, 7, u32::MAX] {
        assert!(load.is_open(deadline));
        load.meet(deadline);
        assert!(!load.is_open(deadline));
    }
    assert!(load.is_open(7), "only the last one is remembered");
}

/// CPUs that open and close at once: nothing is lost, and an overload does not stay.
#[test]
fn many_at_once() {
    let limits = Limits { upper: 8, lower: 4 };
    let load = Arc::new(Load::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let load = load.clone();
            thread::spawn(move || {
                for _ in 0..20_000 {
                    load.opened(State::SynReceived, limits);
                    load.changed(State::SynReceived, State::Established);
                    load.opened(State::Udp, limits);
                    load.closed(State::Established, limits);
                    load.closed(State::Udp, limits);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!((load.connections(), load.active()), (0, 0));
    assert!(load.has_room(limits));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against the rule: full at the upper limit, until below the lower one.
    #[test]
    fn as_the_rule_says(
        upper in 1_u32..12,
        lower in 0_u32..12,
        steps in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let limits = Limits { upper, lower: lower.min(upper) };
        let least = match limits.lower {
            0 => (upper * 3).div_ceil(4),
            lower => lower,
        };
        let load = Load::default();
        let (mut connections, mut full) = (0_u32, false);
        for opens in steps {
            if opens {
                load.opened(State::Udp, limits);
                connections += 1;
                full |= connections >= upper;
            } else if connections > 0 {
                load.closed(State::Udp, limits);
                connections -= 1;
                full &= connections >= least;
            }
            prop_assert_eq!(load.is_overloaded(limits), full, "{}", connections);
            prop_assert_eq!(load.active(), connections);
        }
    }
}
