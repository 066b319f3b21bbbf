// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What an agent reads from its server at one moment.

use serde::{Deserialize, Serialize};

use crate::{Intent, LoadReport, Pressure, Timestamp};

/// What an agent reads from its server at one moment: the body of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The agent's name; of a pushed report, that of its certificate.
    pub agent: String,
    /// Drawn at random when the agent started: numbers are counted anew from there.
    pub instance: u64,
    /// Grows with each report of this instance.
    pub sequence: u64,
    /// When it was taken, by the server's clock.
    pub taken_at: Timestamp,
    /// The whole machine.
    pub host: Host,
    /// Each served port.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What the server can do.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What the server's operator wants.
    #[serde(default)]
    pub intent: Intent,
}

/// The machine's own load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Utilisation of the CPUs since the reading before, 0 to 1.
    pub cpu: Option<f64>,
    /// Share of the memory that is not available, 0 to 1.
    pub memory: Option<f64>,
    /// Stalls.
    pub pressure: Pressure,
}

/// The load of one served port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The port that clients, or the balancer for them, connect to.
    pub port: u16,
    /// Established connections to it.
    #[serde(default)]
    pub clients: Option<u64>,
    /// What the application tells.
    #[serde(default)]
    pub application: Application,
    /// What the operator wants for this port alone.
    #[serde(default)]
    pub intent: Intent,
}

/// What the application behind a port tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// Utilisation in its own view.
    pub utilisation: Option<f64>,
    /// Mean time to serve a request since the reading before, in seconds.
    pub execution_time: Option<f64>,
    /// Requests in a second.
    pub requests_per_second: Option<f64>,
    /// Failed requests in a second.
    pub errors_per_second: Option<f64>,
    /// Requests being served.
    pub in_flight: Option<u64>,
}

impl Reading {
    /// The report of the destination that is this server's `port`. A port that the
    /// agent does not serve has the machine's load alone.
    #[must_use]
    pub fn of_port(&self, port: u16) -> LoadReport {
        let mut report = LoadReport {
            taken_at: self.taken_at,
            cpu: self.host.cpu,
            memory: self.host.memory,
            pressure: self.host.pressure,
            labels: self.labels.clone(),
            intent: self.intent,
            ..LoadReport::default()
        };
        if let Some(served) = self.ports.iter().find(|served| served.port == port) {
            let application = &served.application;
            report.clients = served.clients;
            report.application = application.utilisation;
            report.execution_time = application.execution_time;
            report.requests_per_second = application.requests_per_second;
            report.errors_per_second = application.errors_per_second;
            report.in_flight = application.in_flight;
            if report.intent.is_ready() {
                report.intent = served.intent;
            }
        }
        report
    }
}
