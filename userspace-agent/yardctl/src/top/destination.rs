// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Destinations as the screen shows them.

use std::time::Duration;

use serde::Serialize;
use switchyard_netlink::{Destination, DestinationState};

use super::column::{larger, Column, Row, Tone};
use super::master::{Decision, DestinationDecision, Load};
use super::number::{maybe, percent, real, seconds, short};
use super::rates::Rates;

/// A destination.
#[derive(Clone, Debug, Serialize)]
pub struct DestinationRow {
    /// Which.
    pub destination: String,
    /// What the module gives it: active, draining or down.
    pub state: String,
    /// Whether its limits keep new connections away.
    pub overloaded: bool,
    /// What it is to the master.
    pub standing: Option<String>,
    /// What its checks say.
    pub health: Option<String>,
    /// The kernel's weight.
    pub weight: u32,
    /// Its share of new connections, 0 to 1.
    pub share: f64,
    /// Its load as reported, smoothed.
    pub load: Load,
    /// Seconds since the last report.
    pub age: Option<f64>,
    /// Connections that are established, and UDP flows.
    pub active: u64,
    /// Connections that begin or end.
    pub inactive: u64,
    /// How much it carries in a second.
    pub rates: Rates,
}

/// Whether new connections can go there.
fn is_open(destination: &Destination) -> bool {
    destination.state == DestinationState::Active && !destination.overloaded
}

/// The weights of a service's destinations that can have new connections.
pub fn open_weight<'a>(all: impl Iterator<Item = &'a Destination>) -> f64 {
    all.filter(|d| is_open(d))
        .map(|d| f64::from(d.weight))
        .sum()
}

impl DestinationRow {
    /// From what the module says now and said before, and the master. `all` is the
    /// weight of all destinations that can have connections.
    pub fn of(
        destination: &Destination,
        before: Option<(&Destination, Duration)>,
        decision: Option<&Decision>,
        all: f64,
    ) -> Self {
        let known: Option<&DestinationDecision> = decision.and_then(|decision| {
            let mut all = decision.destinations.iter();
            all.find(|known| known.endpoint == destination.endpoint())
        });
        let stats = before.map(|(before, time)| (&before.stats, time));
        let share = if is_open(destination) && all > 0.0 {
            f64::from(destination.weight) / all
        } else {
            0.0
        };
        Self {
            destination: destination.name(),
            state: destination.state.to_string(),
            overloaded: destination.overloaded,
            standing: known.map(|known| known.state.clone()),
            health: known.and_then(|known| known.health.clone()),
            weight: destination.weight,
            share,
            load: known.map(|known| known.smoothed).unwrap_or_default(),
            age: known.and_then(|known| known.age),
            active: destination.active_connections,
            inactive: destination.inactive_connections,
            rates: Rates::of(&destination.stats, stats),
        }
    }
}

fn or_dash(words: Option<&String>) -> String {
    words.cloned().unwrap_or_else(|| "-".to_owned())
}

impl Row for DestinationRow {
    fn name(&self) -> String {
        self.destination.clone()
    }

    fn tone(&self) -> Tone {
        let standing = self.standing.as_deref().unwrap_or_default();
        if self.state == "down" || standing == "down" || self.health.as_deref() == Some("down") {
            Tone::Bad
        } else if self.overloaded || matches!(standing, "silent" | "doubted" | "incapable") {
            Tone::Warning
        } else if self.share <= 0.0 {
            Tone::Dim
        } else {
            Tone::Plain
        }
    }

    fn words(&self) -> String {
        format!(
            "{} {} {}",
            self.state,
            self.standing.as_deref().unwrap_or_default(),
            self.health.as_deref().unwrap_or_default()
        )
    }
}

/// The table of destinations, the columns that can be missed last.
pub const COLUMNS: &[Column<DestinationRow>] = &[
    Column {
        head: "DESTINATION",
        width: 22,
        words: true,
        cell: DestinationRow::name,
        order: |a, b| a.destination.cmp(&b.destination),
    },
    Column {
        head: "WEIGHT",
        width: 7,
        words: false,
        cell: |row| row.weight.to_string(),
        order: |a, b| b.weight.cmp(&a.weight),
    },
    Column {
        head: "SHARE",
        width: 7,
        words: false,
        cell: |row| percent(Some(row.share)),
        order: |a, b| larger(Some(a.share), Some(b.share)),
    },
    Column {
        head: "LOAD",
        width: 7,
        words: false,
        cell: |row| percent(row.load.utilisation),
        order: |a, b| larger(a.load.utilisation, b.load.utilisation),
    },
    Column {
        head: "ACTIVE",
        width: 7,
        words: false,
        cell: |row| short(real(row.active)),
        order: |a, b| b.active.cmp(&a.active),
    },
    Column {
        head: "CONN/S",
        width: 7,
        words: false,
        cell: |row| short(row.rates.connections),
        order: |a, b| larger(Some(a.rates.connections), Some(b.rates.connections)),
    },
    Column {
        head: "STATE",
        width: 9,
        words: true,
        cell: |row| {
            if row.overloaded {
                "full".to_owned()
            } else {
                row.state.clone()
            }
        },
        order: |a, b| a.state.cmp(&b.state),
    },
    Column {
        head: "MASTER",
        width: 10,
        words: true,
        cell: |row| or_dash(row.standing.as_ref()),
        order: |a, b| a.standing.cmp(&b.standing),
    },
    Column {
        head: "HEALTH",
        width: 7,
        words: true,
        cell: |row| or_dash(row.health.as_ref()),
        order: |a, b| a.health.cmp(&b.health),
    },
    Column {
        head: "LATENCY",
        width: 8,
        words: false,
        cell: |row| seconds(row.load.latency),
        order: |a, b| larger(a.load.latency, b.load.latency),
    },
    Column {
        head: "REQ/S",
        width: 7,
        words: false,
        cell: |row| maybe(row.load.requests),
        order: |a, b| larger(a.load.requests, b.load.requests),
    },
    Column {
        head: "AGE",
        width: 6,
        words: false,
        cell: |row| seconds(row.age),
        order: |a, b| larger(a.age, b.age),
    },
    Column {
        head: "INACTIVE",
        width: 8,
        words: false,
        cell: |row| short(real(row.inactive)),
        order: |a, b| b.inactive.cmp(&a.inactive),
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
];
