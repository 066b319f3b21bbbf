// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the master remembers of one destination.

use std::sync::Arc;
use std::time::Duration;

use switchyard_report::{Health, LoadReport, Standing, Timestamp};

use crate::algorithm::Terms;
use crate::decision::{Limit, State};
use crate::smooth::part;
use crate::{DestinationPlan, Load, Policy};

/// How fast the base latency follows one that is less.
const BASE_DOWN: Duration = Duration::from_secs(10);
/// How fast it follows one that is more.
const BASE_UP: Duration = Duration::from_secs(3600);
/// So many connections at least that are not answered are a sign.
const UNANSWERED: u64 = 3;
/// A newcomer's first share of its level.
const START: f64 = 0.1;

/// A destination of a service, from round to round.
#[derive(Debug)]
pub(crate) struct Track {
    pub plan: DestinationPlan,
    /// The present level.
    pub level: f64,
    /// The level that the load was measured under, slow start included.
    pub measured_level: f64,
    /// The same when the last report came.
    pub reported_level: f64,
    /// Whether the load is that of the last report.
    pub is_heard: bool,
    pub smooth: Load,
    pub base_latency: Option<f64>,
    /// Since when it is known, for reports that never come.
    pub since: Timestamp,
    /// When the last report that was looked at came.
    pub received_at: Option<Timestamp>,
    /// Where the steps of a silent one began: the ratio of level to configured weight.
    pub silent_from: Option<f64>,
    /// When its slow start began; `None` if it is over.
    pub started: Option<Timestamp>,
    /// Taken from the kernel with no weight: somebody had reason for that.
    pub held: bool,
    /// What the kernel has.
    pub written: Option<u32>,
    /// What was known of it last, which others know as well.
    pub standing: Option<Arc<Standing>>,
    // What the last round found.
    pub state: State,
    pub reason: &'static str,
    pub terms: Terms,
    pub wanted: f64,
    pub limit: Option<Limit>,
    pub weight: u32,
}

impl Track {
    pub fn new(plan: DestinationPlan, now: Timestamp) -> Self {
        let level = f64::from(plan.weight);
        Self {
            plan,
            level,
            measured_level: level,
            reported_level: level,
            is_heard: false,
            smooth: Load::default(),
            base_latency: None,
            since: now,
            received_at: None,
            silent_from: None,
            started: None,
            held: false,
            written: None,
            standing: None,
            state: State::Unheard,
            reason: "",
            terms: Terms::default(),
            wanted: level,
            limit: None,
            weight: 0,
        }
    }

    pub fn configured(&self) -> f64 {
        f64::from(self.plan.weight)
    }

    /// Sets the level as if it had always been so.
    pub fn set_level(&mut self, level: f64) {
        self.level = level;
        self.measured_level = level;
        self.reported_level = level;
        self.silent_from = None;
    }

    /// Takes another plan for the same server. Its level changes as the configured
    /// weight does.
    pub fn replan(&mut self, next: DestinationPlan, now: Timestamp) {
        let (before, after) = (self.configured(), f64::from(next.weight));
        if before > 0.0 && after > 0.0 {
            let ratio = after / before;
            self.level *= ratio;
            self.measured_level *= ratio;
            self.reported_level *= ratio;
        } else if after > 0.0 {
            self.set_level(after);
            self.start(now);
        }
        self.plan = next;
    }

    /// Begins as a newcomer.
    pub fn start(&mut self, now: Timestamp) {
        self.started = Some(now);
    }

    /// Takes in what is known of it now. Returns whether that was a new report.
    pub fn learn(&mut self, standing: &Arc<Standing>, policy: &Policy) -> bool {
        if self
            .standing
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, standing))
        {
            return false;
        }
        self.standing = Some(Arc::clone(standing));
        let (Some(report), Some(received_at)) = (&standing.report, standing.received_at) else {
            return false;
        };
        if self.received_at == Some(received_at) {
            return false;
        }
        self.learn_report(report, received_at, policy);
        true
    }

    fn learn_report(&mut self, report: &LoadReport, received_at: Timestamp, policy: &Policy) {
        let load = Load::of(report);
        let passed = self.received_at.map(|before| received_at.since(before));
        // After silence, what was known before is not worth remembering.
        let passed = passed.filter(|passed| *passed < policy.silent_after);
        let part = passed.map_or(1.0, |passed| part(passed, policy.smoothing));
        self.smooth.approach(&load, part);
        self.measured_level += part * (self.reported_level - self.measured_level);
        self.reported_level = self.level * self.part_now(received_at, policy);
        self.base_latency = match (self.base_latency, self.smooth.latency) {
            (Some(base), Some(latency)) => {
                let passed = passed.unwrap_or_default();
                // Down in a few reports, so that one lucky one does not count for long;
                // up in an hour.
                let memory = if latency < base { BASE_DOWN } else { BASE_UP };
                Some(base + crate::smooth::part(passed, memory) * (latency - base))
            }
            (_, latency) => latency,
        };
        self.is_heard = true;
        self.received_at = Some(received_at);
    }

    /// What its last report says.
    fn report(&self) -> Option<&LoadReport> {
        self.standing.as_ref()?.report.as_deref()
    }

    /// The last load as it was reported.
    pub fn raw(&self) -> Option<Load> {
        self.report().filter(|_| self.is_heard).map(Load::of)
    }

    /// What its checks said last.
    pub fn health(&self) -> Health {
        self.standing
            .as_ref()
            .map_or(Health::Unknown, |standing| standing.health)
    }

    /// What is wrong with its checks, or why its agent cannot be heard.
    pub fn trouble(&self) -> Option<&str> {
        let standing = self.standing.as_ref()?;
        if standing.health == Health::Down {
            standing.last_failure.as_deref()
        } else {
            standing.source_error.as_deref()
        }
    }

    /// When packets were last seen to have come back from it.
    pub fn answered_at(&self) -> Option<Timestamp> {
        self.standing.as_ref()?.passive.answered_at
    }

    /// Whether nothing has come back from it for so long, while others of the service answered,
    /// the last one this long ago.
    pub fn is_unanswered(&self, after: Duration, others: Option<Duration>) -> bool {
        let Some(standing) = &self.standing else {
            return false;
        };
        let passive = &standing.passive;
        // One packet that wants no answer is the last one of many a connection.
        passive.unanswered >= UNANSWERED
            && passive
                .silent_for
                .is_some_and(|time| time >= after && others.is_some_and(|ago| ago < time))
    }

    /// Whether it has these labels; `None` if it has not been heard and its plan does
    /// not say so.
    pub fn is_capable(&self, wants: &[String]) -> Option<bool> {
        let told = self.report().map(|report| report.labels.as_slice());
        let has = |label: &String| {
            self.plan.labels.contains(label) || told.is_some_and(|told| told.contains(label))
        };
        if wants.iter().all(has) {
            Some(true)
        } else {
            told.map(|_| false)
        }
    }

    /// How long it has been silent.
    pub fn silence(&self, now: Timestamp) -> Duration {
        now.since(self.received_at.unwrap_or(self.since))
    }

    /// The level of a server whose agent is silent: in steps from what it was to the
    /// configured weight, by equal ratios.
    pub fn silent_level(&mut self, now: Timestamp, policy: &Policy) -> f64 {
        let configured = self.configured();
        let from = *self.silent_from.get_or_insert(self.level / configured);
        let over = self.silence(now).saturating_sub(policy.silent_after);
        let done = over.as_secs_f64() / policy.silent_step.as_secs_f64().max(0.001);
        let steps = f64::from(policy.silent_steps.max(1));
        let step = (done.floor() + 1.0).min(steps);
        configured * from.powf(1.0 - step / steps)
    }

    /// Which part of its level a newcomer gets; its slow start ends with 1.
    pub fn started_part(&mut self, now: Timestamp, policy: &Policy) -> f64 {
        let part = self.part_now(now, policy);
        if part >= 1.0 {
            self.started = None;
        }
        part
    }

    /// Which part of its level it gets.
    pub fn part_now(&self, now: Timestamp, policy: &Policy) -> f64 {
        match self.started.map(|started| now.since(started)) {
            Some(age) if age < policy.slow_start => {
                (age.as_secs_f64() / policy.slow_start.as_secs_f64()).max(START)
            }
            _ => 1.0,
        }
    }

    /// Forgets its load, which is that of a server that was down or drained.
    pub fn forget(&mut self) {
        self.set_level(self.configured());
        self.is_heard = false;
        self.smooth = Load::default();
        self.base_latency = None;
    }

    /// Why it gets no new connections, as far as its own state goes. What an agent
    /// wants holds until it says otherwise: one that is silent after "drain" has most
    /// likely been stopped for the work that was ahead.
    pub fn refusal(&self, standing: Option<&Standing>) -> Option<State> {
        if self.plan.weight == 0 {
            return Some(State::Drained);
        }
        let health = standing.map_or(Health::Unknown, |standing| standing.health);
        if health == Health::Down {
            return Some(State::Down);
        }
        let report = standing.and_then(|standing| standing.report.as_ref());
        if let Some(report) = report {
            if !report.intent.is_ready() || report.wanted_share == Some(0.0) {
                return Some(State::Unwilling);
            }
        }
        self.held.then_some(State::Held)
    }
}
