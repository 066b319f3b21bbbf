// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What is simulated.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::Scheduler;

use super::server::ServerSpec;
use crate::Policy;

/// The load steps of Prequal's ramp (NSDI 2024, section 5.1): parts of the allocation.
pub const RAMP: [f64; 9] = [0.75, 0.83, 0.93, 1.03, 1.14, 1.27, 1.41, 1.57, 1.74];

/// An experiment that is ready-made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Servers of two speeds, one antagonist, and a load that rises beyond what is
    /// allocated.
    Ramp,
    /// Servers of two speeds under one load, watched for long.
    Mixed,
    /// Equal servers, of which one is beset by an antagonist.
    Antagonist,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ramp, Self::Mixed, Self::Antagonist];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Mixed => "mixed",
            Self::Antagonist => "antagonist",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is no scenario: ramp, mixed and antagonist are"))
    }
}

/// A stretch of time under one load.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What it is called in tables.
    pub name: String,
    /// Arriving work over the work that all allocations can do.
    pub load: f64,
    /// Seconds before what happens counts.
    pub settle: f64,
    /// Seconds that count.
    pub seconds: f64,
    /// Cores that an antagonist wants of each server's machine from now on: server and
    /// cores; of others nothing.
    pub antagonists: Vec<(usize, f64)>,
}

/// How the master and its reports are.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    /// Time between two rounds of the master.
    pub round: Duration,
    /// Time between two reports of a server.
    pub report_every: Duration,
    /// From measurement to master: this, and exponentially distributed as much again.
    pub report_delay: Duration,
    /// Relative standard deviation of what is measured.
    pub noise: f64,
    /// From a decision to the kernel's new table.
    pub write_delay: Duration,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            round: Duration::from_millis(250),
            report_every: Duration::from_millis(500),
            report_delay: Duration::from_millis(20),
            noise: 0.03,
            write_delay: Duration::from_millis(5),
        }
    }
}

/// A simulation to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The servers.
    pub servers: Vec<ServerSpec>,
    /// What happens.
    pub phases: Vec<Phase>,
    /// Mean work of a request, in seconds of a core of speed 1. It is distributed
    /// normally with as much standard deviation, cut off at zero, as in Prequal's
    /// test bed.
    pub work: f64,
    /// Seconds after which a client gives up.
    pub deadline: f64,
    /// Mean number of requests of a connection; a connection stays with its server.
    pub requests_per_connection: f64,
    /// The kernel's scheduler.
    pub scheduler: Scheduler,
    /// How weights are made. If it wants labels, every tenth server has none, and the
    /// load is counted by the others' allocations.
    pub policy: Policy,
    /// How the master and its reports are.
    pub control: Control,
    /// Seed of all that is random.
    pub seed: u64,
}

/// Machines of two cores, one of which is the server's.
fn machine(speed: f64) -> ServerSpec {
    ServerSpec {
        speed,
        cores: 2.0,
        allocation: 1.0,
        antagonist: 0.0,
    }
}

impl Scenario {
    /// A ready-made experiment. `seconds` is how long each of its phases counts.
    #[must_use]
    pub fn new(kind: Kind, servers: usize, seconds: f64, policy: Policy) -> Self {
        // Every other one takes twice as long (Prequal, section 5.3), and as many
        // allocations as servers remain.
        let mixed = (0..servers).map(|i| machine(if i % 2 == 0 { 4.0 / 3.0 } else { 2.0 / 3.0 }));
        let phase = |name: String, load, settle, antagonists| Phase {
            name,
            load,
            settle,
            seconds,
            antagonists,
        };
        let (servers, phases) = match kind {
            Kind::Ramp => (
                mixed.collect(),
                RAMP.iter()
                    .map(|&load| phase(format!("{load:.2}"), load, seconds, vec![(0, 1.5)]))
                    .collect(),
            ),
            Kind::Mixed => (
                mixed.collect(),
                vec![phase("1.00".into(), 1.0, 60.0, Vec::new())],
            ),
            Kind::Antagonist => (
                vec![machine(1.0); servers],
                vec![
                    phase("alone".into(), 1.4, 30.0, Vec::new()),
                    phase("onset".into(), 1.4, 0.0, vec![(0, 1.5)]),
                    phase("beset".into(), 1.4, 0.0, vec![(0, 1.5)]),
                    phase("after".into(), 1.4, 10.0, Vec::new()),
                ],
            ),
        };
        Self {
            servers,
            phases,
            work: 0.008,
            deadline: 5.0,
            requests_per_connection: 1.0,
            scheduler: Scheduler::Maglev,
            policy,
            control: Control::default(),
            seed: 1,
        }
    }

    /// Whether a server has what the policy wants.
    #[must_use]
    pub fn is_capable(&self, server: usize) -> bool {
        self.policy.wants.is_empty() || server % 10 != 9
    }

    /// Requests per second of a phase.
    #[must_use]
    pub fn rate(&self, phase: &Phase) -> f64 {
        let capable = (0..)
            .zip(&self.servers)
            .filter(|(i, _)| self.is_capable(*i));
        let allocated: f64 = capable.map(|(_, s)| s.speed * s.allocation).sum();
        phase.load * allocated / self.mean_work()
    }

    /// The mean of a normal distribution of equal mean and standard deviation without
    /// what is below zero: `work * (1 + phi(1) / Phi(1))`.
    #[must_use]
    pub fn mean_work(&self) -> f64 {
        self.work * (1.0 + 0.241_970_724_519_143_37 / 0.841_344_746_068_542_9)
    }
}
