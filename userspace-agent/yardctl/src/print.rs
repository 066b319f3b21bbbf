// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Tables and JSON on standard output.

use std::io::{self, Write};

use comfy_table::{presets, CellAlignment, Table};
use serde::Serialize;
use switchyard_netlink::{Claim, Connection, Cpu, Destination, Drop, Service, Switch};

use crate::failure::Failure;

/// A table without lines; the columns named in `numbers` stand to the right.
pub fn table<const N: usize>(heads: [&str; N], numbers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(heads);
    for (column, head) in table.column_iter_mut().zip(heads) {
        column.set_padding((0, 2));
        if numbers.contains(&head) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Writes a table, without the blanks at the ends of lines.
pub fn write_table(out: &mut impl Write, table: &Table) -> Result<(), Failure> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes one value as JSON over many lines.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// What there is, or a dash.
pub fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Seconds, or the word for the protocol's default.
pub fn timeout(seconds: u32) -> String {
    match seconds {
        0 => "default".to_owned(),
        seconds => format!("{seconds}s"),
    }
}

/// The switch at a glance.
pub fn switch(out: &mut impl Write, switch: &Switch) -> Result<(), Failure> {
    let yard = match switch.yard_ifindex {
        Some(index) => format!("interface {index}"),
        None => "none".to_owned(),
    };
    writeln!(out, "switchyard {}", switch.version)?;
    writeln!(out, "  yard0          {yard}")?;
    writeln!(out, "  configuration  {}", switch.generation)?;
    writeln!(out, "  services       {}", switch.services)?;
    writeln!(out, "  destinations   {}", switch.destinations)?;
    writeln!(
        out,
        "  connections    {} of {}",
        switch.connections, switch.connection_limit
    )?;
    Ok(())
}

/// Services and how they are set up.
pub fn services(out: &mut impl Write, services: &[Service]) -> Result<(), Failure> {
    let mut table = table(
        [
            "SERVICE",
            "SCHEDULER",
            "TIMEOUT",
            "DESTINATIONS",
            "CONNECTIONS",
        ],
        &["TIMEOUT", "DESTINATIONS", "CONNECTIONS"],
    );
    for service in services {
        table.add_row([
            service.key.to_string(),
            service.scheduler.to_string(),
            timeout(service.timeout),
            service.destinations.to_string(),
            service.stats.connections.to_string(),
        ]);
    }
    write_table(out, &table)
}

/// Destinations and how they are set up.
pub fn destinations(out: &mut impl Write, list: &[Destination]) -> Result<(), Failure> {
    let mut table = table(
        [
            "SERVICE",
            "DESTINATION",
            "WEIGHT",
            "FORWARDING",
            "ACTIVE",
            "CONNECTIONS",
            "PACKETS IN",
            "BYTES IN",
            "PACKETS OUT",
            "BYTES OUT",
        ],
        &[
            "WEIGHT",
            "ACTIVE",
            "CONNECTIONS",
            "PACKETS IN",
            "BYTES IN",
            "PACKETS OUT",
            "BYTES OUT",
        ],
    );
    for destination in list {
        let stats = &destination.stats;
        table.add_row([
            destination.service.to_string(),
            destination.endpoint().to_string(),
            destination.weight.to_string(),
            destination.forwarding.to_string(),
            destination.active_connections.to_string(),
            stats.connections.to_string(),
            stats.packets_in.to_string(),
            stats.bytes_in.to_string(),
            stats.packets_out.to_string(),
            stats.bytes_out.to_string(),
        ]);
    }
    write_table(out, &table)
}

/// What services have carried.
pub fn service_stats(out: &mut impl Write, services: &[Service]) -> Result<(), Failure> {
    let heads = [
        "SERVICE",
        "CONNECTIONS",
        "PACKETS IN",
        "BYTES IN",
        "PACKETS OUT",
        "BYTES OUT",
    ];
    let mut table = table(heads, &heads[1..]);
    for service in services {
        let stats = &service.stats;
        table.add_row([
            service.key.to_string(),
            stats.connections.to_string(),
            stats.packets_in.to_string(),
            stats.bytes_in.to_string(),
            stats.packets_out.to_string(),
            stats.bytes_out.to_string(),
        ]);
    }
    write_table(out, &table)
}

/// What each CPU has done.
pub fn cpus(out: &mut impl Write, cpus: &[Cpu]) -> Result<(), Failure> {
    let heads = [
        "CPU",
        "ROLE",
        "QUEUES",
        "RECEIVED",
        "FORWARDED",
        "PASSED",
        "LOCAL IN",
        "LOCAL OUT",
        "RESETS",
        "CONNECTIONS",
        "DROPPED",
    ];
    let numbers: Vec<&str> = heads.into_iter().filter(|head| *head != "ROLE").collect();
    let mut table = table(heads, &numbers);
    for cpu in cpus {
        table.add_row([
            cpu.cpu.to_string(),
            if cpu.switching {
                "switching"
            } else {
                "control"
            }
            .to_owned(),
            cpu.queues.to_string(),
            cpu.received.to_string(),
            cpu.forwarded.to_string(),
            cpu.passed.to_string(),
            cpu.local_in.to_string(),
            cpu.local_out.to_string(),
            cpu.resets.to_string(),
            cpu.connections.to_string(),
            total(&cpu.drops).to_string(),
        ]);
    }
    write_table(out, &table)
}

fn total(drops: &[Drop]) -> u64 {
    drops
        .iter()
        .fold(0, |sum, drop| sum.wrapping_add(drop.packets))
}

/// Dropped packets by reason.
pub fn drops(out: &mut impl Write, drops: &[Drop]) -> Result<(), Failure> {
    let mut table = table(["DROPPED FOR", "PACKETS"], &["PACKETS"]);
    for drop in drops {
        table.add_row([drop.reason.to_string(), drop.packets.to_string()]);
    }
    write_table(out, &table)
}

/// Dropped packets of each CPU by reason; zeros are left out.
pub fn drops_by_cpu(out: &mut impl Write, cpus: &[Cpu]) -> Result<(), Failure> {
    let mut table = table(["CPU", "DROPPED FOR", "PACKETS"], &["CPU", "PACKETS"]);
    for cpu in cpus {
        for drop in cpu.drops.iter().filter(|drop| drop.packets != 0) {
            table.add_row([
                cpu.cpu.to_string(),
                drop.reason.to_string(),
                drop.packets.to_string(),
            ]);
        }
    }
    write_table(out, &table)
}

/// Claimed queues.
pub fn claims(out: &mut impl Write, claims: &[Claim]) -> Result<(), Failure> {
    let heads = [
        "DEVICE",
        "QUEUE",
        "CPU",
        "POLICY",
        "IDLE TIMEOUT",
        "STATE",
        "IRQ",
        "POLLS",
        "PACKETS",
        "HANDOVERS",
    ];
    let words = ["DEVICE", "POLICY", "STATE"];
    let numbers: Vec<&str> = heads.into_iter().filter(|h| !words.contains(h)).collect();
    let mut table = table(heads, &numbers);
    for claim in claims {
        table.add_row([
            claim.ifname.clone(),
            or_dash(claim.queue),
            or_dash(claim.cpu),
            or_dash(claim.policy),
            or_dash(claim.idle_timeout.map(|us| format!("{us}us"))),
            or_dash(claim.state),
            or_dash(claim.irq),
            claim.polls.to_string(),
            claim.packets.to_string(),
            claim.handovers.to_string(),
        ]);
    }
    write_table(out, &table)
}

/// The heads of the columns that [`connection`] writes.
pub fn connection_head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:25}  {:21}  {:21}  {:12}  {:>10}  {:>10}",
        "SERVICE", "CLIENT", "DESTINATION", "STATE", "IDLE", "EXPIRES"
    )
}

/// A connection as one line; its width does not depend on the others.
pub fn connection(out: &mut impl Write, connection: &Connection) -> io::Result<()> {
    writeln!(
        out,
        "{:25}  {:21}  {:21}  {:12}  {:>8}ms  {:>8}ms",
        connection.service(),
        connection.client(),
        connection.destination(),
        connection.state,
        connection.idle,
        connection.expires
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_netlink::{ConnectionState, Scheduler, Stats};

    fn service() -> Service {
        Service {
            key: "tcp 10.0.0.1:80".parse().unwrap(),
            scheduler: Scheduler::Rr,
            timeout: 0,
            destinations: 2,
            stats: Stats {
                connections: 1234,
                ..Stats::default()
            },
        }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_heads_and_numbers_to_the_right() {
        assert_eq!(
            text(|out| services(out, &[service()])),
            "SERVICE          SCHEDULER  TIMEOUT  DESTINATIONS  CONNECTIONS\n\
             tcp 10.0.0.1:80  rr         default             2         1234\n"
        );
        assert!(text(|out| services(out, &[])).starts_with("SERVICE"));
    }

    #[test]
    fn json_keys_are_the_specifications() {
        assert_eq!(
            text(|out| Ok(serde_json::to_writer(out, &service())?)),
            r#"{"protocol":"tcp","address":"10.0.0.1","port":80,"scheduler":"rr","timeout":0,"#
                .to_owned()
                + r#""destinations":2,"stats":{"connections":1234,"packets_in":0,"bytes_in":0,"#
                + r#""packets_out":0,"bytes_out":0}}"#
        );
    }

    #[test]
    fn a_connection_stands_under_its_heads() {
        let line = text(|out| {
            connection_head(out)?;
            let c = Connection {
                protocol: service().key.protocol,
                client_address: "192.0.2.7".parse().unwrap(),
                client_port: 40000,
                service_address: service().key.address,
                service_port: 80,
                destination_address: "10.1.0.2".parse().unwrap(),
                destination_port: 8080,
                state: ConnectionState::SynReceived,
                idle: 5,
                expires: 899_995,
            };
            Ok(connection(out, &c)?)
        });
        let (head, row) = line.trim_end().split_once('\n').unwrap();
        assert_eq!(head.len(), row.len(), "{line}");
        for (column, value) in [
            ("SERVICE", "tcp 10.0.0.1:80"),
            ("CLIENT", "192.0.2.7:40000"),
            ("DESTINATION", "10.1.0.2:8080"),
            ("STATE", "syn-received"),
        ] {
            assert_eq!(head.find(column), row.find(value), "{line}");
        }
    }
}
