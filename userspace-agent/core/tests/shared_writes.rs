// SPDX-License-Identifier: GPL-2.0

//! What packets of a known connection write into memory that CPUs share: the time, once for each
//! step of the clock, and a change of the connection's state; else nothing.

#![allow(missing_docs)]

mod build;
mod common;
mod harness;

use build::{packet, Build};
use harness::{address, Config, Outcome, Side, Switch};
use switchyard_core::core::packet::ChecksumState;
use switchyard_core::core::tuple::{Endpoint, Ipv4Address, Ipv6Address, Protocol};
use switchyard_core::filter::Version;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

/// The shared memory of both tables.
fn shared(switch: &Switch) -> String {
    switch.connections4.shared() + &switch.connections6.shared()
}

/// How many values differ.
fn difference(before: &str, after: &str) -> usize {
    let (before, after) = (before.split(' '), after.split(' '));
    assert_eq!(before.clone().count(), after.clone().count());
    before.zip(after).filter(|(a, b)| a != b).count()
}

/// One connection of a protocol by a forwarding method.
struct Talk<A> {
    switch: Switch,
    protocol: Protocol,
    client: Endpoint<A>,
    service: Endpoint<A>,
    server: Endpoint<A>,
}

impl<A: Build + Version> Talk<A> {
    fn new(ends: [&str; 3], protocol: Protocol, method: &str) -> Self {
        let [client, service, server] = ends;
        let prefix = address(service).length();
        let mut config = Config::default();
        let name = protocol.name();
        assert!(config.line(&format!("service {name} {service} {prefix} 80 80")));
        assert!(config.line(&format!("destination {server} 8080 {method} ip 1")));
        let end = |text, port| Endpoint::new(A::from_ip(address(text)).expect(text), port);
        Self {
            switch: Switch::of_size(config, 64, 64),
            protocol,
            client: end(client, 1234),
            service: end(service, 80),
            server: end(server, 8080),
        }
    }

    fn send(&mut self, from: Side, flags: u8) -> Outcome {
        let (source, destination) = match from {
            Side::Client => (self.client, self.service),
            Side::Server => (self.server, self.client),
        };
        let mut bytes = packet(self.protocol, source, destination, 64, b"data");
        if self.protocol == Protocol::Tcp {
            // Its checksum is wrong then, which nobody here looks at.
            let at = bytes.len() - 4 - 20 + 13;
            bytes[at] = flags;
        }
        let outcome = self.switch.receive(from, &bytes, ChecksumState::Full);
        assert_eq!(outcome.out.len(), 1, "{outcome:?}");
        outcome
    }
}

/// Tries one connection whose destination answers by here, or not.
fn try_one<A: Build + Version>(ends: [&str; 3], protocol: Protocol, method: &str) {
    let mut talk = Talk::<A>::new(ends, protocol, method);
    let sides = match method {
        "nat" => &[Side::Client, Side::Server][..],
        _ => &[Side::Client],
    };
    let before = shared(&talk.switch);
    talk.send(Side::Client, SYN);
    assert!(difference(&before, &shared(&talk.switch)) > 3, "it is new");
    talk.send(Side::Client, ACK);

    for _ in 0..3 {
        // The first packet at this time.
        talk.switch.now += 4;
        let before = shared(&talk.switch);
        talk.send(Side::Client, ACK);
        let after = shared(&talk.switch);
        assert_eq!(difference(&before, &after), 1, "the time alone");
        for side in sides {
            for _ in 0..10 {
                talk.send(*side, ACK);
            }
        }
        assert_eq!(shared(&talk.switch), after, "and that once");
    }
    if protocol == Protocol::Tcp {
        let before = shared(&talk.switch);
        talk.send(Side::Client, FIN | ACK);
        let after = shared(&talk.switch);
        assert_eq!(difference(&before, &after), 1, "the state alone");
        talk.send(Side::Client, FIN | ACK);
        assert_eq!(shared(&talk.switch), after, "and that once");
    }
}

#[test]
fn known_packets() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for method in ["nat", "direct", "tunnel"] {
            try_one::<Ipv4Address>(["10.0.1.2", "10.9.9.9", "10.2.1.2"], protocol, method);
            let ends = ["2001:db8:1::2", "2001:db8:9::9", "2001:db8:2::2"];
            try_one::<Ipv6Address>(ends, protocol, method);
        }
    }
}
