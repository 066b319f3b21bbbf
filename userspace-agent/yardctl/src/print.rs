// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Tables and JSON on standard output.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{presets, CellAlignment, Table};
use serde::Serialize;
use switchyard_netlink::{
    Claim, Connection, Cpu, Destination, DestinationState, Drop, Encapsulation, Explanation,
    Fallback, Forwarding, Service, Stats, Switch,
};

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
        "  connections    {} of {}, {} of IPv4 and {} of IPv6",
        switch.connections,
        switch.connection_limit,
        switch.connections_ipv4,
        switch.connections_ipv6
    )?;
    let limit = match switch.half_open_limit {
        0 => "no limit".to_owned(),
        limit => limit.to_string(),
    };
    writeln!(out, "  half open      {} of {limit}", switch.half_open)?;
    writeln!(out, "  tables         {}", size(switch.table_bytes))?;
    writeln!(
        out,
        "  fragments      {} of {}, for {}",
        size(switch.fragment_memory),
        size(switch.fragment_memory_limit.into()),
        time(switch.fragment_timeout)
    )?;
    let timeouts: Vec<_> = switch
        .timeouts
        .iter()
        .map(|timeout| format!("{} {}", timeout.state, time(timeout.milliseconds)))
        .collect();
    writeln!(out, "  timeouts       {}", timeouts.join(", "))?;
    Ok(())
}

/// Milliseconds in words.
fn time(milliseconds: u32) -> String {
    humantime::format_duration(Duration::from_millis(milliseconds.into())).to_string()
}

/// Bytes, in the largest unit that leaves some of them.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| bytes >> shift > 9);
    match unit {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// What is special about a service, or a dash.
fn options(service: &Service) -> String {
    let mut options = Vec::new();
    if service.one_packet {
        options.push("one-packet".to_owned());
    }
    if service.reset_at_expiry {
        options.push("reset-at-expiry".to_owned());
    }
    if service.fallback != Fallback::None {
        options.push(format!("fallback {}", service.fallback));
    }
    if service.affinity != 0 {
        let (length, whole) = if service.key.address.is_ipv4() {
            (service.affinity_prefix4, 32)
        } else {
            (service.affinity_prefix6, 128)
        };
        let prefix = if length == whole {
            String::new()
        } else {
            format!(" of /{length}")
        };
        options.push(format!("affinity {}s{prefix}", service.affinity));
    }
    if options.is_empty() {
        "-".to_owned()
    } else {
        options.join(", ")
    }
}

/// How packets get to a destination, and in what.
fn forwarding(destination: &Destination) -> String {
    match (destination.encapsulation, destination.encapsulation_port) {
        (None | Some(Encapsulation::Ip), _) => destination.forwarding.to_string(),
        (Some(kind), None) => format!("{} {kind}", destination.forwarding),
        (Some(kind), Some(port)) => format!("{} {kind}:{port}", destination.forwarding),
    }
}

/// A destination's state, with the time left of its draining or its being full.
pub fn state(destination: &Destination) -> String {
    match (destination.state, destination.drain_remaining) {
        (DestinationState::Draining, Some(seconds)) => format!("draining {seconds}s"),
        (DestinationState::Active, _) if destination.overloaded => "full".to_owned(),
        (state, _) => state.to_string(),
    }
}

/// What would become of a packet.
pub fn explanation(
    out: &mut impl Write,
    found: &Explanation,
    device: Option<&str>,
) -> Result<(), Failure> {
    match found.drop_reason {
        Some(reason) => writeln!(out, "{} ({reason})", found.verdict)?,
        None => writeln!(out, "{}", found.verdict)?,
    }
    let mut line = |head: &str, text: Option<String>| match text {
        Some(text) => writeln!(out, "  {head:12}  {text}"),
        None => Ok(()),
    };
    line("service", found.service.map(|service| service.to_string()))?;
    let destination = found
        .destination
        .zip(found.service)
        .map(|(place, service)| {
            let destination = Destination {
                forwarding: found.forwarding.unwrap_or(Forwarding::Nat),
                ..Destination::new(service, place.address, place.port)
            };
            destination.name()
        });
    line("destination", destination)?;
    line("forwarding", found.forwarding.map(|f| f.to_string()))?;
    line(
        "connection",
        found.connection_state.map(|state| state.to_string()),
    )?;
    line("next hop", found.next_hop.map(|hop| hop.to_string()))?;
    line("device", device.map(str::to_owned))?;
    for step in &found.steps {
        writeln!(out, "  - {step}")?;
    }
    if !found.result.is_empty() {
        writeln!(out)?;
        for (row, bytes) in found.result.chunks(16).enumerate() {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "  {:04x}  {}", row * 16, digits.join(" "))?;
        }
    }
    Ok(())
}

/// How much it is a second.
pub fn rates<'a>(
    out: &mut impl Write,
    head: &str,
    rows: impl Iterator<Item = (String, &'a Stats)>,
) -> Result<(), Failure> {
    let heads = [
        head,
        "CONNECTIONS/s",
        "PACKETS IN/s",
        "BYTES IN/s",
        "PACKETS OUT/s",
        "BYTES OUT/s",
    ];
    let mut table = table(heads, heads.get(1..).unwrap_or_default());
    for (name, stats) in rows {
        table.add_row([
            name,
            stats.connections_rate.to_string(),
            stats.packets_in_rate.to_string(),
            stats.bytes_in_rate.to_string(),
            stats.packets_out_rate.to_string(),
            stats.bytes_out_rate.to_string(),
        ]);
    }
    write_table(out, &table)
}

/// Dropped packets of each service by reason; nothing if there are none.
pub fn drops_by_service(out: &mut impl Write, services: &[Service]) -> Result<(), Failure> {
    if services.iter().all(|service| service.drops.is_empty()) {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = table(["SERVICE", "DROPPED FOR", "PACKETS"], &["PACKETS"]);
    for service in services {
        for drop in &service.drops {
            table.add_row([
                service.key.to_string(),
                drop.reason.to_string(),
                drop.packets.to_string(),
            ]);
        }
    }
    write_table(out, &table)
}

/// Services and how they are set up.
pub fn services(out: &mut impl Write, services: &[Service]) -> Result<(), Failure> {
    let mut table = table(
        [
            "SERVICE",
            "SCHEDULER",
            "TIMEOUT",
            "OPTIONS",
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
            options(service),
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
            "STATE",
            "ACTIVE",
            "INACTIVE",
            "CONNECTIONS",
            "PACKETS IN",
            "BYTES IN",
            "PACKETS OUT",
            "BYTES OUT",
        ],
        &[
            "WEIGHT",
            "ACTIVE",
            "INACTIVE",
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
            destination.name(),
            destination.weight.to_string(),
            forwarding(destination),
            state(destination),
            destination.active_connections.to_string(),
            destination.inactive_connections.to_string(),
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
        "{:25}  {:21}  {:21}  {:10}  {:12}  {:>10}  {:>10}",
        "SERVICE", "CLIENT", "DESTINATION", "FORWARDING", "STATE", "IDLE", "EXPIRES"
    )
}

/// A connection as one line; its width does not depend on the others.
pub fn connection(out: &mut impl Write, connection: &Connection) -> io::Result<()> {
    writeln!(
        out,
        "{:25}  {:21}  {:21}  {:10}  {:12}  {:>8}ms  {:>8}ms",
        connection.service(),
        connection.client(),
        connection.destination(),
        connection.forwarding,
        connection.state,
        connection.idle,
        connection.expires
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_netlink::{ConnectionState, DropReason, Place, Scheduler, Verdict};

    fn service() -> Service {
        Service {
            scheduler: Scheduler::Rr,
            destinations: 2,
            stats: Stats {
                connections: 1234,
                ..Stats::default()
            },
            ..Service::new("tcp 10.0.0.1:80".parse().unwrap())
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
            "SERVICE          SCHEDULER  TIMEOUT  OPTIONS  DESTINATIONS  CONNECTIONS\n\
             tcp 10.0.0.1:80  rr         default  -                   2         1234\n"
        );
        let special = Service {
            one_packet: true,
            fallback: Fallback::Local,
            affinity: 300,
            affinity_prefix4: 24,
            ..service()
        };
        assert_eq!(
            options(&special),
            "one-packet, fallback local, affinity 300s of /24"
        );
        assert!(text(|out| services(out, &[])).starts_with("SERVICE"));
    }

    #[test]
    fn json_keys_are_the_specifications() {
        assert_eq!(
            text(|out| Ok(serde_json::to_writer(out, &service())?)),
            r#"{"protocol":"tcp","address":"10.0.0.1","port":80,"scheduler":"rr","timeout":0,"#
                .to_owned()
                + r#""one_packet":false,"reset_at_expiry":false,"fallback":"none","affinity":0,"#
                + r#""affinity_prefix4":32,"affinity_prefix6":128,"destinations":2,"#
                + r#""stats":{"connections":1234,"packets_in":0,"bytes_in":0,"packets_out":0,"#
                + r#""bytes_out":0,"connections_rate":0,"packets_in_rate":0,"bytes_in_rate":0,"#
                + r#""packets_out_rate":0,"bytes_out_rate":0},"drops":[]}"#
        );
    }

    #[test]
    fn a_destination_says_how_and_whether() {
        let key = service().key;
        let mut destination = Destination::new(key, "10.1.0.2".parse().unwrap(), 0);
        assert_eq!(
            (forwarding(&destination), state(&destination)),
            ("nat".into(), "active".into())
        );
        destination.forwarding = Forwarding::Tunnel;
        destination.encapsulation = Some(Encapsulation::Gue);
        destination.encapsulation_port = Some(6080);
        destination.overloaded = true;
        assert_eq!(
            (forwarding(&destination), state(&destination)),
            ("tunnel gue:6080".into(), "full".into())
        );
        destination.state = DestinationState::Draining;
        destination.drain_remaining = Some(41);
        assert_eq!(state(&destination), "draining 41s");
        assert!(text(|out| destinations(out, &[destination])).contains("10.1.0.2:*"));
    }

    #[test]
    fn an_explanation_reads_from_top_to_bottom() {
        let found = Explanation {
            verdict: Verdict::Forward,
            drop_reason: None,
            service: Some(service().key),
            destination: Some(Place {
                address: "10.1.0.2".parse().unwrap(),
                port: 8080,
            }),
            forwarding: Some(Forwarding::Nat),
            connection_state: None,
            next_hop: Some("10.1.0.2".parse().unwrap()),
            out_ifindex: Some(3),
            result: (0..20).collect(),
            steps: vec!["it opens a connection".to_owned()],
        };
        assert_eq!(
            text(|out| explanation(out, &found, Some("eth1"))),
            "forward\n  \
             service       tcp 10.0.0.1:80\n  \
             destination   10.1.0.2:8080\n  \
             forwarding    nat\n  \
             next hop      10.1.0.2\n  \
             device        eth1\n  \
             - it opens a connection\n\n  \
             0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n  \
             0010  10 11 12 13\n"
        );
        let dropped = Explanation {
            verdict: Verdict::Drop,
            drop_reason: Some(DropReason::NoService),
            service: None,
            destination: None,
            forwarding: None,
            next_hop: None,
            result: Vec::new(),
            steps: Vec::new(),
            ..found
        };
        assert_eq!(
            text(|out| explanation(out, &dropped, None)),
            "drop (no-service)\n"
        );
    }

    #[test]
    fn sizes() {
        assert_eq!(size(4096), "4096 bytes");
        assert_eq!(size(10 << 10), "10 KiB");
        assert_eq!(size(96 << 20), "96 MiB");
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
                forwarding: Forwarding::Nat,
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
