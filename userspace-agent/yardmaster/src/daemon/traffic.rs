// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the switch has counted, as metrics.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::MetricType;
use switchyard_netlink::{Client, Cpu, Drop, Error, Service, Switch};
use yardmaster::number::real_u64;

/// The kernel's counters, all of one moment or nearly so.
#[derive(Debug, Default)]
pub struct Traffic {
    switch: Switch,
    services: Vec<Service>,
    cpus: Vec<Cpu>,
}

impl Traffic {
    /// Asks the kernel.
    pub fn read(client: &mut Client) -> Result<Self, Error> {
        Ok(Self {
            switch: client.switch()?,
            services: client.services()?,
            cpus: client.cpus()?,
        })
    }
}

type Labels = Vec<(&'static str, String)>;
type Samples = Vec<(Labels, u64)>;

/// A metric: its name, what it is, of which type, and where it comes from.
pub struct Family(
    &'static str,
    &'static str,
    MetricType,
    fn(&Traffic) -> Samples,
);

/// All of them.
pub const FAMILIES: [Family; 15] = [
    Family(
        "switch_packets",
        "Packets of connections, from clients and to them",
        MetricType::Counter,
        |t| {
            both(
                &Vec::new(),
                t.switch.stats.packets_in,
                t.switch.stats.packets_out,
            )
        },
    ),
    Family(
        "switch_bytes",
        "Bytes of these packets",
        MetricType::Counter,
        |t| {
            both(
                &Vec::new(),
                t.switch.stats.bytes_in,
                t.switch.stats.bytes_out,
            )
        },
    ),
    Family(
        "switch_connections_made",
        "Connections made",
        MetricType::Counter,
        |t| one(t.switch.stats.connections),
    ),
    Family(
        "switch_drops",
        "Packets dropped, by reason",
        MetricType::Counter,
        |t| drops(&Vec::new(), &t.switch.drops),
    ),
    Family(
        "switch_connections",
        "Connections that live",
        MetricType::Gauge,
        |t| one(t.switch.connections),
    ),
    Family(
        "switch_connection_limit",
        "As many connections as there may be",
        MetricType::Gauge,
        |t| one(t.switch.connection_limit),
    ),
    Family(
        "switch_half_open",
        "Connections that are half open",
        MetricType::Gauge,
        |t| one(t.switch.half_open),
    ),
    Family(
        "switch_table_bytes",
        "Memory that the tables of connections take",
        MetricType::Gauge,
        |t| one(t.switch.table_bytes),
    ),
    Family(
        "service_packets",
        "Packets of a service's connections, from clients and to them",
        MetricType::Counter,
        |t| {
            let each = |s: &Service| both(&of(s), s.stats.packets_in, s.stats.packets_out);
            t.services.iter().flat_map(each).collect()
        },
    ),
    Family(
        "service_bytes",
        "Bytes of these packets",
        MetricType::Counter,
        |t| {
            let each = |s: &Service| both(&of(s), s.stats.bytes_in, s.stats.bytes_out);
            t.services.iter().flat_map(each).collect()
        },
    ),
    Family(
        "service_connections_made",
        "Connections of a service made",
        MetricType::Counter,
        |t| {
            let each = |s: &Service| (of(s), s.stats.connections);
            t.services.iter().map(each).collect()
        },
    ),
    Family(
        "service_drops",
        "Packets for a service that were dropped, by reasons that were met",
        MetricType::Counter,
        |t| {
            let each = |s: &Service| drops(&of(s), &s.drops);
            t.services.iter().flat_map(each).collect()
        },
    ),
    Family(
        "cpu_received",
        "Packets that came to the filter on a CPU",
        MetricType::Counter,
        |t| cpus(t, |cpu| cpu.received),
    ),
    Family(
        "cpu_drops",
        "Packets that were dropped on a CPU",
        MetricType::Counter,
        |t| cpus(t, |cpu| cpu.drops.iter().map(|drop| drop.packets).sum()),
    ),
    Family(
        "cpu_queues",
        "Queues that the engine of a CPU polls",
        MetricType::Gauge,
        |t| cpus(t, |cpu| cpu.queues.into()),
    ),
];

fn one(value: u64) -> Samples {
    vec![(Vec::new(), value)]
}

/// In and out.
fn both(labels: &Labels, came: u64, went: u64) -> Samples {
    let with = |(direction, value): (&str, u64)| {
        let mut labels = labels.clone();
        labels.push(("direction", direction.to_owned()));
        (labels, value)
    };
    [("in", came), ("out", went)].map(with).to_vec()
}

fn drops(labels: &Labels, drops: &[Drop]) -> Samples {
    let with = |drop: &Drop| {
        let mut labels = labels.clone();
        labels.push(("reason", drop.reason.to_string()));
        (labels, drop.packets)
    };
    drops.iter().map(with).collect()
}

/// Which service.
fn of(service: &Service) -> Labels {
    vec![("service", service.key.to_string())]
}

fn cpus(traffic: &Traffic, of: fn(&Cpu) -> u64) -> Samples {
    let each = |cpu: &Cpu| (vec![("cpu", cpu.cpu.to_string())], of(cpu));
    traffic.cpus.iter().map(each).collect()
}

impl Family {
    /// Writes it.
    pub fn encode(&self, traffic: &Traffic, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Self(name, help, kind, samples) = self;
        let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
        for (labels, value) in samples(traffic) {
            let value = real_u64(value);
            let one = |encoder: MetricEncoder<'_>| match kind {
                MetricType::Counter => ConstCounter::new(value).encode(encoder),
                _ => ConstGauge::new(value).encode(encoder),
            };
            if labels.is_empty() {
                return one(metric);
            }
            one(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;
    use switchyard_netlink::{DropReason, Stats};

    /// Some of everything.
    pub fn sample() -> Traffic {
        let stats = Stats {
            connections: 3,
            packets_in: 20,
            packets_out: 17,
            bytes_in: 2000,
            bytes_out: 70_000,
            ..Stats::default()
        };
        let drop = Drop {
            reason: DropReason::NoService,
            packets: 5,
        };
        let mut service = Service::new("tcp 192.0.2.1:80".parse().unwrap());
        service.stats = stats;
        service.drops = vec![drop];
        Traffic {
            switch: Switch {
                connections: 2,
                stats,
                drops: vec![drop],
                ..Switch::default()
            },
            services: vec![service],
            cpus: vec![Cpu {
                cpu: 3,
                queues: 4,
                drops: vec![drop, drop],
                ..Cpu::default()
            }],
        }
    }

    #[derive(Debug)]
    struct All(Traffic);

    impl Collector for All {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            FAMILIES
                .iter()
                .try_for_each(|family| family.encode(&self.0, &mut encoder))
        }
    }

    #[test]
    fn what_was_counted_is_told() {
        let mut registry = Registry::with_prefix("yardmaster");
        registry.register_collector(Box::new(All(sample())));
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        for line in [
            "yardmaster_switch_packets_total{direction=\"out\"} 17.0",
            "yardmaster_switch_drops_total{reason=\"no-service\"} 5.0",
            "yardmaster_switch_connections 2.0",
            "yardmaster_service_bytes_total{service=\"tcp 192.0.2.1:80\",direction=\"out\"} 70000.0",
            "yardmaster_service_connections_made_total{service=\"tcp 192.0.2.1:80\"} 3.0",
            "yardmaster_cpu_drops_total{cpu=\"3\"} 10.0",
            "yardmaster_cpu_queues{cpu=\"3\"} 4.0",
        ] {
            assert!(out.lines().any(|told| told == line), "no {line} in\n{out}");
        }
    }
}
