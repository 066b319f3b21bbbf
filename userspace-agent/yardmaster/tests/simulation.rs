// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the simulation has to show, on a scale that a test can afford.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use switchyard_netlink::Scheduler;
use yardmaster::simulate::{run, Kind, PhaseResult, RunResult, Scenario};
use yardmaster::{Algorithm, Policy};

const FEEDBACK: [Algorithm; 3] = [Algorithm::Even, Algorithm::Capacity, Algorithm::Latency];

fn simulate(kind: Kind, servers: usize, seconds: f64, algorithm: Algorithm) -> RunResult {
    let scenario = Scenario::new(kind, servers, seconds, Policy::new(algorithm));
    run("test", &scenario)
}

fn phase<'a>(result: &'a RunResult, name: &str) -> &'a PhaseResult {
    let found = result.phases.iter().find(|phase| phase.phase == name);
    found.expect("there is such a phase")
}

/// Servers of two speeds: nobody has more than 1.05 times the mean, where round robin
/// gives the slow ones a third more.
#[test]
fn feedback_evens_mixed_servers_out() {
    let mut scenario = Scenario::new(Kind::Mixed, 30, 120.0, Policy::default());
    scenario.scheduler = Scheduler::Rr;
    let round_robin = run("round-robin", &scenario).phases[0].peak_to_mean;
    assert!(round_robin > 1.3, "{round_robin}");
    for algorithm in [Algorithm::Even, Algorithm::Capacity] {
        let peak = simulate(Kind::Mixed, 30, 120.0, algorithm).phases[0].peak_to_mean;
        assert!(
            peak <= 1.05,
            "{algorithm}: {peak}, round robin {round_robin}"
        );
    }
}

/// One of twenty servers loses half of its cores to somebody else.
#[test]
fn an_antagonist_is_given_way_to() {
    let fixed = simulate(Kind::Antagonist, 20, 20.0, Algorithm::Static);
    for algorithm in FEEDBACK {
        let with = simulate(Kind::Antagonist, 20, 20.0, algorithm);
        for name in ["onset", "beset"] {
            let (fixed, with) = (phase(&fixed, name), phase(&with, name));
            assert!(
                with.p99 <= fixed.p99 / 2.0,
                "{algorithm}, {name}: {} s, static {} s",
                with.p99,
                fixed.p99
            );
            assert_eq!(with.errors, 0, "{algorithm}, {name}");
        }
        // And it does not cost much when there is none.
        let (fixed, with) = (phase(&fixed, "alone"), phase(&with, "alone"));
        assert!(with.p99 < fixed.p99 * 1.5, "{algorithm}: {} s", with.p99);
    }
}

/// Beyond what the slow ones can do at equal shares: errors there, none with feedback.
#[test]
fn the_ramp_is_climbed_higher() {
    let fixed = simulate(Kind::Ramp, 20, 8.0, Algorithm::Static);
    assert!(phase(&fixed, "1.57").error_rate() > 0.1);
    for algorithm in FEEDBACK {
        let with = simulate(Kind::Ramp, 20, 8.0, algorithm);
        assert_eq!(
            with.phases.iter().map(|p| p.errors).sum::<u64>(),
            0,
            "{algorithm}"
        );
    }
}

#[test]
fn those_that_lack_a_label_get_nothing() {
    let policy = Policy {
        wants: vec!["capable".into()],
        ..Policy::new(Algorithm::Capacity)
    };
    let mut scenario = Scenario::new(Kind::Mixed, 20, 20.0, policy);
    scenario.phases[0].settle = 10.0;
    let result = run("capability", &scenario);
    assert_eq!(result.phases[0].misplaced, 0);
    assert!(result.phases[0].peak_to_mean < 1.1);
}

/// Connections that stay with their server make the loop slower, not unstable.
#[test]
fn long_connections_make_no_oscillation() {
    for algorithm in [Algorithm::Even, Algorithm::Capacity] {
        let mut scenario = Scenario::new(Kind::Mixed, 20, 60.0, Policy::new(algorithm));
        scenario.requests_per_connection = 4.0;
        let result = run("test", &scenario);
        assert!(
            result.phases[0].peak_to_mean < 1.12,
            "{algorithm}: {:?}",
            result.phases[0]
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let with = |seed| {
        let mut scenario = Scenario::new(Kind::Antagonist, 5, 5.0, Policy::new(Algorithm::Even));
        scenario.seed = seed;
        serde_json::to_string(&run("test", &scenario)).unwrap()
    };
    assert_eq!(with(7), with(7));
    assert_ne!(with(7), with(8));
}
