// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Services as the screen shows them.

use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::{Service, ServiceKey};

use super::column::{larger, Column, Row, Tone};
use super::destination::DestinationRow;
use super::master::{Decision, ServiceStatus, Status};
use super::number::{maybe, real, short};
use super::rates::{rate, Rates};

/// A service.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceRow {
    /// Which.
    #[serde(serialize_with = "as_words")]
    pub service: ServiceKey,
    /// How connections are spread.
    pub scheduler: String,
    /// How the master makes its weights, if it does.
    pub algorithm: Option<String>,
    /// How many destinations it has.
    pub destinations: u32,
    /// How many get new connections, by the master.
    pub serving: Option<u64>,
    /// How many have a load to go by.
    pub reporting: Option<u64>,
    /// The largest level over the mean.
    pub distortion: Option<f64>,
    /// How much it carries in a second.
    pub rates: Rates,
    /// Packets dropped in a second.
    pub drop_rate: Option<f64>,
    /// Packets ever dropped.
    pub dropped: u64,
    /// Connections ever made.
    pub connections: u64,
    /// Its destinations, where all are wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<DestinationRow>,
}

fn as_words<S: serde::Serializer>(key: &ServiceKey, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(key)
}

fn dropped(service: &Service) -> u64 {
    let packets = service.drops.iter().map(|drop| drop.packets);
    packets.fold(0, u64::saturating_add)
}

impl ServiceRow {
    /// From what the module says now and said before, and the master.
    pub fn of(
        service: &Service,
        before: Option<(&Service, Duration)>,
        master: Option<&Status>,
    ) -> Self {
        let known: Option<&ServiceStatus> =
            master.and_then(|status| status.services.iter().find(|s| s.service.is(&service.key)));
        let stats = before.map(|(before, time)| (&before.stats, time));
        Self {
            service: service.key,
            scheduler: service.scheduler.to_string(),
            algorithm: known.map(|known| known.algorithm.clone()),
            destinations: service.destinations,
            serving: known.map(|known| known.serving),
            reporting: known.map(|known| known.reporting),
            distortion: known.map(|known| known.distortion),
            rates: Rates::of(&service.stats, stats),
            drop_rate: before
                .and_then(|(before, time)| rate(dropped(service), dropped(before), time)),
            dropped: dropped(service),
            connections: service.stats.connections,
            members: Vec::new(),
        }
    }
}

/// What was decided for a service.
pub fn decision_of<'a>(
    decisions: &'a [(ServiceKey, Decision)],
    key: &ServiceKey,
) -> Option<&'a Decision> {
    decisions
        .iter()
        .find(|(of, _)| of == key)
        .map(|(_, decision)| decision)
}

impl Row for ServiceRow {
    fn name(&self) -> String {
        self.service.to_string()
    }

    fn tone(&self) -> Tone {
        if self.destinations == 0 || self.serving == Some(0) {
            Tone::Bad
        } else if self.drop_rate.is_some_and(|rate| rate > 0.0) {
            Tone::Warning
        } else {
            Tone::Plain
        }
    }

    fn words(&self) -> String {
        let algorithm = self.algorithm.as_deref().unwrap_or_default();
        format!("{} {algorithm}", self.scheduler)
    }
}

/// The table of services, the columns that can be missed last.
pub const COLUMNS: &[Column<ServiceRow>] = &[
    Column {
        head: "SERVICE",
        width: 24,
        words: true,
        cell: ServiceRow::name,
        order: |a, b| a.service.cmp(&b.service),
    },
    Column {
        head: "CONN/S",
        width: 7,
        words: false,
        cell: |row| short(row.rates.connections),
        order: |a, b| larger(Some(a.rates.connections), Some(b.rates.connections)),
    },
    Column {
        head: "PKT IN/S",
        width: 9,
        words: false,
        cell: |row| short(row.rates.packets_in),
        order: |a, b| larger(Some(a.rates.packets_in), Some(b.rates.packets_in)),
    },
    Column {
        head: "PKT OUT/S",
        width: 10,
        words: false,
        cell: |row| short(row.rates.packets_out),
        order: |a, b| larger(Some(a.rates.packets_out), Some(b.rates.packets_out)),
    },
    Column {
        head: "DROP/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.drop_rate),
        order: |a, b| larger(a.drop_rate, b.drop_rate),
    },
    Column {
        head: "SERVING",
        width: 8,
        words: false,
        cell: |row| match row.serving {
            Some(serving) => format!("{serving}/{}", row.destinations),
            None => format!("-/{}", row.destinations),
        },
        order: |a, b| larger(Some(a.destinations.into()), Some(b.destinations.into())),
    },
    Column {
        head: "SCHEDULER",
        width: 10,
        words: true,
        cell: |row| row.scheduler.clone(),
        order: |a, b| a.scheduler.cmp(&b.scheduler),
    },
    Column {
        head: "ALGORITHM",
        width: 10,
        words: true,
        cell: |row| row.algorithm.clone().unwrap_or_else(|| "-".to_owned()),
        order: |a, b| a.algorithm.cmp(&b.algorithm),
    },
    Column {
        head: "MAX/MEAN",
        width: 9,
        words: false,
        cell: |row| {
            row.distortion
                .map_or_else(|| "-".to_owned(), |d| format!("{d:.2}"))
        },
        order: |a, b| larger(a.distortion, b.distortion),
    },
    Column {
        head: "B IN/S",
        width: 7,
        words: false,
        cell: |row| short(row.rates.bytes_in),
        order: |a, b| larger(Some(a.rates.bytes_in), Some(b.rates.bytes_in)),
    },
    Column {
        head: "B OUT/S",
        width: 8,
        words: false,
        cell: |row| short(row.rates.bytes_out),
        order: |a, b| larger(Some(a.rates.bytes_out), Some(b.rates.bytes_out)),
    },
    Column {
        head: "CONN",
        width: 7,
        words: false,
        cell: |row| short(real(row.connections)),
        order: |a, b| b.connections.cmp(&a.connections),
    },
];
