// SPDX-License-Identifier: GPL-2.0

//! What is said of a packet before it comes is what becomes of it.
//!
//! [`Switch::receive`] asks before each packet, as `yardctl explain` does, and compares. The packets
//! here are of connections that use their ports again and share destinations, which come and go.

#![allow(missing_docs)]

mod build;
mod common;
mod harness;

use build::{plain, transport, Build};
use common::Random;
use harness::{address, Config, Outcome, Side, Switch};
use switchyard_core::core::drop_reason::DropReason;
use switchyard_core::core::packet::ChecksumState;
use switchyard_core::core::tuple::{Endpoint, Ipv4Address, Ipv6Address, Protocol};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Two services with both of their destinations in common, and one with the first alone.
fn config() -> Config {
    let mut config = Config::default();
    for (service, prefix, servers) in [
        ("10.9.9.9", 32, ["10.2.1.98", "10.2.1.99"]),
        ("2001:db8:9::9", 128, ["2001:db8:2::98", "2001:db8:2::99"]),
    ] {
        for protocol in ["tcp", "udp"] {
            for (port, count) in [(80, 2), (81, 2), (82, 1)] {
                assert!(config.line(&format!(
                    "service {protocol} {service} {prefix} {port} {port}"
                )));
                for server in &servers[..count] {
                    assert!(config.line(&format!("destination {server} 8080 nat ip 1")));
                }
            }
        }
    }
    config
}

/// A family's client, service and destinations.
trait People: Build {
    const CLIENT: &'static str;
    const SERVICE: &'static str;
    const SERVERS: [&'static str; 2];

    fn at(text: &str, port: u16) -> Endpoint<Self> {
        Endpoint::new(Self::from_ip(address(text)).expect("its family"), port)
    }
}

impl People for Ipv4Address {
    const CLIENT: &'static str = "10.0.1.99";
    const SERVICE: &'static str = "10.9.9.9";
    const SERVERS: [&'static str; 2] = ["10.2.1.98", "10.2.1.99"];
}

impl People for Ipv6Address {
    const CLIENT: &'static str = "2001:db8:1::99";
    const SERVICE: &'static str = "2001:db8:9::9";
    const SERVERS: [&'static str; 2] = ["2001:db8:2::98", "2001:db8:2::99"];
}

/// A packet; the flags are TCP's.
fn packet<A: Build>(protocol: Protocol, from: Endpoint<A>, to: Endpoint<A>, flags: u8) -> Vec<u8> {
    let mut payload = transport(protocol, from, to, b"");
    if protocol == Protocol::Tcp {
        payload[13] = flags;
        payload[16..18].fill(0);
        let pseudo = A::pseudo(from.address, to.address, protocol.number(), payload.len());
        let check = plain(&[pseudo, payload.clone()].concat());
        payload[16..18].copy_from_slice(&check.to_be_bytes());
    }
    A::packet(from.address, to.address, protocol.number(), 64, &payload)
}

fn send<A: Build>(switch: &mut Switch, side: Side, packet: &[u8]) -> Outcome {
    switch.now += 1;
    switch.receive(side, packet, ChecksumState::Full)
}

/// A SYN on the ports of a connection that has lost its destination opens a new one: at another
/// destination, or at the like of the former that has been added since.
fn lost_destination<A: People>() {
    let mut switch = Switch::new(config());
    let syn = |from, to| {
        packet(
            Protocol::Tcp,
            A::at(A::CLIENT, from),
            A::at(A::SERVICE, to),
            SYN,
        )
    };
    let only = syn(5000, 82);
    let opened = send::<A>(&mut switch, Side::Client, &only);
    assert!(is_sent(&opened), "{opened:?}");
    switch.config.replace(address(A::SERVERS[0]));
    assert_eq!(send::<A>(&mut switch, Side::Client, &only), opened);
    switch.config.set_up(address(A::SERVERS[0]), false);
    let refused = send::<A>(&mut switch, Side::Client, &only);
    assert_eq!(refused.drop, Some(DropReason::ResetSent));

    let either = syn(5001, 80);
    let second = send::<A>(&mut switch, Side::Client, &either);
    switch.config.set_up(address(A::SERVERS[0]), true);
    switch.config.set_up(address(A::SERVERS[1]), false);
    let first = send::<A>(&mut switch, Side::Client, &either);
    assert!(is_sent(&first) && is_sent(&second), "{first:?} {second:?}");
    assert_ne!(first.out, second.out, "both destinations were had");
}

/// Whether a packet went on to a destination.
fn is_sent(outcome: &Outcome) -> bool {
    matches!(outcome.out.as_slice(), [(Side::Server, _)])
}

#[test]
fn of_connections_that_have_lost_their_destination() {
    lost_destination::<Ipv4Address>();
    lost_destination::<Ipv6Address>();
}

/// Many packets of few connections, while destinations come and go.
fn history<A: People>(seed: u64) {
    let mut random = Random(seed);
    let mut switch = Switch::new(config());
    let (mut forwarded, mut refused) = (0, 0);
    for _ in 0..400 {
        if random.below(8) == 0 {
            let which = A::SERVERS[random.below(2) as usize];
            match random.below(3) {
                0 => switch.config.set_up(address(which), false),
                1 => switch.config.set_up(address(which), true),
                _ => switch.config.replace(address(which)),
            }
        }
        let protocol = [Protocol::Tcp, Protocol::Udp][usize::from(random.below(4) == 0)];
        let client = A::at(A::CLIENT, 5000 + random.below(3) as u16);
        let flags = [SYN, SYN, ACK, FIN | ACK, RST, SYN | ACK][random.below(6) as usize];
        let (side, from, to) = if random.below(3) == 0 {
            let server = A::SERVERS[random.below(2) as usize];
            (Side::Server, A::at(server, 8080), client)
        } else {
            let port = 80 + random.below(3) as u16;
            (Side::Client, client, A::at(A::SERVICE, port))
        };
        let outcome = send::<A>(&mut switch, side, &packet(protocol, from, to, flags));
        forwarded += u32::from(outcome.drop.is_none() && !outcome.pass);
        refused += u32::from(outcome.drop.is_some());
    }
    assert!(forwarded > 50 && refused > 20, "{forwarded} {refused}");
}

#[test]
fn of_connections_that_share_ports_and_destinations() {
    for seed in 1..=200 {
        history::<Ipv4Address>(seed);
        history::<Ipv6Address>(seed);
    }
}
