// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The task that owns what is known, and has all sources and checks attended to.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchyard_report::{
    Guard, Inventory, LoadReport, Reading, Reason, SourceKind, TargetKey, Timestamp,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, MissedTickBehavior};
use tracing::{info, warn};

use crate::agenda::{Agenda, Errand, Number};
use crate::check::{self, Check, Pingers};
use crate::complaints::Complaints;
use crate::event::Event;
use crate::passive::Counters;
use crate::source::{self, described, Fetch};
use crate::spec::{CheckSpec, Source, TargetSpec};
use crate::state::State;

/// Whom ignored reports of nobody known are logged under.
const STRANGER: &str = "unknown";

/// What the manager's owner wants.
#[derive(Debug)]
pub enum Order {
    /// These are the destinations from now on.
    Targets(Vec<TargetSpec>),
    /// These are their counters now.
    Observe(Vec<(TargetKey, Counters)>),
}

/// What is known, and what finds it out.
pub struct Core {
    state: State,
    complaints: Complaints,
    sources: BTreeMap<Arc<Source>, Feed>,
    /// Agents that push, by name.
    pushers: BTreeMap<String, (Arc<Source>, Guard)>,
    checks: BTreeMap<TargetKey, Box<[Number]>>,
    /// What sources are given.
    context: Arc<source::Context>,
    /// What checks are given.
    checking: Arc<check::Context>,
    agenda: Agenda,
    /// All end with the core.
    tasks: JoinSet<Infallible>,
}

/// Whom a source reports for.
struct Feed {
    targets: Vec<TargetKey>,
    /// Fetches from it, unless reports come by themselves.
    errand: Option<Number>,
    trouble: Option<Arc<str>>,
}

impl Core {
    /// Knows what `state` does. All of `tasks` end with it.
    pub fn new(state: State, context: source::Context, tasks: JoinSet<Infallible>) -> Self {
        Self {
            state,
            complaints: Complaints::default(),
            sources: BTreeMap::new(),
            pushers: BTreeMap::new(),
            checks: BTreeMap::new(),
            checking: Arc::new(check::Context {
                events: context.events.clone(),
                pingers: Pingers::default(),
                tls: Mutex::default(),
            }),
            context: Arc::new(context),
            agenda: Agenda::default(),
            tasks,
        }
    }

    /// Runs until there is no owner any more.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Event>,
        mut ordered: mpsc::UnboundedReceiver<Order>,
        publish: watch::Sender<Arc<Inventory>>,
        every: Duration,
    ) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Orders are few, and a flood of events must not hold them up; nor
                // must it hold up what is published.
                biased;
                order = ordered.recv() => match order {
                    Some(Order::Targets(targets)) => self.set(targets),
                    Some(Order::Observe(counters)) => {
                        let now = self.context.clock.now();
                        for (key, counters) in counters {
                            self.state.observe(&key, counters, now);
                        }
                    }
                    None => return,
                },
                _ = ticks.tick() => {
                    while self.tasks.try_join_next().is_some() {}
                    if let Some(inventory) = self.state.inventory(self.context.clock.now()) {
                        publish.send_replace(Arc::new(inventory));
                    }
                }
                // Starts each errand once until it has ended, so events have their turn.
                () = self.agenda.go_on() => (),
                Some(event) = incoming.recv() => self.take(event),
            }
        }
    }

    fn set(&mut self, targets: Vec<TargetSpec>) {
        let now = self.context.clock.now();
        let mut wanted: BTreeMap<Arc<Source>, Vec<TargetKey>> = BTreeMap::new();
        let mut kept = BTreeSet::new();
        for target in targets {
            let source = target
                .source
                .as_ref()
                .map(|source| Arc::new(Source::of(source, target.key.destination)));
            let checks = &target.checks;
            let round = self.state.set(&target.key, source.as_deref(), checks, now);
            if let Some(source) = source {
                // Mostly it is the only one: a vector that grows begins with room for four.
                let targets = wanted.entry(source);
                let targets = targets.or_insert_with(|| Vec::with_capacity(1));
                targets.push(target.key.clone());
            }
            if let Some(round) = round {
                self.start_checks(&target.key, checks, round);
            }
            kept.insert(target.key);
        }
        self.state.retain(|key| kept.contains(key));
        self.checks.retain(|key, errands| {
            let is_kept = kept.contains(key);
            if !is_kept {
                for errand in errands.iter() {
                    self.agenda.cancel(*errand);
                }
            }
            is_kept
        });
        self.set_sources(wanted);
    }

    fn start_checks(&mut self, key: &TargetKey, checks: &Arc<[CheckSpec]>, round: u64) {
        let started: Box<[Number]> = (0..checks.len())
            .map(|index| {
                let check = Check {
                    target: key.clone(),
                    round,
                    index,
                    specs: Arc::clone(checks),
                    context: Arc::clone(&self.checking),
                    tls: None,
                    has_failed: false,
                };
                let first = check.first();
                self.agenda.add(Errand::Check(Box::new(check)), first)
            })
            .collect();
        if let Some(before) = self.checks.insert(key.clone(), started) {
            for errand in before.iter().copied() {
                self.agenda.cancel(errand);
            }
        }
    }

    fn set_sources(&mut self, wanted: BTreeMap<Arc<Source>, Vec<TargetKey>>) {
        self.sources.retain(|source, feed| {
            let is_wanted = wanted.contains_key(source);
            if let (false, Some(errand)) = (is_wanted, feed.errand) {
                self.agenda.cancel(errand);
            }
            is_wanted
        });
        self.pushers
            .retain(|_, (source, _)| wanted.contains_key(source));
        for (source, targets) in wanted {
            if let Some(feed) = self.sources.get_mut(&source) {
                let trouble = feed.trouble.clone();
                for key in &targets {
                    self.state.trouble(key, trouble.as_deref());
                }
                feed.targets = targets;
                continue;
            }
            if source.kind == SourceKind::Push {
                let guard = Guard::new(self.context.limits);
                self.pushers
                    .entry(source.name.clone())
                    .or_insert((Arc::clone(&source), guard));
            }
            let fetch = Fetch::new(Arc::clone(&source), Arc::clone(&self.context));
            let errand = fetch.map(|fetch| {
                let first = fetch.first();
                self.agenda.add(Errand::Fetch(Box::new(fetch)), first)
            });
            self.sources.insert(
                source,
                Feed {
                    targets,
                    errand,
                    trouble: None,
                },
            );
        }
        let known: BTreeSet<String> = self.sources.keys().map(|s| who(s)).collect();
        self.complaints
            .retain(|who| who == STRANGER || known.contains(who));
    }

    fn take(&mut self, event: Event) {
        let now = self.context.clock.now();
        match event {
            Event::Reading(source, reading) => self.accept(&source, &reading, now),
            Event::Load(source, load) => {
                if let Some(feed) = self.sources.get(&source) {
                    let load = Arc::new(*load);
                    for key in &feed.targets {
                        self.state.accept(key, Arc::clone(&load), now);
                    }
                }
            }
            Event::Pushed(reading, answer) => {
                let judged = self.judge_pushed(&reading, now);
                // Who sent it may not wait for the answer.
                let _ = answer.send(judged);
            }
            Event::Ignored {
                source,
                reason,
                detail,
            } => self.ignore(source.as_deref(), reason, &detail, now),
            Event::Trouble(source, error) => self.trouble(&source, error),
            Event::Check {
                target,
                round,
                index,
                result,
            } => self.state.checked(&target, round, index, result, now),
        }
    }

    fn accept(&mut self, source: &Source, reading: &Reading, now: Timestamp) {
        if let Some(feed) = self.sources.get(source) {
            let mut loads: BTreeMap<u16, Arc<LoadReport>> = BTreeMap::new();
            for key in &feed.targets {
                let port = key.destination.port();
                let load = loads
                    .entry(port)
                    .or_insert_with(|| Arc::new(reading.of_port(port)));
                self.state.accept(key, Arc::clone(load), now);
            }
        }
    }

    fn judge_pushed(&mut self, reading: &Reading, now: Timestamp) -> Result<(), Reason> {
        let Some((source, guard)) = self.pushers.get_mut(&reading.agent) else {
            // The certificate is good, but nobody waits for this agent's reports.
            let detail = format!("no destination is reported for by `{}`", reading.agent);
            self.ignore(None, Reason::Forged, &detail, now);
            return Err(Reason::Forged);
        };
        let source = Arc::clone(source);
        let judged = guard
            .pace(now)
            .and_then(|()| guard.admit(reading, Timestamp::now()));
        match judged {
            Ok(()) => self.accept(&source, reading, now),
            Err(reason) => self.ignore(Some(&source), reason, &described(reading), now),
        }
        judged
    }

    fn ignore(&mut self, source: Option<&Source>, reason: Reason, detail: &str, now: Timestamp) {
        let feed = source.and_then(|source| self.sources.get(source));
        let targets = feed.map(|feed| feed.targets.as_slice()).unwrap_or_default();
        self.state.ignore(targets, reason);
        let name = source.map_or_else(|| STRANGER.to_string(), who);
        self.complaints.ignored(&name, reason, detail, now);
    }

    fn trouble(&mut self, source: &Source, error: Option<String>) {
        let Some(feed) = self.sources.get_mut(source) else {
            return;
        };
        match (&feed.trouble, &error) {
            (None, Some(error)) => warn!(source = who(source), error, "no reports"),
            (Some(_), None) => info!(source = who(source), "reports come again"),
            _ => (),
        }
        for key in &feed.targets {
            self.state.trouble(key, error.as_deref());
        }
        feed.trouble = error.map(|error| self.state.words(&error));
    }
}

/// What a source is called in logs.
fn who(source: &Source) -> String {
    if source.kind == SourceKind::Push {
        source.name.clone()
    } else {
        source.address.clone()
    }
}
