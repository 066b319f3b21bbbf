// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the screen tells, in numbers: made of the last samples.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::{Destination, ServiceKey, Switch};

use super::cpu::CpuRow;
use super::destination::{open_weight, DestinationRow};
use super::history::History;
use super::master::{Absence, Counters};
use super::rates::{rate, Rates};
use super::reason::ReasonRow;
use super::sample::Sample;
use super::service::{decision_of, ServiceRow};

/// Everything on the screen, unordered.
#[derive(Clone, Debug, Serialize)]
pub struct Screen {
    /// The switch.
    pub switch: Switch,
    /// How much it carries in a second.
    pub rates: Rates,
    /// What it drops in a second.
    pub drop_rate: Option<f64>,
    /// The master.
    pub yardmaster: MasterRow,
    /// Every service.
    pub services: Vec<ServiceRow>,
    /// The service whose destinations follow.
    #[serde(skip)]
    pub of: Option<ServiceKey>,
    /// The destinations of one service.
    #[serde(skip)]
    pub destinations: Vec<DestinationRow>,
    /// The CPUs.
    pub cpus: Vec<CpuRow>,
    /// Reasons for which packets were dropped.
    pub drops: Vec<ReasonRow>,
}

/// The master.
#[derive(Clone, Debug, Serialize)]
pub struct MasterRow {
    /// Why nothing is known of it, or what it complains of.
    pub trouble: Option<String>,
    /// Whether it answers.
    pub running: bool,
    /// What it has done.
    pub counters: Counters,
}

/// A sample before, and how long before.
type Before<'a> = Option<(&'a Sample, Duration)>;

impl Screen {
    /// From the last samples; nothing if there is none.
    pub fn of(history: &History) -> Option<Self> {
        let now = history.latest()?;
        let before: Before<'_> = history.base().map(|base| (base, now.at - base.at));
        let master = now.master.as_ref().ok();
        let services = now.services.iter().map(|service| {
            let known = before.and_then(|(sample, time)| {
                let mut all = sample.services.iter();
                Some((all.find(|s| s.key == service.key)?, time))
            });
            ServiceRow::of(service, known, master)
        });
        let destinations = now.destinations.first().map(|first| first.service);
        let cpus = now.cpus.iter().map(|cpu| {
            let known = before.and_then(|(sample, time)| {
                Some((sample.cpus.iter().find(|c| c.cpu == cpu.cpu)?, time))
            });
            let busy = before.and_then(|(sample, _)| {
                let of = |times: &BTreeMap<_, _>| times.get(&cpu.cpu).copied();
                Some((of(&now.times)?, of(&sample.times)?))
            });
            CpuRow::of(cpu, known, busy)
        });
        let total = |sample: &Sample| {
            let packets = sample.switch.drops.iter().map(|drop| drop.packets);
            packets.fold(0, u64::saturating_add)
        };
        Some(Self {
            rates: Rates::of(
                &now.switch.stats,
                before.map(|(sample, time)| (&sample.switch.stats, time)),
            ),
            drop_rate: before.and_then(|(sample, time)| rate(total(now), total(sample), time)),
            yardmaster: MasterRow {
                trouble: match &now.master {
                    Ok(status) => status.trouble.clone(),
                    Err(Absence::NotRunning) => None,
                    Err(trouble) => Some(trouble.to_string()),
                },
                running: master.is_some(),
                counters: master.map(|status| status.counters).unwrap_or_default(),
            },
            services: services.collect(),
            of: destinations,
            destinations: destinations
                .map(|key| rows(now, before, &key))
                .unwrap_or_default(),
            cpus: cpus.collect(),
            drops: ReasonRow::all(
                &now.switch.drops,
                before.map(|(sample, time)| (&*sample.switch.drops, time)),
            ),
            switch: now.switch.clone(),
        })
    }

    /// The same, with the destinations of every service among them.
    pub fn whole(history: &History) -> Option<Self> {
        let mut screen = Self::of(history)?;
        let now = history.latest()?;
        let before: Before<'_> = history.base().map(|base| (base, now.at - base.at));
        for service in &mut screen.services {
            service.members = rows(now, before, &service.service);
        }
        Some(screen)
    }
}

/// The destinations of a service.
fn rows(now: &Sample, before: Before<'_>, key: &ServiceKey) -> Vec<DestinationRow> {
    let of = |sample: &'_ Sample| -> Vec<Destination> {
        let its = sample.destinations.iter().filter(|d| d.service == *key);
        its.copied().collect()
    };
    let all = of(now);
    let weight = open_weight(all.iter());
    let old: BTreeMap<_, Destination> = before
        .map(|(sample, _)| of(sample))
        .unwrap_or_default()
        .into_iter()
        .map(|destination| (destination.endpoint(), destination))
        .collect();
    all.iter()
        .map(|destination| {
            let known =
                before.and_then(|(_, time)| Some((old.get(&destination.endpoint())?, time)));
            let decision = decision_of(&now.decisions, key);
            DestinationRow::of(destination, known, decision, weight)
        })
        .collect()
}
