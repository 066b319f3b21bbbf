// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA load reports (Open Request Cost Aggregation): `xds.data.orca.v3.OrcaLoadReport`
//! and the request of `xds.service.orca.v3.OpenRcaService`, written out by hand from
//! the published .proto files so that no compiler of them is needed.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;

use crate::{LoadReport, Timestamp};

/// Largest message that is read, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The gRPC method that streams reports.
pub const STREAM_CORE_METRICS: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

/// Names that our own agent gives, in `named_metrics`, to what ORCA has no field for.
mod names {
    pub(super) const CLIENTS: &str = "clients";
    pub(super) const IN_FLIGHT: &str = "in_flight";
    pub(super) const EXECUTION_TIME: &str = "execution_time";
    pub(super) const PRESSURE_CPU: &str = "pressure.cpu";
    pub(super) const PRESSURE_MEMORY: &str = "pressure.memory";
    pub(super) const PRESSURE_IO: &str = "pressure.io";
}

/// `xds.data.orca.v3.OrcaLoadReport`. In proto3 a zero cannot be told from nothing.
#[derive(Clone, PartialEq, Message)]
pub struct OrcaLoadReport {
    /// Utilisation of the CPUs; above 1 beyond a soft limit.
    #[prost(double, tag = "1")]
    pub cpu_utilization: f64,
    /// Utilisation of the memory, 0 to 1.
    #[prost(double, tag = "2")]
    pub mem_utilization: f64,
    /// Requests in a second, whole; superseded by `rps_fractional`.
    #[prost(uint64, tag = "3")]
    pub rps: u64,
    /// Costs of one request.
    #[prost(btree_map = "string, double", tag = "4")]
    pub request_cost: BTreeMap<String, f64>,
    /// Utilisation of named resources.
    #[prost(btree_map = "string, double", tag = "5")]
    pub utilization: BTreeMap<String, f64>,
    /// Requests in a second.
    #[prost(double, tag = "6")]
    pub rps_fractional: f64,
    /// Errors in a second.
    #[prost(double, tag = "7")]
    pub eps: f64,
    /// Anything else.
    #[prost(btree_map = "string, double", tag = "8")]
    pub named_metrics: BTreeMap<String, f64>,
    /// Utilisation in the application's own view.
    #[prost(double, tag = "9")]
    pub application_utilization: f64,
}

/// `xds.service.orca.v3.OrcaLoadReportRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct OrcaLoadReportRequest {
    /// How often reports are wanted.
    #[prost(message, optional, tag = "1")]
    pub report_interval: Option<ProtoDuration>,
    /// Which request costs are wanted; none is all.
    #[prost(string, repeated, tag = "2")]
    pub request_cost_names: Vec<String>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoDuration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds beside them.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<Duration> for ProtoDuration {
    fn from(time: Duration) -> Self {
        Self {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(time.subsec_nanos()).unwrap_or_default(),
        }
    }
}

impl ProtoDuration {
    /// As a duration; `None` if it is negative or no duration.
    #[must_use]
    pub fn get(self) -> Option<Duration> {
        let seconds = u64::try_from(self.seconds).ok()?;
        let nanos = u32::try_from(self.nanos)
            .ok()
            .filter(|&n| n < 1_000_000_000)?;
        Some(Duration::new(seconds, nanos))
    }
}

/// Zero is what an unset field looks like.
fn told(value: f64) -> Option<f64> {
    // NaN is told too: it has to be refused, not passed over.
    (value != 0.0).then_some(value)
}

/// A number of things, if that is what it is.
fn whole(value: f64) -> Option<u64> {
    if !(0.0..=9.0e15).contains(&value) {
        return None;
    }
    format!("{value:.0}").parse().ok()
}

impl OrcaLoadReport {
    /// The load that the report tells, taken at `now`: reports bear no time.
    #[must_use]
    pub fn to_load(&self, now: Timestamp) -> LoadReport {
        let requests_per_second = told(self.rps_fractional).or_else(|| {
            // Superseded, but better than nothing.
            (self.rps > 0).then(|| self.rps.to_string().parse().unwrap_or(f64::NAN))
        });
        let mut named = self.named_metrics.clone();
        let clients = take_whole(&mut named, names::CLIENTS);
        let in_flight = take_whole(&mut named, names::IN_FLIGHT);
        let execution_time = named.remove(names::EXECUTION_TIME);
        let mut report = LoadReport {
            taken_at: now,
            clients,
            cpu: told(self.cpu_utilization),
            memory: told(self.mem_utilization),
            application: told(self.application_utilization),
            execution_time,
            requests_per_second,
            // Where requests are counted, no errors means none.
            errors_per_second: told(self.eps).or(requests_per_second.map(|_| 0.0)),
            in_flight,
            ..LoadReport::default()
        };
        report.pressure.cpu = named.remove(names::PRESSURE_CPU);
        report.pressure.memory = named.remove(names::PRESSURE_MEMORY);
        report.pressure.io = named.remove(names::PRESSURE_IO);
        for (prefix, map) in [
            ("utilization", &self.utilization),
            ("request_cost", &self.request_cost),
        ] {
            named.extend(
                map.iter()
                    .map(|(name, &value)| (format!("{prefix}.{name}"), value)),
            );
        }
        report.named = named;
        report
    }

    /// The report that tells this load.
    #[must_use]
    pub fn of_load(load: &LoadReport) -> Self {
        let mut named_metrics = load.named.clone();
        let count = |value: u64| value.to_string().parse().unwrap_or(f64::MAX);
        let more = [
            (names::CLIENTS, load.clients.map(count)),
            (names::IN_FLIGHT, load.in_flight.map(count)),
            (names::EXECUTION_TIME, load.execution_time),
            (names::PRESSURE_CPU, load.pressure.cpu),
            (names::PRESSURE_MEMORY, load.pressure.memory),
            (names::PRESSURE_IO, load.pressure.io),
        ];
        named_metrics.extend(
            more.into_iter()
                .filter_map(|(name, value)| Some((name.to_string(), value?))),
        );
        Self {
            cpu_utilization: load.cpu.unwrap_or_default(),
            mem_utilization: load.memory.unwrap_or_default(),
            rps_fractional: load.requests_per_second.unwrap_or_default(),
            eps: load.errors_per_second.unwrap_or_default(),
            application_utilization: load.application.unwrap_or_default(),
            named_metrics,
            ..Self::default()
        }
    }
}

/// Takes a count out; what is none stays, and is refused if it cannot be.
fn take_whole(named: &mut BTreeMap<String, f64>, name: &str) -> Option<u64> {
    let value = named.get(name).copied().and_then(whole)?;
    named.remove(name);
    Some(value)
}
