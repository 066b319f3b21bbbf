// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Servers so simple that one can say what should come out: a fluid flows to them in
//! proportion to the weights, they report late, and the master is the real one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_report::{Inventory, LoadReport, Standing, TargetKey, Timestamp};
use yardmaster::{DestinationPlan, KernelWeights, Master, Policy, ServicePlan};

/// Time between two rounds, and between two reports.
pub const ROUND: Duration = Duration::from_millis(500);

/// A server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Requests per second that utilise it wholly.
    pub capacity: f64,
    /// Utilisation by others.
    pub background: f64,
    /// Whether its agent reports.
    pub reports: bool,
}

impl Server {
    pub const fn of(capacity: f64) -> Self {
        Self {
            capacity,
            background: 0.0,
            reports: true,
        }
    }
}

/// A service with its servers and its master.
#[derive(Debug)]
pub struct Plant {
    pub servers: Vec<Server>,
    pub demand: f64,
    /// Rounds that a report takes.
    pub delay: usize,
    /// Relative error of what is reported.
    pub noise: f64,
    pub master: Master,
    pub inventory: Inventory,
    pub now: Timestamp,
    pub kernel: BTreeMap<SocketAddr, u32>,
    pub plan: ServicePlan,
    /// What each server measured half a second ago.
    before: BTreeMap<usize, LoadReport>,
    late: Vec<Vec<(usize, LoadReport)>>,
    seed: u64,
}

/// The mean of two measurements: an agent's are over a second.
fn mean(a: &LoadReport, b: &LoadReport) -> LoadReport {
    let of = |a: Option<f64>, b: Option<f64>| Some(f64::midpoint(a?, b?));
    LoadReport {
        cpu: of(a.cpu, b.cpu),
        requests_per_second: of(a.requests_per_second, b.requests_per_second),
        execution_time: of(a.execution_time, b.execution_time),
        ..b.clone()
    }
}

pub fn endpoint(i: usize) -> SocketAddr {
    let low = u8::try_from(i + 1).unwrap();
    SocketAddr::from(([10, 0, 0, low], 80))
}

pub fn plan(policy: Policy, weights: &[u32]) -> ServicePlan {
    ServicePlan {
        key: "tcp 192.0.2.1:80".parse().unwrap(),
        policy,
        destinations: weights
            .iter()
            .enumerate()
            .map(|(i, &weight)| DestinationPlan {
                endpoint: endpoint(i),
                weight,
                labels: Vec::new(),
            })
            .collect(),
    }
}

impl Plant {
    pub fn new(policy: Policy, servers: &[Server], demand: f64) -> Self {
        let plan = plan(policy, &vec![1; servers.len()]);
        let kernel: BTreeMap<_, _> = plan
            .destinations
            .iter()
            .map(|d| (d.endpoint, d.weight))
            .collect();
        let mut this = Self {
            servers: servers.to_vec(),
            demand,
            delay: 1,
            noise: 0.0,
            master: Master::new(),
            inventory: Inventory::default(),
            now: Timestamp(1_000_000),
            kernel,
            plan,
            before: BTreeMap::new(),
            late: Vec::new(),
            seed: 1,
        };
        this.restart();
        this
    }

    /// A new master, which begins with what the kernel has.
    pub fn restart(&mut self) {
        self.master = Master::new();
        let kernel = KernelWeights::from([(self.plan.key, self.kernel.clone())]);
        self.master.plan(vec![self.plan.clone()], &kernel, self.now);
    }

    /// Other noise.
    pub fn sow(&mut self, seed: u64) {
        self.seed = seed.max(1);
    }

    /// From -1 to 1, evenly.
    fn random(&mut self) -> f64 {
        // xorshift64*, Vigna 2016.
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        let bits = self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        f64::from(u32::try_from(bits).unwrap()) / f64::from(1 << 23) - 1.0
    }

    pub fn share(&self, i: usize) -> f64 {
        let sum: f64 = self.kernel.values().map(|&w| f64::from(w)).sum();
        f64::from(self.kernel[&endpoint(i)]) / sum
    }

    pub fn utilisation(&self, i: usize) -> f64 {
        let server = self.servers[i];
        (server.background + self.demand * self.share(i) / server.capacity).min(1.0)
    }

    /// What a server measures at this moment. Latency is a processor-sharing server's.
    pub fn measure(&mut self, i: usize) -> LoadReport {
        let utilisation = self.utilisation(i);
        let service_time = 1.0 / self.servers[i].capacity;
        let latency = service_time / (1.0 - utilisation).max(0.01);
        let requests = (self.demand * self.share(i)).min(self.servers[i].capacity);
        let in_flight = requests * latency;
        let mut noisy = |value: f64| value * (1.0 + self.noise * self.random());
        LoadReport {
            cpu: Some(noisy(utilisation).min(1.0)),
            requests_per_second: Some(noisy(requests)),
            execution_time: Some(noisy(latency)),
            in_flight: Some(u64::from(yardmaster::number::whole(noisy(in_flight)))),
            ..LoadReport::default()
        }
    }

    /// Takes a report into the inventory.
    pub fn deliver(&mut self, i: usize, report: LoadReport) {
        let now = self.now;
        self.change(i, |standing| {
            standing.report = Some(Arc::new(report));
            standing.received_at = Some(now);
        });
    }

    pub fn change(&mut self, i: usize, change: impl FnOnce(&mut Standing)) {
        let key = TargetKey {
            service: self.plan.key.to_string().into(),
            destination: endpoint(i),
        };
        change(Arc::make_mut(
            self.inventory.targets.entry(key).or_default(),
        ));
    }

    /// Half a second: reports, a round, and what it decided.
    pub fn step(&mut self) {
        let mut reports = Vec::new();
        for i in 0..self.servers.len() {
            if self.servers[i].reports {
                let now = self.measure(i);
                let before = self.before.insert(i, now.clone());
                reports.push((i, mean(&before.unwrap_or_else(|| now.clone()), &now)));
            }
        }
        self.late.push(reports);
        self.now = self.now + ROUND;
        if self.late.len() > self.delay {
            for (i, report) in self.late.remove(0) {
                self.deliver(i, report);
            }
        }
        self.round();
    }

    /// A round alone. Returns how many weights it changed.
    pub fn round(&mut self) -> usize {
        let changes = self.master.round(&self.inventory, self.now);
        for change in &changes {
            self.kernel.insert(change.endpoint, change.weight);
            self.master
                .written(&change.service, change.endpoint, Some(change.weight));
        }
        changes.len()
    }

    pub fn run(&mut self, seconds: f64) {
        let mut left = seconds;
        while left > 0.0 {
            self.step();
            left -= ROUND.as_secs_f64();
        }
    }

    /// Largest utilisation over the mean.
    pub fn peak_to_mean(&self) -> f64 {
        let all: Vec<f64> = (0..self.servers.len())
            .map(|i| self.utilisation(i))
            .collect();
        let mean = all.iter().sum::<f64>() / yardmaster::number::real(all.len());
        all.iter().copied().fold(0.0, f64::max) / mean
    }
}
