// SPDX-License-Identifier: GPL-2.0

//! The filter against packets that Scapy made; `make_packets.py` describes the switch.

mod common;

use std::fmt::Write;

use common::{address, context, endpoint, table, Config, Table};
use common::{filter, Verdict};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState;
use switchyard_core::core::connections::{Connections as _, Insertion};
use switchyard_core::core::method::Method;
use switchyard_core::core::packet::{ChecksumState, Packet, SlicePacket};
use switchyard_core::core::scheduler::Scheduler;
use switchyard_core::core::tuple::{Address as _, Endpoint, Family, Ipv4Address, Protocol};

#[derive(Default)]
struct Case {
    name: String,
    state: String,
    before: Vec<u8>,
    verdict: String,
    after: Option<Vec<u8>>,
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in include_str!("packets.txt").lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        if key == "name" {
            cases.push(Case::default());
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        match key {
            "name" => case.name = value.into(),
            "state" => case.state = value.into(),
            "in" => case.before = hex(value),
            "verdict" => case.verdict = value.into(),
            "out" => case.after = Some(hex(value)),
            _ => panic!("{line}"),
        }
    }
    cases
}

fn config() -> Config {
    let mut config = Config::default();
    let vip = |port| endpoint("192.0.2.1", port);
    let real = |port| [(endpoint("10.0.0.2", port), 1)];
    config.add(Protocol::Tcp, vip(80), Scheduler::Maglev, &real(8080), 7);
    config.add(
        Protocol::Udp,
        vip(53),
        Scheduler::RoundRobin,
        &real(5353),
        8,
    );
    config.add(Protocol::Tcp, vip(81), Scheduler::Maglev, &[], 9);
    config.add(
        Protocol::Udp,
        vip(54),
        Scheduler::RoundRobin,
        &[(real(1)[0].0, 0)],
        9,
    );
    config
}

/// A table with the client's connections.
fn connections(config: &Config) -> Table {
    let vip = |port| endpoint("192.0.2.1", port);
    let table = table(16, 100);
    for (protocol, port, client, state) in [
        (Protocol::Tcp, 80, 40000, ConnectionState::Established),
        (Protocol::Tcp, 80, 40001, ConnectionState::TimeWait),
        (Protocol::Udp, 53, 40000, ConnectionState::Udp),
    ] {
        let service = &config.services[&(protocol, vip(port).any())];
        let connection = Connection {
            protocol,
            template: false,
            state,
            method: Method::Nat,
            client: endpoint("198.51.100.9", client),
            service: vip(port),
            destination: {
                let server = service.destinations[0].endpoint;
                Endpoint::new(
                    Ipv4Address::from_ip(server.address).expect("IPv4"),
                    server.port,
                )
            },
            service_id: service.id,
            destination_id: service.destinations[0].id,
            timeout: 0,
            last_seen: 0,
        };
        assert!(matches!(table.insert(&connection), Insertion::Made(_)));
    }
    table
}

/// A packet whose memory can never be had for writing.
struct Stingy<'a>(SlicePacket<'a>);

impl Packet for Stingy<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn peek(&mut self, len: usize) -> Option<&[u8]> {
        self.0.peek(len)
    }
    fn head(&mut self, _len: usize) -> Option<&mut [u8]> {
        None
    }
    fn checksum_state(&self) -> ChecksumState {
        self.0.checksum_state()
    }
    fn trim(&mut self, _len: usize) -> bool {
        false
    }
    fn prepend(&mut self, _headers: &[u8], _family: Family) -> bool {
        false
    }
    fn behead(&mut self, _len: usize) -> bool {
        false
    }

    fn replace(&mut self, _bytes: &[u8]) -> bool {
        false
    }
}

/// Merged segments, whose headers say nothing of their length if it is more than they can say.
struct Merged<'a>(SlicePacket<'a>);

impl Packet for Merged<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn is_big(&self) -> bool {
        self.len() > 0xffff
    }
    fn peek(&mut self, len: usize) -> Option<&[u8]> {
        self.0.peek(len)
    }
    fn head(&mut self, len: usize) -> Option<&mut [u8]> {
        self.0.head(len)
    }
    fn checksum_state(&self) -> ChecksumState {
        self.0.checksum_state()
    }
    fn trim(&mut self, len: usize) -> bool {
        self.0.trim(len)
    }
    fn prepend(&mut self, headers: &[u8], family: Family) -> bool {
        self.0.prepend(headers, family)
    }
    fn behead(&mut self, len: usize) -> bool {
        self.0.behead(len)
    }
    fn replace(&mut self, bytes: &[u8]) -> bool {
        self.0.replace(bytes)
    }
}

fn tell(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".into(),
        Verdict::Forward(forward) => format!("forward {}", forward.next),
        Verdict::Answer(_) => "reply".into(),
        Verdict::Message(to, _) => format!("message {to}"),
        Verdict::Hold => "hold".into(),
        Verdict::Report(report) => format!("drop {}", report.reason().name()),
        Verdict::Drop(reason) => format!("drop {}", reason.name()),
    }
}

fn state(case: &Case) -> ChecksumState {
    match case.state.as_str() {
        "full" => ChecksumState::Full,
        "partial" => ChecksumState::Partial,
        other => panic!("{other}"),
    }
}

#[test]
fn scapys_packets() {
    let config = config();
    let mut failures = String::new();
    let cases = cases();
    assert!(cases.len() >= 136, "{}", cases.len());
    for case in &cases {
        let table = connections(&config);
        let mut bytes = case.before.clone();
        let mut packet = SlicePacket::new(&mut bytes, state(case));
        let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 1), &mut packet);
        let wanted = case.verdict.as_str();
        let wanted = if wanted.starts_with("reply") {
            "reply"
        } else {
            wanted
        };
        if tell(verdict) != wanted {
            writeln!(failures, "{}: {verdict:?}", case.name).expect("string");
        }
        let expected = case.after.as_ref().unwrap_or(&case.before);
        if packet.as_slice() != expected.as_slice() {
            writeln!(
                failures,
                "{}:\n {:02x?}\n {expected:02x?}",
                case.name,
                packet.as_slice()
            )
            .expect("string");
        }
        if let Verdict::Forward(forward) = verdict {
            assert_eq!(forward.length, expected.len(), "{}", case.name);
        }
        if let Verdict::Answer(_) = verdict {
            assert_eq!(packet.checksum_state(), ChecksumState::Full);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Without memory every packet that would have been changed is dropped for just that, unchanged,
/// and no connection comes to be.
#[test]
fn no_memory() {
    let config = config();
    for case in cases() {
        let table = connections(&config);
        let free = table.free_count();
        let mut bytes = case.before.clone();
        let mut packet = Stingy(SlicePacket::new(&mut bytes, state(&case)));
        let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 1), &mut packet);
        // To find out that there is no destination would take a choice, and that comes after.
        if case.after.is_some() || case.name == "udp-no-destination" {
            assert_eq!(tell(verdict), "drop no-memory", "{}", case.name);
        } else {
            assert_eq!(tell(verdict), case.verdict, "{}", case.name);
        }
        assert_eq!(packet.0.as_slice(), case.before, "{}", case.name);
        assert_eq!(table.free_count(), free, "{}", case.name);
    }
}

/// Segments that were merged to more than headers can tell the length of are translated as shorter
/// ones are, and none of their bytes is taken for padding. In other packets that length is a lie.
#[test]
fn longer_than_headers_can_say() {
    const LENGTH: usize = 200_000;
    let config = config();
    let case = cases()
        .into_iter()
        .find(|case| case.verdict == "forward 10.0.0.2" && case.before.len() == 40)
        .expect("a TCP segment without options");
    let spoil = |short: &[u8]| {
        let mut bytes = short.to_vec();
        // In the checksum, the length that is gone is made up for.
        let gone = u32::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let sum = gone + u32::from(u16::from_be_bytes([bytes[10], bytes[11]]));
        let sum = (sum & 0xffff) + (sum >> 16);
        bytes[2..4].fill(0);
        bytes[10..12].copy_from_slice(&(sum as u16).to_be_bytes());
        bytes.resize(LENGTH, 7);
        bytes
    };
    let expected = spoil(case.after.as_ref().expect("forwarded"));
    let before = spoil(&case.before);

    let table = connections(&config);
    let mut bytes = before.clone();
    let mut packet = Merged(SlicePacket::new(&mut bytes, state(&case)));
    let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 1), &mut packet);
    match verdict {
        Verdict::Forward(forward) => assert_eq!(forward.length, LENGTH),
        other => panic!("{other:?}"),
    }
    assert_eq!(packet.0.as_slice()[..60], expected[..60]);
    assert!(packet.0.as_slice() == expected);

    let mut bytes = before.clone();
    let mut packet = SlicePacket::new(&mut bytes, state(&case));
    let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 1), &mut packet);
    assert_eq!(tell(verdict), "drop ip-header");
    assert!(packet.as_slice() == before);
}

/// Any cut of any packet gets some verdict, and stays as it is unless it is sent on.
#[test]
fn every_cut() {
    let config = config();
    for case in cases() {
        for len in 0..case.before.len().min(80) {
            let table = connections(&config);
            let mut bytes = case.before[..len].to_vec();
            let mut packet = SlicePacket::new(&mut bytes, state(&case));
            let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 1), &mut packet);
            match verdict {
                Verdict::Pass | Verdict::Drop(_) | Verdict::Report(_) | Verdict::Hold => {
                    assert_eq!(packet.as_slice(), &case.before[..len], "{}", case.name);
                }
                // Only padding has been cut off.
                Verdict::Forward(_) | Verdict::Answer(_) | Verdict::Message(..) => {
                    let total = usize::from(u16::from_be_bytes([case.before[2], case.before[3]]));
                    assert!(total <= len, "{} {len}", case.name);
                }
            }
        }
    }
}

/// Ipv4Address notations.
#[test]
fn addresses() {
    assert_eq!(address("10.1.2.3").bits(), 0x0a01_0203);
    assert_eq!(address("10.1.2.3").to_be32().to_ne_bytes(), [10, 1, 2, 3]);
    assert_eq!(address("10.1.2.3").to_string(), "10.1.2.3");
}
