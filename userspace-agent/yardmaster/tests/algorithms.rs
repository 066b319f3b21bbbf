// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What every algorithm promises, whatever it is told: properties of single decisions.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use proptest::prelude::*;
use yardmaster::algorithm::{self, Advice, Candidate};
use yardmaster::{Algorithm, Load, Policy};

/// Load as a strange but accepted report may tell it.
fn any_load() -> impl Strategy<Value = Load> {
    let number = || prop_oneof![Just(0.0), 0.0..1.0f64, 0.0..1e9f64];
    (
        proptest::option::of(0.0..100.0f64),
        proptest::option::of(number()),
        proptest::option::of(number()),
        proptest::option::of(number()),
        proptest::option::of(0.0..86_400.0f64),
        proptest::option::of(0.0..256.0f64),
    )
        .prop_map(
            |(utilisation, requests, errors, in_flight, latency, wanted_share)| Load {
                utilisation,
                requests,
                errors,
                in_flight,
                latency,
                wanted_share,
            },
        )
}

fn candidate(level: f64, load: &Load) -> Candidate<'_> {
    Candidate {
        configured: 1.0,
        level,
        load,
        base_latency: load.latency,
        capable: Some(true),
    }
}

fn level(advice: Advice) -> f64 {
    match advice {
        Advice::Level(level, _) => level,
        other => panic!("no level but {other:?}"),
    }
}

fn of(name: Algorithm) -> Box<dyn algorithm::Algorithm> {
    algorithm::of(&Policy::new(name))
}

/// A load that every algorithm can go by.
fn whole() -> Load {
    Load {
        utilisation: Some(0.5),
        requests: Some(100.0),
        errors: Some(0.0),
        in_flight: Some(5.0),
        latency: Some(0.05),
        wanted_share: None,
    }
}

/// Two servers that differ in one number: the level of the one with less of it, and of
/// the one with more.
fn two(
    name: Algorithm,
    others: &[Load],
    less: f64,
    more: f64,
    set: impl Fn(&mut Load, f64),
) -> (f64, f64) {
    let mut loads = vec![whole(), whole()];
    set(&mut loads[0], less);
    set(&mut loads[1], more);
    loads.extend_from_slice(others);
    let candidates: Vec<_> = loads
        .iter()
        .map(|load| Candidate {
            // The same least latency for all.
            base_latency: Some(0.01),
            ..candidate(1.0, load)
        })
        .collect();
    let advice = of(name).advise(&candidates);
    (level(advice[0]), level(advice[1]))
}

proptest! {
    #[test]
    fn levels_are_finite_and_above_zero(
        loads in proptest::collection::vec((any_load(), 0.001..1e6f64), 1..40),
    ) {
        for name in Algorithm::ALL {
            let candidates: Vec<_> = loads.iter().map(|(load, level)| candidate(*level, load)).collect();
            let advice = of(name).advise(&candidates);
            prop_assert_eq!(advice.len(), candidates.len());
            for advice in advice {
                match advice {
                    Advice::Level(level, terms) => {
                        prop_assert!(level.is_finite() && level > 0.0, "{} says {}", name, level);
                        prop_assert!(terms.iter().all(|(_, value)| value.is_finite()));
                    }
                    Advice::Configured(share, _) => prop_assert!(share.is_finite() && share >= 0.0),
                    Advice::Exclude(_) => prop_assert!(false, "nobody is to be excluded"),
                }
            }
        }
    }

    #[test]
    fn more_utilisation_is_no_more_level(
        less in 0.0..2.0f64,
        more in 0.0..2.0f64,
        others in proptest::collection::vec(0.0..1.0f64, 0..8),
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let others: Vec<Load> = others
            .iter()
            .map(|&u| Load { utilisation: Some(u), ..whole() })
            .collect();
        for name in [Algorithm::Even, Algorithm::Capacity] {
            let (a, b) = two(name, &others, less, more, |load, u| load.utilisation = Some(u));
            prop_assert!(a >= b, "{}: {} for {}, {} for {}", name, a, less, b, more);
        }
    }

    #[test]
    fn more_errors_are_no_more_level(less in 0.0..100.0f64, more in 0.0..100.0f64) {
        let (less, more) = (less.min(more), less.max(more));
        let (a, b) = two(Algorithm::Capacity, &[], less, more, |load, e| load.errors = Some(e));
        prop_assert!(a >= b);
    }

    #[test]
    fn more_requests_of_the_same_utilisation_are_no_less_level(
        less in 1.0..1e6f64,
        more in 1.0..1e6f64,
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let (a, b) = two(Algorithm::Capacity, &[], less, more, |load, r| load.requests = Some(r));
        prop_assert!(a <= b);
    }

    #[test]
    fn more_in_flight_is_no_more_level(
        less in 0.0..1e4f64,
        more in 0.0..1e4f64,
        others in proptest::collection::vec((0.0..100.0f64, 0.02..1.0f64), 0..12),
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let others: Vec<Load> = others
            .iter()
            .map(|&(rif, t)| Load { in_flight: Some(rif), latency: Some(t), ..whole() })
            .collect();
        let (a, b) = two(Algorithm::Latency, &others, less, more, |load, r| load.in_flight = Some(r));
        prop_assert!(a >= b - 1e-12, "{} for {}, {} for {}", a, less, b, more);
    }

    #[test]
    fn more_latency_is_no_more_level(
        less in 0.0..2.0f64,
        more in 0.0..2.0f64,
        others in proptest::collection::vec(0.001..2.0f64, 0..8),
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let others: Vec<Load> = others
            .iter()
            .map(|&t| Load { latency: Some(t), ..whole() })
            .collect();
        let (a, b) = two(Algorithm::Latency, &others, less, more, |load, t| load.latency = Some(t));
        prop_assert!(a >= b - 1e-12, "{} for {}, {} for {}", a, less, b, more);
    }

    /// Whatever the load is, the configured weights are.
    #[test]
    fn static_goes_by_nothing(less in any_load(), more in any_load(), asks in any::<bool>()) {
        let share = |load: Load| Load { wanted_share: asks.then_some(0.5), ..load };
        let (less, more) = (share(less), share(more));
        let advice = of(Algorithm::Static).advise(&[candidate(3.0, &less), candidate(0.1, &more)]);
        let wanted = if asks { 0.5 } else { 1.0 };
        for advice in advice {
            let is_so = matches!(advice, Advice::Configured(share, _) if (share - wanted).abs() < 1e-12);
            prop_assert!(is_so, "{:?}", advice);
        }
    }

    /// Labels choose among servers, and change nothing of the choice among the chosen.
    #[test]
    fn capability_is_the_algorithm_inside_of_it(
        loads in proptest::collection::vec((any_load(), 0.001..1e3f64, any::<bool>()), 1..20),
    ) {
        for name in Algorithm::ALL {
            let policy = Policy { wants: vec!["gpu".into()], ..Policy::new(name) };
            let all: Vec<_> = loads
                .iter()
                .map(|(load, level, able)| Candidate {
                    capable: Some(*able),
                    ..candidate(*level, load)
                })
                .collect();
            let able: Vec<_> = all.iter().copied().filter(|c| c.capable == Some(true)).collect();
            let mut alone = of(name).advise(&able).into_iter();
            for (candidate, advice) in all.iter().zip(algorithm::of(&policy).advise(&all)) {
                if candidate.capable == Some(true) {
                    prop_assert_eq!(Some(advice), alone.next());
                } else {
                    prop_assert!(matches!(advice, Advice::Exclude(_)));
                }
            }
        }
    }

    /// A hot server is never preferred to a cold one, were it as fast as can be.
    #[test]
    fn hot_is_never_before_cold(
        fast in 0.0..0.05f64,
        slow in proptest::collection::vec(0.05..5.0f64, 3..10),
    ) {
        let hot = Load { in_flight: Some(1000.0), latency: Some(fast), ..whole() };
        let mut loads: Vec<Load> = slow.iter().map(|&t| Load { latency: Some(t), ..whole() }).collect();
        loads.push(hot);
        let candidates: Vec<_> = loads.iter().map(|load| candidate(1.0, load)).collect();
        let advice = of(Algorithm::Latency).advise(&candidates);
        let hot = level(advice[advice.len() - 1]);
        for cold in &advice[..advice.len() - 1] {
            prop_assert!(level(*cold) > hot);
        }
    }
}

#[test]
fn less_latency_is_more_level_among_the_cold() {
    let (fast, slow) = two(Algorithm::Latency, &[], 0.02, 0.2, |load, t| {
        load.latency = Some(t);
    });
    assert!(fast > 1.2 && slow < 0.95, "{fast} {slow}");
}

#[test]
fn capacity_is_what_orca_clients_weigh() {
    let load = Load {
        utilisation: Some(0.5),
        requests: Some(200.0),
        errors: Some(50.0),
        ..Load::default()
    };
    // 200 / (0.5 + 1 * 50 / 200).
    let advice = of(Algorithm::Capacity).advise(&[candidate(1.0, &load)]);
    assert!((level(advice[0]) - 200.0 / 0.75).abs() < 1e-9);
}

#[test]
fn what_is_asked_for_counts_where_nothing_better_is_told() {
    let load = Load {
        wanted_share: Some(0.75),
        ..Load::default()
    };
    for name in Algorithm::ALL {
        let advice = of(name).advise(&[candidate(1.0, &load)]);
        assert!(matches!(advice[0], Advice::Configured(share, _) if (share - 0.75).abs() < 1e-12));
    }
}

#[test]
fn only_the_capable_are_given_to_the_algorithm_inside() {
    let policy = Policy {
        wants: vec!["gpu".into()],
        ..Policy::new(Algorithm::Capacity)
    };
    let algorithm = algorithm::of(&policy);
    assert_eq!(algorithm.name(), "capability(gpu) capacity");
    let load = whole();
    let with = |capable| Candidate {
        capable,
        ..candidate(1.0, &load)
    };
    let advice = algorithm.advise(&[with(Some(false)), with(Some(true)), with(None)]);
    assert!(matches!(advice[0], Advice::Exclude(_)));
    assert!((level(advice[1]) - 200.0).abs() < 1e-9);
    assert!(matches!(advice[2], Advice::Exclude(_)));
}
