// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A simulation: the very same master, simulated servers, the kernel's own choice.
//!
//! Discrete events: arrivals (Poisson), ends of requests, reports, rounds. All that is
//! random comes from one seed, so a run can be repeated to the bit.

mod choice;
mod plot;
mod result;
mod scenario;
mod server;
mod table;
mod time;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use switchyard_netlink::{Protocol, ServiceKey};
use switchyard_report::{Inventory, LoadReport, TargetKey, Timestamp};

pub use plot::{plot, PlotError};
pub use result::{PhaseResult, RunResult};
pub use scenario::{Control, Kind, Phase, Scenario};
pub use server::{Ended, Server, ServerSpec, Window};
pub use table::table;

use crate::number::{index, real, whole};
use crate::{Decision, DestinationPlan, KernelWeights, Master, ServicePlan};
use choice::Choice;
use time::Real;

/// What happens next.
#[derive(Debug)]
enum Event {
    /// A client sends a request.
    Arrival,
    /// A request of this server may end, if nothing has come between since.
    End(usize, u64),
    /// This server measures its load.
    Measure(usize),
    /// The measurement comes to the master.
    Report(usize, Box<LoadReport>),
    /// The master decides.
    Round,
    /// The kernel has what was decided.
    Write(Vec<(usize, u32)>),
    /// The phase has settled, and counts from now on.
    Count,
    /// A phase is over.
    Next,
}

/// An event at a time; those of one time in the order they were planned.
#[derive(Debug)]
struct Planned {
    at: Real,
    number: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// A connection of a client: its server, and the requests that it has yet to send.
#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    server: usize,
    left: u32,
}

/// A simulation under way.
struct Simulation<'a> {
    scenario: &'a Scenario,
    random: Xoshiro256PlusPlus,
    now: f64,
    events: BinaryHeap<Reverse<Planned>>,
    planned: u64,
    servers: Vec<Server>,
    /// For each server: the number of changes, which tells stale ends.
    changes: Vec<u64>,
    connections: Vec<Connection>,
    choice: Choice,
    weights: Vec<u32>,
    master: Master,
    inventory: Inventory,
    service: ServiceKey,
    name: Arc<str>,
    /// Which phase it is, and whether it has settled.
    phase: usize,
    counts: bool,
    latencies: Vec<f32>,
    writes: u64,
    results: Vec<PhaseResult>,
}

/// The endpoint of a simulated server.
fn endpoint(server: usize) -> SocketAddr {
    let number = u32::try_from(server).unwrap_or(0);
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | number);
    SocketAddr::from((address, 80))
}

fn server_of(endpoint: SocketAddr) -> usize {
    match endpoint {
        SocketAddr::V4(v4) => usize::try_from(v4.ip().to_bits() & 0xffff).unwrap_or(0),
        SocketAddr::V6(_) => 0,
    }
}

/// Connections that are open at a time, if they have more than one request.
const CONNECTIONS: usize = 10_000;

impl<'a> Simulation<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let address = Ipv4Addr::new(192, 0, 2, 80).into();
        let service = ServiceKey::new(Protocol::Tcp, address, 80);
        let plan = ServicePlan {
            key: service,
            policy: scenario.policy.clone(),
            destinations: (0..scenario.servers.len())
                .map(|i| DestinationPlan {
                    endpoint: endpoint(i),
                    weight: 1,
                    labels: if scenario.is_capable(i) {
                        scenario.policy.wants.clone()
                    } else {
                        Vec::new()
                    },
                })
                .collect(),
        };
        let weights = vec![1; scenario.servers.len()];
        let kernel = plan.destinations.iter().map(|d| (d.endpoint, d.weight));
        let kernel = KernelWeights::from([(service, kernel.collect())]);
        let mut master = Master::new();
        master.plan(vec![plan], &kernel, Timestamp(0));
        let mut choice = Choice::new(scenario.scheduler);
        choice.fill(&weights);
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(scenario.seed),
            now: 0.0,
            events: BinaryHeap::new(),
            planned: 0,
            servers: scenario
                .servers
                .iter()
                .map(|spec| Server::new(*spec, scenario.deadline))
                .collect(),
            changes: vec![0; scenario.servers.len()],
            connections: if scenario.requests_per_connection > 1.0 {
                vec![Connection::default(); CONNECTIONS]
            } else {
                Vec::new()
            },
            choice,
            weights,
            master,
            inventory: Inventory::default(),
            name: service.to_string().into(),
            service,
            phase: 0,
            counts: false,
            latencies: Vec::new(),
            writes: 0,
            results: Vec::new(),
            scenario,
        }
    }

    fn plan(&mut self, at: f64, event: Event) {
        self.planned += 1;
        self.events.push(Reverse(Planned {
            at: Real(at),
            number: self.planned,
            event,
        }));
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    /// A time with this mean, exponentially distributed.
    fn exponential(&mut self, mean: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.random);
        unit * mean
    }

    /// Evenly distributed, 0 to below 1.
    fn uniform(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / 4_294_967_296.0
    }

    /// The work of a request.
    fn draw_work(&mut self) -> f64 {
        loop {
            let work = self.scenario.work * (1.0 + self.normal());
            if work > 0.0 {
                return work;
            }
        }
    }

    fn run(mut self) -> (Vec<PhaseResult>, Option<Decision>) {
        let control = &self.scenario.control;
        for server in 0..self.servers.len() {
            // Agents do not keep step.
            let first = self.uniform() * control.report_every.as_secs_f64();
            self.plan(first, Event::Measure(server));
        }
        self.plan(control.round.as_secs_f64(), Event::Round);
        self.plan(0.0, Event::Arrival);
        self.begin_phase();
        while let Some(Reverse(planned)) = self.events.pop() {
            self.now = planned.at.0;
            match planned.event {
                Event::Arrival => self.arrive(),
                Event::End(server, change) => {
                    if self.changes.get(server) == Some(&change) {
                        self.advance(server);
                        self.expect_end(server);
                    }
                }
                Event::Measure(server) => self.measure(server),
                Event::Report(server, report) => self.report(server, *report),
                Event::Round => self.round(),
                Event::Write(changes) => self.write(&changes),
                Event::Count => self.count(),
                Event::Next => {
                    self.end_phase();
                    self.phase += 1;
                    if self.phase >= self.scenario.phases.len() {
                        break;
                    }
                    self.begin_phase();
                }
            }
        }
        let decision = self.master.decision(&self.service);
        (self.results, decision)
    }

    fn current(&self) -> Option<&'a Phase> {
        self.scenario.phases.get(self.phase)
    }

    fn begin_phase(&mut self) {
        let Some(phase) = self.current() else { return };
        for server in 0..self.servers.len() {
            self.advance(server);
            let antagonist = phase.antagonists.iter().find(|(i, _)| *i == server);
            if let Some(server) = self.servers.get_mut(server) {
                server.disturb(antagonist.map_or(0.0, |(_, cores)| *cores));
            }
            self.expect_end(server);
        }
        self.counts = false;
        self.plan(self.now + phase.settle, Event::Count);
        self.plan(self.now + phase.settle + phase.seconds, Event::Next);
    }

    fn count(&mut self) {
        for server in 0..self.servers.len() {
            self.advance(server);
            if let Some(server) = self.servers.get_mut(server) {
                server.measured = Window::default();
            }
        }
        self.latencies.clear();
        self.writes = 0;
        self.counts = true;
    }

    fn end_phase(&mut self) {
        for server in 0..self.servers.len() {
            self.advance(server);
        }
        let Some(phase) = self.current() else { return };
        let (capable, others): (Vec<_>, Vec<_>) = (0..)
            .zip(self.servers.iter().map(|server| server.measured))
            .partition(|(i, _)| self.scenario.is_capable(*i));
        let windows: Vec<Window> = capable.into_iter().map(|(_, window)| window).collect();
        let misplaced = others.iter().map(|(_, w)| w.served + w.failed).sum();
        self.results.push(PhaseResult::new(
            phase.name.clone(),
            phase.load,
            &mut self.latencies,
            &windows,
            misplaced,
            self.writes,
        ));
    }

    /// Brings a server to the present.
    fn advance(&mut self, server: usize) {
        let Some(server) = self.servers.get_mut(server) else {
            return;
        };
        let (latencies, counts) = (&mut self.latencies, self.counts);
        server.advance(self.now, |ended| {
            if counts {
                latencies.push(short(ended.latency));
            }
        });
    }

    /// Plans the next end at a server that has changed.
    fn expect_end(&mut self, server: usize) {
        let Some(change) = self.changes.get_mut(server) else {
            return;
        };
        *change += 1;
        let change = *change;
        if let Some(at) = self.servers.get_mut(server).and_then(Server::next_end) {
            self.plan(at, Event::End(server, change));
        }
    }

    /// A request comes, on a connection that has a server or gets one.
    fn arrive(&mut self) {
        if let Some(phase) = self.current() {
            let pause = self.exponential(1.0 / self.scenario.rate(phase));
            self.plan(self.now + pause, Event::Arrival);
        }
        let work = self.draw_work();
        let Some(server) = self.connect() else {
            return;
        };
        self.advance(server);
        if let Some(server) = self.servers.get_mut(server) {
            server.begin(work);
        }
        self.expect_end(server);
    }

    fn connect(&mut self) -> Option<usize> {
        if self.connections.is_empty() {
            return self.choose();
        }
        let place = index(self.uniform() * real(self.connections.len()));
        let connection = *self.connections.get(place)?;
        let connection = if connection.left > 0 {
            Connection {
                left: connection.left - 1,
                ..connection
            }
        } else {
            let requests = self.exponential(self.scenario.requests_per_connection);
            Connection {
                server: self.choose()?,
                left: whole(requests.ceil()).saturating_sub(1),
            }
        };
        *self.connections.get_mut(place)? = connection;
        Some(connection.server)
    }

    /// What the kernel does with a new connection. Its count of a server's connections
    /// is that of requests in service here.
    fn choose(&mut self) -> Option<usize> {
        let hash = self.random.next_u32();
        let servers = &self.servers;
        let active = |i: usize| servers.get(i).map_or(0, Server::in_flight);
        self.choice.select(hash, active)
    }

    fn measure(&mut self, server: usize) {
        self.advance(server);
        let control = &self.scenario.control;
        let error = (1.0 + control.noise * self.normal()).max(0.0);
        let now = self.now;
        let Some(report) = self.servers.get_mut(server).map(|s| s.measure(now, error)) else {
            return;
        };
        let delay = control.report_delay.as_secs_f64();
        let delay = delay + self.exponential(delay);
        self.plan(now + delay, Event::Report(server, Box::new(report)));
        self.plan(
            now + control.report_every.as_secs_f64(),
            Event::Measure(server),
        );
    }

    fn report(&mut self, server: usize, report: LoadReport) {
        let key = TargetKey {
            service: Arc::clone(&self.name),
            destination: endpoint(server),
        };
        let now = self.timestamp();
        let standing = Arc::make_mut(self.inventory.targets.entry(key).or_default());
        standing.report = Some(Arc::new(report));
        standing.received_at = Some(now);
        standing.accepted += 1;
    }

    fn round(&mut self) {
        let control = &self.scenario.control;
        let changes = self.master.round(&self.inventory, self.timestamp());
        if !changes.is_empty() {
            for change in &changes {
                self.master
                    .written(&self.service, change.endpoint, Some(change.weight));
            }
            let changes = changes
                .iter()
                .map(|change| (server_of(change.endpoint), change.weight))
                .collect();
            let at = self.now + control.write_delay.as_secs_f64();
            self.plan(at, Event::Write(changes));
        }
        self.plan(self.now + control.round.as_secs_f64(), Event::Round);
    }

    fn write(&mut self, changes: &[(usize, u32)]) {
        for &(server, weight) in changes {
            if let Some(place) = self.weights.get_mut(server) {
                *place = weight;
            }
        }
        self.choice.fill(&self.weights);
        self.writes += u64::try_from(changes.len()).unwrap_or(0);
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp(0) + Duration::from_secs_f64(self.now)
    }
}

/// A latency for the record; a hundred nanoseconds are lost in five seconds.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation)]
fn short(latency: f64) -> f32 {
    latency as f32
}

/// Runs a scenario.
#[must_use]
pub fn run(name: &str, scenario: &Scenario) -> RunResult {
    let (phases, decision) = Simulation::new(scenario).run();
    RunResult {
        name: name.to_owned(),
        algorithm: crate::algorithm::of(&scenario.policy).name(),
        scheduler: scenario.scheduler.to_string(),
        phases,
        decision,
    }
}
