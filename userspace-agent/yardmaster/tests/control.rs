// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The closed loop: servers that follow the weights, and a master that follows them.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod common;

use std::time::Duration;

use common::{endpoint, Plant, Server, ROUND};
use proptest::prelude::*;
use switchyard_report::{Health, Intent, LoadReport};
use yardmaster::{Algorithm, Policy, State};

const FEEDBACK: [Algorithm; 3] = [Algorithm::Even, Algorithm::Capacity, Algorithm::Latency];
/// Those that go by utilisation.
const BY_UTILISATION: [Algorithm; 2] = [Algorithm::Even, Algorithm::Capacity];

fn mixed() -> [Server; 6] {
    [100.0, 100.0, 200.0, 200.0, 400.0, 50.0].map(Server::of)
}

#[test]
fn mixed_servers_are_evenly_utilised() {
    for algorithm in BY_UTILISATION {
        let mut plant = Plant::new(Policy::new(algorithm), &mixed(), 700.0);
        let before = plant.peak_to_mean();
        plant.run(60.0);
        let after = plant.peak_to_mean();
        assert!(before > 1.3, "{before}");
        assert!(after < 1.03, "{algorithm}: {before} to {after}");
    }
}

#[test]
fn latencies_become_equal() {
    let servers = [100.0, 100.0, 150.0, 150.0].map(Server::of);
    let mut plant = Plant::new(Policy::new(Algorithm::Latency), &servers, 400.0);
    plant.run(120.0);
    let latency = |plant: &Plant, i: usize| {
        1.0 / plant.servers[i].capacity / (1.0 - plant.utilisation(i)).max(0.01)
    };
    let all: Vec<f64> = (0..4).map(|i| latency(&plant, i)).collect();
    let (least, most) = (
        all.iter().copied().fold(9.0, f64::min),
        all.iter().copied().fold(0.0, f64::max),
    );
    assert!(most / least < 1.25, "{all:?}");
}

/// A server loses most of its speed to something else: its share falls within three
/// seconds, goes where it belongs without swinging, and comes back.
#[test]
fn a_step_is_followed_without_oscillation() {
    for algorithm in FEEDBACK {
        for delay in [0, 1, 3] {
            let mut plant = Plant::new(Policy::new(algorithm), &[Server::of(100.0); 4], 200.0);
            plant.delay = delay;
            plant.run(30.0);
            assert!((plant.share(0) - 0.25).abs() < 0.01);
            plant.servers[0].background = 0.5;
            plant.servers[0].capacity = if algorithm == Algorithm::Latency {
                50.0
            } else {
                100.0
            };
            let mut shares = Vec::new();
            for _ in 0..120 {
                plant.step();
                shares.push(plant.share(0));
            }
            let end = shares[shares.len() - 1];
            let text = format!("{algorithm}, delay {delay}: {shares:.3?}");
            assert!(shares[5 + delay] < 0.22, "{text}");
            assert!(end < 0.18, "{text}");
            // It may go a little too far once; it does not swing.
            let lowest = shares.iter().copied().fold(1.0, f64::min);
            assert!(lowest > end * 0.75, "{text}");
            let mut least = f64::INFINITY;
            for share in &shares[30..] {
                least = least.min(*share);
                assert!(*share < least * 1.05, "rises again: {text}");
            }
            plant.servers[0] = Server::of(100.0);
            plant.run(40.0);
            assert!(
                (plant.share(0) - 0.25).abs() < 0.02,
                "{algorithm}: {}",
                plant.share(0)
            );
        }
    }
}

/// With the defaults, a server that becomes slow has lost much of its share within three
/// seconds.
#[test]
fn a_slow_server_is_given_way_to_within_three_seconds() {
    for algorithm in BY_UTILISATION {
        for (slower, part) in [(0.1, 0.7), (0.5, 0.8)] {
            let mut plant = Plant::new(Policy::new(algorithm), &[Server::of(100.0); 3], 150.0);
            plant.run(30.0);
            let before = plant.share(0);
            plant.servers[0].capacity *= slower;
            plant.run(3.0);
            let after = plant.share(0);
            assert!(
                after < before * part,
                "{algorithm}, {slower}: {before} to {after}"
            );
        }
    }
}

#[test]
fn noise_moves_little() {
    for algorithm in FEEDBACK {
        let mut plant = Plant::new(Policy::new(algorithm), &[Server::of(100.0); 5], 250.0);
        plant.noise = 0.1;
        plant.run(30.0);
        for _ in 0..200 {
            plant.step();
            for i in 0..5 {
                let share = plant.share(i);
                assert!((0.18..0.22).contains(&share), "{algorithm}: {share}");
            }
        }
    }
}

#[test]
fn what_does_not_change_is_not_written() {
    for algorithm in BY_UTILISATION {
        let mut plant = Plant::new(Policy::new(algorithm), &mixed(), 500.0);
        plant.run(200.0);
        let mut writes = 0;
        for _ in 0..40 {
            let before = plant.kernel.clone();
            plant.step();
            writes += usize::from(before != plant.kernel);
        }
        assert!(writes <= 2, "{algorithm} wrote {writes} times in 40 rounds");
    }
}

/// Requests in flight are whole numbers, and few: what goes by them cannot rest, but
/// it stays where it is.
#[test]
fn counting_few_requests_moves_little() {
    let mut plant = Plant::new(Policy::new(Algorithm::Latency), &mixed(), 500.0);
    plant.run(200.0);
    let (mut least, mut most) = (plant.kernel.clone(), plant.kernel.clone());
    for _ in 0..100 {
        plant.step();
        for (endpoint, &weight) in &plant.kernel {
            least.entry(*endpoint).and_modify(|w| *w = (*w).min(weight));
            most.entry(*endpoint).and_modify(|w| *w = (*w).max(weight));
        }
    }
    for (endpoint, &most) in &most {
        let swing = f64::from(most) / f64::from(least[endpoint]);
        assert!(swing < 1.3, "{endpoint} swings by {swing}");
    }
}

#[test]
fn silence_goes_back_to_the_configured_weights_in_steps() {
    for algorithm in BY_UTILISATION {
        let mut plant = Plant::new(Policy::new(algorithm), &[Server::of(100.0); 3], 150.0);
        plant.servers[0].background = 0.5;
        plant.run(60.0);
        let low = plant.share(0);
        assert!(low < 0.25, "{low}");
        for server in &mut plant.servers {
            server.reports = false;
        }
        plant.delay = 0;
        let mut shares = vec![low];
        for _ in 0..24 {
            plant.step();
            let share = plant.share(0);
            if (share - shares[shares.len() - 1]).abs() > 1e-3 {
                shares.push(share);
            }
        }
        // Five steps, none of which is most of the way.
        assert!((4..=7).contains(&shares.len()), "{shares:?}");
        let way = 1.0 / 3.0 - low;
        assert!(shares
            .windows(2)
            .all(|two| two[1] > two[0] && two[1] - two[0] < way * 0.5));
        // In the end the configured numbers themselves.
        assert!(
            plant.kernel.values().all(|&weight| weight == 1),
            "{:?}",
            plant.kernel
        );
        let decision = plant.master.decision(&plant.plan.key).unwrap();
        assert!(decision
            .destinations
            .iter()
            .all(|d| d.state == State::Silent));
    }
}

#[test]
fn one_silent_agent_does_not_disturb_the_others() {
    let mut plant = Plant::new(Policy::new(Algorithm::Even), &mixed(), 500.0);
    plant.run(60.0);
    plant.servers[4].reports = false;
    plant.run(30.0);
    // Its own configured share is one of six; the others divide theirs as they should.
    assert!(
        (plant.share(4) - 1.0 / 6.0).abs() < 0.01,
        "{}",
        plant.share(4)
    );
    let others: Vec<f64> = [0, 1, 2, 3, 5]
        .iter()
        .map(|&i| plant.utilisation(i))
        .collect();
    let mean = others.iter().sum::<f64>() / 5.0;
    assert!(
        others.iter().all(|u| (u / mean - 1.0).abs() < 0.05),
        "{others:?}"
    );
}

#[test]
fn a_new_master_changes_nothing() {
    let mut plant = Plant::new(Policy::new(Algorithm::Even), &mixed(), 500.0);
    plant.run(60.0);
    let before = plant.kernel.clone();
    plant.restart();
    assert_eq!(plant.round(), 0);
    // And goes on from there.
    plant.run(10.0);
    for (endpoint, weight) in &before {
        let change = f64::from(plant.kernel[endpoint]) / f64::from(*weight);
        assert!((0.97..1.03).contains(&change), "{endpoint}: {change}");
    }
}

#[test]
fn a_new_master_that_hears_nothing_waits_before_it_steps_back() {
    let mut plant = Plant::new(Policy::new(Algorithm::Even), &mixed(), 500.0);
    plant.run(60.0);
    let before = plant.kernel.clone();
    plant.restart();
    plant.inventory = switchyard_report::Inventory::default();
    for server in &mut plant.servers {
        server.reports = false;
    }
    plant.run(2.5);
    assert_eq!(plant.kernel, before);
    plant.run(20.0);
    assert!(plant.kernel.values().all(|&weight| weight == 1));
}

#[test]
fn a_server_that_fails_its_checks_gets_nothing_and_starts_slowly() {
    let policy = Policy {
        slow_start: Duration::from_secs(10),
        ..Policy::new(Algorithm::Capacity)
    };
    let mut plant = Plant::new(policy, &[Server::of(100.0); 4], 200.0);
    for i in 0..4 {
        plant.change(i, |standing| standing.health = Health::Up);
    }
    plant.run(10.0);
    plant.change(2, |standing| standing.health = Health::Down);
    plant.step();
    assert_eq!(plant.kernel[&endpoint(2)], 0);
    plant.run(10.0);
    plant.change(2, |standing| standing.health = Health::Up);
    let mut shares = Vec::new();
    for _ in 0..30 {
        plant.step();
        shares.push(plant.share(2));
    }
    assert!(shares[0] < 0.05, "{shares:?}");
    assert!((0.08..0.2).contains(&shares[10]), "{shares:?}");
    assert!((shares[29] - 0.25).abs() < 0.01, "{shares:?}");
    assert!(
        shares.windows(2).all(|two| two[1] > two[0] * 0.98),
        "{shares:?}"
    );
}

#[test]
fn when_all_fail_their_checks_the_checks_are_doubted() {
    let mut plant = Plant::new(Policy::new(Algorithm::Even), &[Server::of(100.0); 3], 100.0);
    plant.run(5.0);
    for i in 0..3 {
        plant.change(i, |standing| standing.health = Health::Down);
    }
    plant.step();
    assert!(plant.kernel.values().all(|&weight| weight > 0));
    // Those who want no more are not asked.
    plant.deliver(
        0,
        LoadReport {
            intent: Intent::Drain,
            ..LoadReport::default()
        },
    );
    plant.change(0, |standing| standing.health = Health::Up);
    plant.round();
    assert_eq!(plant.kernel[&endpoint(0)], 0);
    assert!(plant.kernel[&endpoint(1)] > 0);
}

/// What the kernel's counters say, with no report and no check.
#[test]
fn one_that_answers_nothing_while_others_do_gets_little() {
    for algorithm in Algorithm::ALL {
        let mut plant = Plant::new(Policy::new(algorithm), &[Server::of(100.0); 3], 100.0);
        let observe = |plant: &mut Plant, i, silent: Option<u64>, connections| {
            let (now, silent) = (plant.now, silent.map(Duration::from_secs));
            plant.change(i, |standing| {
                standing.passive.silent_for = silent;
                standing.passive.unanswered = connections;
                if silent.is_none() {
                    standing.passive.answered_at = Some(now);
                }
            });
        };
        plant.run(20.0);
        let state = |plant: &Plant, i: usize| {
            plant.master.decision(&plant.plan.key).unwrap().destinations[i].state
        };
        // Not for long, or not many: or it is all of them.
        for (silent, connections, others) in [
            (9, 100, None),
            (60, 2, None),
            (60, 100, Some(60)),
            (60, 100, Some(90)),
        ] {
            observe(&mut plant, 0, Some(silent), connections);
            observe(&mut plant, 1, others, connections);
            observe(&mut plant, 2, others, connections);
            if others.is_some() {
                // Their last answers are from before.
                plant.run(100.0);
                observe(&mut plant, 0, Some(silent), connections);
            }
            plant.run(5.0);
            assert_ne!(state(&plant, 0), State::Suspect);
        }
        for i in 1..3 {
            observe(&mut plant, i, None, 0);
        }
        plant.run(6.0);
        assert_eq!(state(&plant, 0), State::Suspect);
        assert!(plant.share(0) < 0.03, "{algorithm}: {}", plant.share(0));
        assert!(plant.kernel[&endpoint(0)] > 0, "it has to be tried");
        observe(&mut plant, 0, None, 0);
        plant.run(30.0);
        let share = plant.share(0);
        assert!((share - 1.0 / 3.0).abs() < 0.02, "{algorithm}: {share}");
        // Whoever does not want that has it not.
        plant.plan.policy.suspect_after = Duration::ZERO;
        plant.restart();
        observe(&mut plant, 0, Some(600), 100);
        plant.run(10.0);
        assert!((plant.share(0) - share).abs() < 0.02);
    }
}

#[test]
fn a_drained_server_stays_drained_when_its_agent_stops() {
    let mut plant = Plant::new(Policy::new(Algorithm::Even), &[Server::of(100.0); 3], 100.0);
    plant.run(5.0);
    plant.servers[1].reports = false;
    plant.step();
    plant.deliver(
        1,
        LoadReport {
            intent: Intent::Maintenance,
            ..LoadReport::default()
        },
    );
    plant.round();
    assert_eq!(plant.kernel[&endpoint(1)], 0);
    plant.run(30.0);
    assert_eq!(plant.kernel[&endpoint(1)], 0);
    plant.servers[1].reports = true;
    plant.run(2.0);
    assert!(plant.kernel[&endpoint(1)] > 0);
}

#[test]
fn a_changed_plan_is_followed_at_once() {
    let mut plant = Plant::new(
        Policy::new(Algorithm::Static),
        &[Server::of(100.0); 3],
        100.0,
    );
    plant.run(5.0);
    let mut next = plant.plan.clone();
    next.destinations[1].weight = 5;
    next.destinations[2].weight = 0;
    let kernel = [(plant.plan.key, plant.kernel.clone())].into();
    plant.master.plan(vec![next], &kernel, plant.now);
    plant.round();
    assert_eq!(
        plant.kernel.values().copied().collect::<Vec<_>>(),
        [1, 5, 0]
    );
}

#[test]
fn labels_decide_who_is_asked_at_all() {
    let policy = Policy {
        wants: vec!["gpu".into()],
        slow_start: Duration::ZERO,
        ..Policy::new(Algorithm::Even)
    };
    let mut plant = Plant::new(policy, &[Server::of(100.0); 3], 100.0);
    plant.delay = 0;
    // Until somebody has said what it can do, what the kernel has stands.
    plant.round();
    assert!(plant.kernel.values().all(|&weight| weight == 1));
    let told = |labels: &[&str]| LoadReport {
        labels: labels.iter().map(ToString::to_string).collect(),
        cpu: Some(0.5),
        ..LoadReport::default()
    };
    plant.now = plant.now + ROUND;
    plant.deliver(0, told(&["gpu", "zone=a"]));
    plant.deliver(1, told(&["zone=a"]));
    plant.round();
    assert!(plant.kernel[&endpoint(0)] > 0 && plant.kernel[&endpoint(1)] == 0);
    plant.now = plant.now + Duration::from_secs(1);
    plant.deliver(1, told(&["gpu"]));
    plant.round();
    assert!(plant.kernel[&endpoint(1)] > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is reported, and when: weights stay in bounds, and somebody serves.
    #[test]
    fn weights_are_bounded_whatever_is_told(
        which in 0usize..4,
        told in proptest::collection::vec(
            (0usize..5, 0.0..100.0f64, 0.0..1e9f64, 0.0..86_400.0f64, 0u64..1 << 32, 0u64..20_000),
            1..80,
        ),
    ) {
        let policy = Policy::new(Algorithm::ALL[which]);
        let mut plant = Plant::new(policy, &[Server::of(1.0); 5], 1.0);
        for (i, cpu, rate, time, in_flight, later) in told {
            plant.now = plant.now + Duration::from_millis(later);
            plant.deliver(i, LoadReport {
                cpu: Some(cpu),
                requests_per_second: Some(rate),
                errors_per_second: Some(rate / 2.0),
                execution_time: Some(time),
                in_flight: Some(in_flight),
                ..LoadReport::default()
            });
            plant.round();
            let weights: Vec<u32> = plant.kernel.values().copied().collect();
            prop_assert!(weights.iter().all(|w| (1..=yardmaster::MAX_WEIGHT).contains(w)), "{weights:?}");
            let decision = plant.master.decision(&plant.plan.key).unwrap();
            for d in decision.destinations {
                let ratio = d.level / f64::from(d.configured);
                prop_assert!((0.0499..=16.001).contains(&ratio), "{}", ratio);
            }
        }
    }
}

/// Seconds after which all is as it comes to be: `latency` takes what slow servers have to the least
/// there is, by and by.
const SETTLED: f64 = 240.0;

/// Servers of which the fastest is up to eight times the slowest, and a load that they can bear
/// when the fastest has lost most of its speed.
fn any_plant() -> impl Strategy<Value = (Vec<Server>, f64, usize, u64)> {
    (
        proptest::collection::vec(50.0..400.0f64, 2..10),
        0.2..0.8f64,
        0usize..4,
        any::<u64>(),
    )
        .prop_map(|(capacities, load, delay, seed)| {
            let all: f64 = capacities.iter().sum();
            let fastest = capacities.iter().copied().fold(0.0, f64::max);
            let servers = capacities.into_iter().map(Server::of).collect();
            (servers, load * (all - 0.7 * fastest), delay, seed)
        })
}

fn planted(
    algorithm: Algorithm,
    (servers, demand, delay, seed): &(Vec<Server>, f64, usize, u64),
) -> Plant {
    let mut plant = Plant::new(Policy::new(algorithm), servers, *demand);
    plant.delay = *delay;
    plant.sow(*seed);
    if algorithm == Algorithm::Latency {
        // Latency is steep where servers are nearly full: what is more than a second old is too
        // old for it then.
        plant.delay %= 2;
        plant.demand *= 0.75;
    }
    plant
}

/// How much a share may go to and fro without meaning it, one of so many that is at least that.
fn swing(algorithm: Algorithm, servers: usize, share: f64) -> f64 {
    let mean = 1.0 / yardmaster::number::real(servers);
    match algorithm {
        // Who is hot, one request in flight more or less decides, where there are few of them.
        Algorithm::Latency => 0.7 * share.max(mean),
        _ => (0.35 * share).max(0.05 * mean),
    }
}

/// How often a curve turns about, swings of less than this apart.
fn turns(curve: &[f64], by: f64) -> usize {
    let (mut rises, mut farthest, mut turns) = (None, curve[0], 0);
    for &value in curve {
        let (up, down) = (value > farthest + by, value < farthest - by);
        match rises {
            None if up || down => (rises, farthest) = (Some(up), value),
            Some(true) if down => (rises, farthest, turns) = (Some(false), value, turns + 1),
            Some(false) if up => (rises, farthest, turns) = (Some(true), value, turns + 1),
            Some(true) => farthest = farthest.max(value),
            Some(false) => farthest = farthest.min(value),
            None => (),
        }
    }
    turns
}

#[test]
fn turns_are_counted() {
    assert_eq!(turns(&[1.0, 1.01, 0.99, 1.0], 0.05), 0);
    assert_eq!(turns(&[1.0, 1.2, 1.5, 1.49, 2.0], 0.05), 0);
    assert_eq!(turns(&[1.0, 0.5, 0.4, 0.6, 0.59], 0.05), 1);
    assert_eq!(turns(&[1.0, 0.5, 1.0, 0.5, 1.0], 0.05), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Noise of a tenth in all that is reported moves shares by little.
    #[test]
    fn noise_moves_any_servers_little(plan in any_plant()) {
        for algorithm in Algorithm::ALL {
            let mut plant = planted(algorithm, &plan);
            plant.noise = 0.1;
            plant.run(SETTLED);
            let servers = plant.servers.len();
            let mut seen = vec![(f64::INFINITY, 0.0f64); servers];
            for _ in 0..200 {
                plant.step();
                for (i, (least, most)) in seen.iter_mut().enumerate() {
                    let share = plant.share(i);
                    (*least, *most) = (least.min(share), most.max(share));
                }
            }
            for (least, most) in seen {
                let text = format!("{algorithm}: {least} to {most}");
                prop_assert!(most - least < swing(algorithm, servers, least), "{}", text);
            }
        }
    }

    /// A server that loses speed, or gets it back, makes its share go one way: too far, and back
    /// again, once at most, though reports are up to two seconds old.
    #[test]
    fn a_step_of_any_servers_makes_no_oscillation(
        plan in any_plant(),
        which in any::<prop::sample::Index>(),
        slower in 0.3..0.8f64,
    ) {
        for algorithm in Algorithm::ALL {
            let mut plant = planted(algorithm, &plan);
            plant.run(SETTLED);
            let i = which.index(plant.servers.len());
            let swing = swing(algorithm, plant.servers.len(), 0.0);
            for speed in [slower, 1.0 / slower] {
                plant.servers[i].capacity *= speed;
                let mut shares = Vec::new();
                for _ in 0..160 {
                    plant.step();
                    shares.push(plant.share(i));
                }
                let text = format!("{algorithm}: {shares:.4?}");
                prop_assert!(turns(&shares, 2.0 * swing) <= 2, "{}", text);
                prop_assert_eq!(turns(&shares[80..], swing), 0, "{}", text);
            }
        }
    }
}
