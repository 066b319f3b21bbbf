// SPDX-License-Identifier: GPL-2.0 OR MIT

//! One service: from round to round, the weights of its destinations.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_report::{Health, Standing, Timestamp};

use crate::algorithm::{self, Advice, Algorithm, Candidate, Terms};
use crate::decision::{Decision, DestinationDecision, Limit, State};
use crate::number::real;
use crate::track::Track;
use crate::weights::{weights, Share};
use crate::{Load, ServicePlan};

/// A machine that slept does not make up for it in one round.
const LONGEST_ROUND: Duration = Duration::from_secs(5);

/// A service and its destinations as the master has them.
#[derive(Debug)]
pub struct Balance {
    plan: ServicePlan,
    algorithm: Box<dyn Algorithm>,
    tracks: Vec<Track>,
    last_round: Option<Timestamp>,
    exact: bool,
}

impl Balance {
    /// A service that begins with its configured weights.
    #[must_use]
    pub fn new(mut plan: ServicePlan, now: Timestamp) -> Self {
        // They are kept once.
        let tracks = std::mem::take(&mut plan.destinations)
            .into_iter()
            .map(|destination| Track::new(destination, now))
            .collect();
        Self {
            algorithm: algorithm::of(&plan.policy),
            tracks,
            plan,
            last_round: None,
            exact: true,
        }
    }

    /// Whether this is what it goes by already.
    #[must_use]
    pub fn follows(&self, plan: &ServicePlan) -> bool {
        let destinations = self.tracks.iter().map(|track| &track.plan);
        plan.key == self.plan.key
            && plan.policy == self.plan.policy
            && plan.destinations.iter().eq(destinations)
    }

    /// Takes another plan for the same service. Destinations that stay keep what is
    /// known of them, new ones start slowly.
    pub fn replan(&mut self, mut plan: ServicePlan, now: Timestamp) {
        if plan.policy != self.plan.policy {
            self.algorithm = algorithm::of(&plan.policy);
        }
        let mut old: BTreeMap<SocketAddr, Track> = self
            .tracks
            .drain(..)
            .map(|track| (track.plan.endpoint, track))
            .collect();
        let begun = self.last_round.is_some();
        self.tracks = std::mem::take(&mut plan.destinations)
            .into_iter()
            .map(|destination| {
                if let Some(mut track) = old.remove(&destination.endpoint) {
                    track.replan(destination, now);
                    return track;
                }
                let mut track = Track::new(destination, now);
                if begun {
                    track.start(now);
                }
                track
            })
            .collect();
        self.plan = plan;
    }

    /// Begins with the weights that the kernel has, so that a new master changes
    /// nothing by its coming. To be called before the first round; destinations that
    /// are not among the weights are not in the kernel.
    pub fn adopt(&mut self, kernel: &BTreeMap<SocketAddr, u32>) {
        for track in &mut self.tracks {
            track.written = kernel.get(&track.plan.endpoint).copied();
            track.weight = track.written.unwrap_or(0);
        }
        let known = || self.tracks.iter().filter_map(|t| Some((t, t.written?)));
        self.exact = known().all(|(track, weight)| weight == 0 || weight == track.plan.weight);
        let serving = || known().filter(|(track, weight)| *weight > 0 && track.plan.weight > 0);
        let configured: f64 = serving().map(|(track, _)| track.configured()).sum();
        let sum: f64 = serving().map(|(_, weight)| f64::from(weight)).sum();
        let ratio = if sum > 0.0 { configured / sum } else { 1.0 };
        for track in &mut self.tracks {
            match track.written {
                Some(0) => track.held = track.plan.weight > 0,
                Some(weight) if track.plan.weight > 0 => {
                    track.set_level(f64::from(weight) * ratio);
                }
                _ => (),
            }
        }
    }

    /// Takes note of what the kernel has by now; `None` if it has no such destination.
    pub fn written(&mut self, endpoint: SocketAddr, weight: Option<u32>) {
        if let Some(track) = self.tracks.iter_mut().find(|t| t.plan.endpoint == endpoint) {
            track.written = weight;
        }
    }

    /// The weight that the kernel is known to have: `None` if it is no destination of
    /// the service, `Some(None)` if the kernel has no such destination.
    #[must_use]
    pub fn known_weight(&self, endpoint: SocketAddr) -> Option<Option<u32>> {
        let track = self.tracks.iter().find(|t| t.plan.endpoint == endpoint)?;
        Some(track.written)
    }

    /// Takes note of all that the kernel has.
    pub fn written_all(&mut self, kernel: &BTreeMap<SocketAddr, u32>) {
        for track in &mut self.tracks {
            track.written = kernel.get(&track.plan.endpoint).copied();
        }
    }

    /// Decides anew, from what is known now.
    pub fn round<'a>(
        &mut self,
        now: Timestamp,
        standing: impl Fn(SocketAddr) -> Option<&'a Arc<Standing>>,
    ) {
        let passed = self
            .last_round
            .map_or(Duration::ZERO, |last| now.since(last).min(LONGEST_ROUND));
        self.last_round = Some(now);
        self.learn(now, &standing);
        self.suspect(now);
        self.level(now, passed);
        let shares: Vec<Share> = self
            .tracks
            .iter_mut()
            .map(|track| Share {
                configured: track.configured(),
                level: track
                    .state
                    .is_serving()
                    .then(|| track.level * track.started_part(now, &self.plan.policy)),
                last: track.written,
            })
            .collect();
        let policy = &self.plan.policy;
        let weights = weights(&shares, policy.dead_band, policy.ceiling, &mut self.exact);
        for (track, weight) in self.tracks.iter_mut().zip(weights) {
            track.weight = weight;
        }
    }

    /// Takes in reports, and finds out who serves at all.
    fn learn<'a>(
        &mut self,
        now: Timestamp,
        standing: &impl Fn(SocketAddr) -> Option<&'a Arc<Standing>>,
    ) {
        let policy = &self.plan.policy;
        for track in &mut self.tracks {
            let standing = standing(track.plan.endpoint);
            let before = track.state;
            if let Some(standing) = standing {
                track.learn(standing, policy);
            }
            if track.held {
                // Whoever waits for a verdict does not wait for ever: there may be no
                // checks, and then nobody has found it down.
                let health = standing.map_or(Health::Unknown, |standing| standing.health);
                let waited = now.since(track.since) >= policy.silent_after;
                if health == Health::Up || (waited && health == Health::Unknown) {
                    track.held = false;
                    track.start(now);
                }
            }
            track.reason = "";
            track.terms = Terms::default();
            track.limit = None;
            track.state = match track.refusal(standing.map(Arc::as_ref)) {
                Some(state) => state,
                None if track.received_at.is_none()
                    && now.since(track.since) < policy.silent_after =>
                {
                    State::Unheard
                }
                None if track.silence(now) >= policy.silent_after => State::Silent,
                None => State::Reporting,
            };
            let was_out = matches!(before, State::Down | State::Unwilling | State::Drained);
            if was_out && track.state.is_serving() {
                track.forget();
                track.start(now);
            }
        }
        let willing = || {
            let unwilling = [State::Drained, State::Unwilling];
            self.tracks
                .iter()
                .filter(move |t| !unwilling.contains(&t.state))
        };
        if willing().count() > 0 && willing().all(|track| track.state == State::Down) {
            for track in &mut self.tracks {
                if track.state == State::Down {
                    track.state = State::Doubted;
                }
            }
        }
    }

    /// Finds those that answer nothing, by the kernel's counters. Where nobody answers, nobody is
    /// to: a service of one way, or a network that is at fault.
    fn suspect(&mut self, now: Timestamp) {
        let after = self.plan.policy.suspect_after;
        if after.is_zero() {
            return;
        }
        let answered = self.tracks.iter().filter_map(Track::answered_at).max();
        for track in &mut self.tracks {
            if track.state.is_serving()
                && track.is_unanswered(after, answered.map(|at| now.since(at)))
            {
                track.state = State::Suspect;
                track.reason = "it answers nothing, others of the service do";
            }
        }
    }

    /// Asks the algorithm, and goes as far towards its levels as is allowed.
    fn level(&mut self, now: Timestamp, passed: Duration) {
        let policy = &self.plan.policy;
        let nothing = Load::default();
        let mut serving: Vec<&mut Track> = self
            .tracks
            .iter_mut()
            .filter(|track| track.state.is_serving())
            .collect();
        let candidates: Vec<Candidate<'_>> = serving
            .iter()
            .map(|track| Candidate {
                configured: track.configured(),
                level: track.measured_level,
                load: if track.state == State::Reporting {
                    &track.smooth
                } else {
                    &nothing
                },
                base_latency: track.base_latency,
                capable: track.is_capable(&policy.wants),
            })
            .collect();
        let advice = self.algorithm.advise(&candidates);
        // The servers that the algorithm tells apart share what is configured for all of
        // them; the others' shares are not touched by that.
        let (mut advised, mut configured) = (0.0, 0.0);
        for (track, advice) in serving.iter().zip(&advice) {
            if let (State::Reporting, Advice::Level(level, _)) = (track.state, advice) {
                advised += level;
                configured += track.configured();
            }
        }
        let ratio = if advised > 0.0 {
            configured / advised
        } else {
            1.0
        };
        for (track, advice) in serving.iter_mut().zip(advice) {
            let own = track.configured();
            match (track.state, advice) {
                (_, Advice::Exclude(_))
                    if track.received_at.is_none()
                        && track.written > Some(0)
                        && now.since(track.since) < policy.silent_after =>
                {
                    // A new master does not take away what the one before gave, until it
                    // knows better.
                    track.reason = "its labels are not known yet";
                    continue;
                }
                (_, Advice::Exclude(reason)) => {
                    track.state = State::Incapable;
                    track.reason = reason;
                    track.set_level(own);
                    continue;
                }
                (State::Silent, _) => {
                    track.wanted = own;
                    track.level = track.silent_level(now, policy);
                    continue;
                }
                (State::Suspect, _) => {
                    track.wanted = own * policy.floor;
                }
                (State::Reporting, Advice::Level(level, terms)) => {
                    track.terms = terms;
                    track.wanted = level * ratio;
                }
                (State::Reporting, Advice::Configured(share, reason)) => {
                    track.state = State::Configured;
                    track.reason = reason;
                    track.wanted = own * share;
                }
                _ => {
                    track.wanted = track.level;
                    continue;
                }
            }
            track.silent_from = None;
            if self.algorithm.is_immediate() {
                track.set_level(track.wanted);
            } else {
                approach(track, passed, policy);
            }
        }
    }

    /// The weights that differ from the kernel's, of the destinations that it has.
    pub fn changes(&self) -> impl Iterator<Item = (SocketAddr, u32)> + '_ {
        self.tracks
            .iter()
            .filter(|track| track.written.is_some_and(|written| written != track.weight))
            .map(|track| (track.plan.endpoint, track.weight))
    }

    /// The weights of the last round.
    pub fn weights(&self) -> impl Iterator<Item = (SocketAddr, u32)> + '_ {
        self.tracks.iter().map(|t| (t.plan.endpoint, t.weight))
    }

    /// The last round's decision and what it was made from.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let at = self.last_round.unwrap_or_default();
        let sum: f64 = self.tracks.iter().map(|t| f64::from(t.weight)).sum();
        Decision {
            service: self.plan.key,
            at,
            algorithm: self.algorithm.name(),
            formula: self.algorithm.formula(),
            exact: self.exact,
            destinations: self
                .tracks
                .iter()
                .map(|track| DestinationDecision {
                    endpoint: track.plan.endpoint,
                    configured: track.plan.weight,
                    state: track.state,
                    reason: track.reason,
                    health: track.health(),
                    trouble: track.trouble().map(str::to_owned),
                    signs: track
                        .standing
                        .as_ref()
                        .map(|standing| standing.passive.into())
                        .unwrap_or_default(),
                    age: track.received_at.map(|then| at.since(then).as_secs_f64()),
                    reported: track.raw(),
                    smoothed: track.smooth,
                    terms: track.terms.iter().collect(),
                    wanted: track.wanted,
                    level: track.level,
                    limit: track.limit,
                    slow_start: track.part_now(at, &self.plan.policy),
                    weight: track.weight,
                    written: track.written,
                    share: if sum > 0.0 {
                        f64::from(track.weight) / sum
                    } else {
                        0.0
                    },
                })
                .collect(),
        }
    }

    /// The algorithm's name.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.algorithm.name()
    }

    /// How many destinations it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Whether each destination serves, for those who count.
    pub fn states(&self) -> impl Iterator<Item = (SocketAddr, State)> + '_ {
        self.tracks.iter().map(|t| (t.plan.endpoint, t.state))
    }

    /// The largest share of any serving destination over their mean share, both by
    /// configured weight: 1 is the configured distribution.
    #[must_use]
    pub fn distortion(&self) -> f64 {
        let ratios: Vec<f64> = self
            .tracks
            .iter()
            .filter(|t| t.state.is_serving())
            .map(|t| t.level / t.configured())
            .collect();
        let mean = ratios.iter().sum::<f64>() / real(ratios.len().max(1));
        let largest = ratios.iter().copied().fold(0.0, f64::max);
        if mean > 0.0 {
            largest / mean
        } else {
            1.0
        }
    }
}

/// Moves a level towards what is wanted, within its bounds and no faster than allowed.
fn approach(track: &mut Track, passed: Duration, policy: &crate::Policy) {
    let own = track.configured();
    let (lowest, highest) = (own * policy.floor, own * policy.ceiling);
    let mut to = track.wanted;
    if !to.is_finite() {
        to = own;
    }
    if to < lowest {
        to = lowest;
        track.limit = Some(Limit::Floor);
    } else if to > highest {
        to = highest;
        track.limit = Some(Limit::Ceiling);
    }
    let most = policy.slew * passed.as_secs_f64();
    let way = (to / track.level.max(f64::MIN_POSITIVE)).ln();
    if way.abs() > most {
        track.limit = Some(Limit::Slew);
        to = track.level * most.copysign(way).exp();
    }
    track.level = to;
}
