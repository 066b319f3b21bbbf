// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The manager: one task that owns what is known, and a task for each source and
//! check.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_report::tls::{Identity, TlsError};
use switchyard_report::{
    Guard, Inventory, Limits, Reading, Reason, SourceKind, TargetKey, Timestamp,
};
use switchyard_transport::Server;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{interval, MissedTickBehavior};
use tracing::{info, warn};

use crate::check::{self, Pingers};
use crate::clock::Clock;
use crate::complaints::Complaints;
use crate::event::{Event, Events};
use crate::passive::Counters;
use crate::push;
use crate::source::{self, described, Identities};
use crate::spec::{BadSpec, CheckSpec, Source, TargetSpec};
use crate::state::State;

/// Events that may wait for the manager.
const QUEUE: usize = 1024;
/// Whom ignored reports of nobody known are logged under.
const STRANGER: &str = "unknown";

/// What concerns the manager as a whole.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we are: needed for agents, pushed reports and ORCA over TLS.
    pub identity: Option<Identity>,
    /// Where pushed reports are taken, if they are.
    pub listen: Option<SocketAddr>,
    /// Connections of agents that push, at a time.
    pub connections: usize,
    /// What is asked of reports.
    pub limits: Limits,
    /// Without a report for this long, a source has been silent.
    pub silence: Duration,
    /// Shortest time between two inventories.
    pub publish_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identity: None,
            listen: None,
            connections: 1024,
            limits: Limits::default(),
            silence: Duration::from_secs(5),
            publish_every: Duration::from_millis(50),
        }
    }
}

/// Why the manager does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// Pushed reports are not taken from strangers.
    #[error("pushed reports need keys: `yardmaster keys` makes them")]
    NoIdentity,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// The manager has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource manager has ended")]
pub struct Gone;

/// Collects load and health of all destinations, until dropped.
#[derive(Debug)]
pub struct Manager {
    orders: mpsc::UnboundedSender<Order>,
    inventory: watch::Receiver<Arc<Inventory>>,
    listen: Option<SocketAddr>,
    core: AbortHandle,
}

#[derive(Debug)]
enum Order {
    Targets(Vec<TargetSpec>),
    Observe(Vec<(TargetKey, Counters)>),
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.core.abort();
    }
}

impl Manager {
    /// Starts a manager that knows of no destination, on the current tokio runtime.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let clock = Clock::start();
        let (events, incoming) = mpsc::channel(QUEUE);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (publish, inventory) = watch::channel(Arc::default());
        let mut tasks = JoinSet::new();
        let tls = match &settings.identity {
            Some(identity) => Some(Identities::new(identity.client()?.as_ref())),
            None => None,
        };
        let mut listen = None;
        if let Some(address) = settings.listen {
            let identity = settings.identity.as_ref().ok_or(StartError::NoIdentity)?;
            let limits = switchyard_transport::Limits {
                connections: settings.connections,
                ..switchyard_transport::Limits::default()
            };
            let failed = |error| StartError::Listen { address, error };
            let server = Server::bind(address, Some(identity.server()?), limits)
                .await
                .map_err(failed)?;
            listen = Some(server.local_addr().map_err(failed)?);
            tasks.spawn(push::receive(
                server,
                events.clone(),
                clock,
                settings.limits,
            ));
        }
        let core = Core {
            state: State::new(settings.silence),
            complaints: Complaints::default(),
            sources: BTreeMap::new(),
            pushers: BTreeMap::new(),
            checks: BTreeMap::new(),
            clock,
            events,
            limits: settings.limits,
            tls,
            pingers: Arc::default(),
            tasks,
        };
        let running = core.run(incoming, ordered, publish, settings.publish_every);
        Ok(Self {
            orders,
            inventory,
            listen,
            core: tokio::spawn(running).abort_handle(),
        })
    }

    /// Says which destinations there are, from now on: others are forgotten, those
    /// that stay keep what is known of them. Nothing is changed if one makes no sense.
    pub fn set_targets(&self, targets: Vec<TargetSpec>) -> Result<(), BadSpec> {
        let mut seen = BTreeSet::new();
        for target in &targets {
            if !seen.insert(&target.key) {
                return Err(BadSpec::twice(&target.key));
            }
            if let Some(source) = &target.source {
                source.check()?;
            }
            target.checks.iter().try_for_each(CheckSpec::check)?;
        }
        // If it has ended, the inventory's channel says so.
        let _ = self.orders.send(Order::Targets(targets));
        Ok(())
    }

    /// Takes counters in that were read just now: passive signs.
    pub fn observe(&self, counters: Vec<(TargetKey, Counters)>) -> Result<(), Gone> {
        self.orders.send(Order::Observe(counters)).map_err(|_| Gone)
    }

    /// What is known, now and from now on. The channel is closed when the manager
    /// ends.
    #[must_use]
    pub fn inventory(&self) -> watch::Receiver<Arc<Inventory>> {
        self.inventory.clone()
    }

    /// Where pushed reports are taken.
    #[must_use]
    pub const fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }
}

struct Core {
    state: State,
    complaints: Complaints,
    sources: BTreeMap<Arc<Source>, Feed>,
    /// Agents that push, by name.
    pushers: BTreeMap<String, (Arc<Source>, Guard)>,
    checks: BTreeMap<TargetKey, Vec<AbortHandle>>,
    clock: Clock,
    events: Events,
    limits: Limits,
    tls: Option<Identities>,
    pingers: Arc<Pingers>,
    /// All end with the core.
    tasks: JoinSet<std::convert::Infallible>,
}

/// Whom a source reports for.
struct Feed {
    targets: Vec<TargetKey>,
    task: AbortHandle,
    trouble: Option<String>,
}

impl Core {
    async fn run(
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
                        let now = self.clock.now();
                        for (key, counters) in counters {
                            self.state.observe(&key, counters, now);
                        }
                    }
                    None => return,
                },
                _ = ticks.tick() => {
                    while self.tasks.try_join_next().is_some() {}
                    if let Some(inventory) = self.state.inventory(self.clock.now()) {
                        publish.send_replace(Arc::new(inventory));
                    }
                }
                Some(event) = incoming.recv() => self.take(event),
            }
        }
    }

    fn set(&mut self, targets: Vec<TargetSpec>) {
        let now = self.clock.now();
        let mut wanted: BTreeMap<Arc<Source>, Vec<TargetKey>> = BTreeMap::new();
        let mut kept = BTreeSet::new();
        // Destinations of a service mostly have the same checks.
        let mut same: HashMap<CheckSpec, Arc<CheckSpec>> = HashMap::new();
        for target in targets {
            let source = target
                .source
                .as_ref()
                .map(|source| Arc::new(source.resolve(target.key.destination)));
            let checks: Vec<Arc<CheckSpec>> = target
                .checks
                .into_iter()
                .map(|check| {
                    Arc::clone(
                        same.entry(check)
                            .or_insert_with_key(|check| Arc::new(check.clone())),
                    )
                })
                .collect();
            let round = self.state.set(&target.key, source.as_deref(), &checks, now);
            if let Some(source) = source {
                wanted.entry(source).or_default().push(target.key.clone());
            }
            if let Some(round) = round {
                self.start_checks(&target.key, &checks, round);
            }
            kept.insert(target.key);
        }
        self.state.retain(|key| kept.contains(key));
        self.checks.retain(|key, tasks| {
            let is_kept = kept.contains(key);
            if !is_kept {
                tasks.iter().for_each(AbortHandle::abort);
            }
            is_kept
        });
        self.set_sources(wanted);
    }

    fn start_checks(&mut self, key: &TargetKey, checks: &[Arc<CheckSpec>], round: u64) {
        let started: Vec<AbortHandle> = checks
            .iter()
            .enumerate()
            .map(|(index, spec)| {
                let context = check::Context {
                    events: self.events.clone(),
                    pingers: Arc::clone(&self.pingers),
                };
                let (key, spec) = (key.clone(), Arc::clone(spec));
                self.tasks
                    .spawn(check::check(key, round, index, spec, context))
            })
            .collect();
        if let Some(before) = self.checks.insert(key.clone(), started) {
            before.iter().for_each(AbortHandle::abort);
        }
    }

    fn set_sources(&mut self, wanted: BTreeMap<Arc<Source>, Vec<TargetKey>>) {
        self.sources.retain(|source, feed| {
            let is_wanted = wanted.contains_key(source);
            if !is_wanted {
                feed.task.abort();
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
                let guard = Guard::new(self.limits);
                self.pushers
                    .entry(source.name.clone())
                    .or_insert((Arc::clone(&source), guard));
            }
            let context = source::Context {
                events: self.events.clone(),
                clock: self.clock,
                limits: self.limits,
                tls: self.tls.clone(),
            };
            let task = self
                .tasks
                .spawn(source::fetch(Arc::clone(&source), context));
            self.sources.insert(
                source,
                Feed {
                    targets,
                    task,
                    trouble: None,
                },
            );
        }
        let known: BTreeSet<String> = self.sources.keys().map(|s| who(s)).collect();
        self.complaints
            .retain(|who| who == STRANGER || known.contains(who));
    }

    fn take(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Reading(source, reading) => self.accept(&source, &reading, now),
            Event::Load(source, load) => {
                if let Some(feed) = self.sources.get(&source) {
                    for key in &feed.targets {
                        self.state.accept(key, (*load).clone(), now);
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
            for key in &feed.targets {
                let load = reading.of_port(key.destination.port());
                self.state.accept(key, load, now);
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
        feed.trouble = error;
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
