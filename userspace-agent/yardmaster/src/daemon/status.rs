// SPDX-License-Identifier: GPL-2.0 OR MIT

//! All services at a glance.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::Table;
use serde::Serialize;
use switchyard_netlink::ServiceKey;

use super::shared::{Counters, State};

/// The daemon and its services.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What the kernel says if it does not do as it is told.
    pub trouble: Option<String>,
    /// What has been done.
    pub counters: Counters,
    /// Each service.
    pub services: Vec<ServiceStatus>,
}

/// A service.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceStatus {
    /// Which.
    pub service: ServiceKey,
    /// How its weights are made.
    pub algorithm: String,
    /// Its destinations.
    pub destinations: usize,
    /// Those that get new connections.
    pub serving: usize,
    /// Those whose level comes from their load.
    pub reporting: usize,
    /// The largest level over the mean, both by configured weight.
    pub distortion: f64,
}

/// The state at a glance.
pub fn status(state: &State) -> Status {
    let services = state
        .master
        .services()
        .map(|(&service, balance)| {
            let states = || balance.states().map(|(_, state)| state);
            ServiceStatus {
                service,
                algorithm: balance.algorithm(),
                destinations: balance.len(),
                serving: states().filter(|state| state.is_serving()).count(),
                reporting: states()
                    .filter(|state| *state == yardmaster::State::Reporting)
                    .count(),
                distortion: balance.distortion(),
            }
        })
        .collect();
    Status {
        trouble: state.trouble.clone(),
        counters: state.counters,
        services,
    }
}

/// The same as text.
pub fn words(state: &State) -> String {
    let status = status(state);
    let Counters {
        rounds,
        writes,
        weights,
        refusals,
        ..
    } = status.counters;
    let mut text = String::new();
    if let Some(trouble) = &status.trouble {
        let _ = writeln!(text, "trouble: {trouble}");
    }
    let _ = writeln!(
        text,
        "{rounds} rounds, {writes} transactions of {weights} weights, {refusals} refused\n"
    );
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header([
        "SERVICE",
        "ALGORITHM",
        "DESTINATIONS",
        "SERVING",
        "REPORTING",
        "MAX/MEAN",
    ]);
    for service in status.services {
        table.add_row([
            service.service.to_string(),
            service.algorithm,
            service.destinations.to_string(),
            service.serving.to_string(),
            service.reporting.to_string(),
            format!("{:.2}", service.distortion),
        ]);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
