// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What there was to see at one moment.

use std::collections::BTreeMap;
use std::time::Instant;

use switchyard_netlink::{Client, Cpu, Destination, Error, Service, ServiceKey, Switch};

use super::cpu_time::{self, CpuTime};
use super::master::{Absence, Decision, Master, Status};

/// Which services' destinations are looked at: there may be a hundred thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the first service, if there is one.
    #[default]
    First,
    /// Those of this one.
    One(ServiceKey),
    /// All.
    All,
}

/// What the module and yardmaster have said.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// The switch.
    pub switch: Switch,
    /// Every service.
    pub services: Vec<Service>,
    /// The destinations that are wanted.
    pub destinations: Vec<Destination>,
    /// Every CPU that has done anything.
    pub cpus: Vec<Cpu>,
    /// How busy the CPUs are with everything.
    pub times: BTreeMap<u32, CpuTime>,
    /// The master at a glance.
    pub master: Result<Status, Absence>,
    /// What it has decided for the services of the destinations wanted.
    pub decisions: Vec<(ServiceKey, Decision)>,
}

impl Sample {
    /// Asks both.
    pub fn take(client: &mut Client, master: &Master, wanted: Wanted) -> Result<Self, Error> {
        let at = Instant::now();
        let times = cpu_time::read();
        let switch = client.switch()?;
        let services = client.services()?;
        let cpus = client.cpus()?;
        let which: Vec<ServiceKey> = match wanted {
            Wanted::All => services.iter().map(|service| service.key).collect(),
            Wanted::First => services.iter().map(|s| s.key).min().into_iter().collect(),
            // It may just have been removed, which the module would refuse.
            Wanted::One(key) => services
                .iter()
                .map(|service| service.key)
                .filter(|there| *there == key)
                .collect(),
        };
        let destinations = match (wanted, which.first()) {
            (Wanted::All, _) => client.destinations(None)?,
            (_, Some(key)) => client.destinations(Some(key))?,
            (_, None) => Vec::new(),
        };
        let status = master.status();
        let mut decisions = Vec::new();
        if let Ok(status) = &status {
            for key in which {
                if status.services.iter().any(|known| known.service.is(&key)) {
                    if let Ok(decision) = master.decision(&key) {
                        decisions.push((key, decision));
                    }
                }
            }
        }
        Ok(Self {
            at,
            switch,
            services,
            destinations,
            cpus,
            times,
            master: status,
            decisions,
        })
    }
}
