// SPDX-License-Identifier: GPL-2.0

//! The filter over whole lives of connections, and against a model over random packets.

#![allow(missing_docs)]

mod common;

use std::collections::HashMap;

use common::{context, endpoint, filter, table, Config, Forward, Random, Table, Verdict};
use switchyard_core::core::checksum::{fold, pseudo_header, sum};
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connection_table::{Fate, Settled};
use switchyard_core::core::connections::Connections as _;
use switchyard_core::core::drop_reason::DropReason;
use switchyard_core::core::ipv4::{self, Ipv4};
use switchyard_core::core::method::Method;
use switchyard_core::core::packet::{ChecksumState, SlicePacket};
use switchyard_core::core::scheduler::Scheduler;
use switchyard_core::core::tcp::{Flags, Tcp};
use switchyard_core::core::tcp_state;
use switchyard_core::core::timeouts::Timeouts;
use switchyard_core::core::tuple::{Direction, Endpoint, Ipv4Address, Protocol};
use switchyard_core::filter::segment::{Kind, Reading};
use switchyard_core::filter::Version as _;

const ACK: Flags = Flags::ACK;
const SYN: Flags = Flags::SYN;
const FIN: Flags = Flags::FIN;
const RST: Flags = Flags::RST;

/// A packet's IP header, if it is sound.
fn ip(bytes: &[u8]) -> Result<Ipv4, ipv4::Error> {
    Ipv4::parse(bytes, bytes.len(), ipv4::announced_length(bytes[0]))
}

/// A packet with sound checksums and 4 bytes of data.
fn packet(protocol: Protocol, from: Endpoint, to: Endpoint, flags: Flags) -> Vec<u8> {
    let transport: u8 = if protocol == Protocol::Tcp { 20 } else { 8 };
    let mut bytes = vec![
        0x45,
        0,
        0,
        20 + transport + 4,
        0,
        1,
        0x40,
        0,
        64,
        protocol.number(),
        0,
        0,
    ];
    bytes.extend(from.address.octets());
    bytes.extend(to.address.octets());
    let check = !fold(sum(&bytes));
    bytes[10..12].copy_from_slice(&check.to_be_bytes());
    bytes.extend(from.port.to_be_bytes());
    bytes.extend(to.port.to_be_bytes());
    let at = match protocol {
        Protocol::Tcp => {
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags.0, 1, 0, 0, 0, 0, 0]);
            36
        }
        Protocol::Udp | Protocol::Sctp => {
            bytes.extend([0, transport + 4, 0, 0]);
            26
        }
    };
    bytes.extend(b"data");
    let covered = covered(&bytes);
    bytes[at..at + 2].copy_from_slice(&(!fold(covered)).to_be_bytes());
    bytes
}

/// The sum over pseudo-header and transport of a packet: all ones if its checksum is right.
fn covered(bytes: &[u8]) -> u64 {
    let ip = ip(bytes).expect("sound");
    let length = (ip.total_length - ip.header_length) as u16;
    pseudo_header(ip.source.bits(), ip.destination.bits(), ip.protocol, length)
        + sum(&bytes[ip.header_length..ip.total_length])
}

/// A switch with one clock and one CPU.
struct Switch {
    config: Config,
    table: Table,
    now: u32,
}

impl Switch {
    fn new(config: Config, slots: u32) -> Self {
        Self {
            config,
            table: table(64, slots),
            now: 0,
        }
    }

    /// What becomes of a packet: the verdict, and its ends afterwards.
    fn send(
        &mut self,
        protocol: Protocol,
        from: Endpoint,
        to: Endpoint,
        flags: Flags,
    ) -> (Verdict, Endpoint, Endpoint) {
        let mut bytes = packet(protocol, from, to, flags);
        let context = context(&self.config, &self.table, self.now);
        let mut packet = SlicePacket::new(&mut bytes, ChecksumState::Full);
        let verdict = filter::<Ipv4Address, _, _, _>(&context, &mut packet);
        assert_eq!(fold(covered(packet.as_slice())), 0xffff, "{verdict:?}");
        let Reading { kind, segment, .. } = Ipv4Address::read(&mut packet);
        assert_eq!(kind, Kind::Whole);
        if let Verdict::Forward(forward) = verdict {
            assert_eq!(segment.ttl, 63);
            assert_eq!(forward.next, segment.destination.address.into());
            assert_eq!(forward.length, packet.as_slice().len());
        }
        (verdict, segment.source, segment.destination)
    }

    fn forwarded(
        &mut self,
        from: Endpoint,
        to: Endpoint,
        flags: Flags,
    ) -> (Forward, Endpoint, Endpoint) {
        match self.send(Protocol::Tcp, from, to, flags) {
            (Verdict::Forward(forward), from, to) => (forward, from, to),
            other => panic!("{other:?}"),
        }
    }

    fn state(&self, client: Endpoint, service: Endpoint) -> Option<State> {
        self.table
            .lookup(Direction::Forward, Protocol::Tcp, client, service)
            .map(|found| found.connection.state)
    }

    fn active(&self, destination: u32) -> i64 {
        self.config
            .active
            .borrow()
            .get(&destination)
            .copied()
            .unwrap_or(0)
    }

    /// Lets the collector go round, with the accounts told.
    fn expire(&self) -> u32 {
        use switchyard_core::filter::Services;
        let settled = self
            .table
            .settle(self.now, &Timeouts::default(), |_| Fate::Remove);
        for done in &settled {
            match done {
                Settled::Removed(gone) => self.config.closed(gone),
                Settled::Turned { .. } => panic!("{done:?}"),
            }
        }
        settled.len() as u32
    }
}

fn client(number: u16) -> Endpoint {
    endpoint("198.51.100.9", 1000 + number)
}

fn web() -> Endpoint {
    endpoint("192.0.2.1", 80)
}

fn real(number: u8) -> Endpoint {
    Endpoint::new(common::address(&format!("10.0.0.{number}")), 8080)
}

fn one_service() -> Config {
    let mut config = Config::default();
    config.add(
        Protocol::Tcp,
        web(),
        Scheduler::RoundRobin,
        &[(real(1), 1), (real(2), 1)],
        10,
    );
    config
}

#[test]
fn a_life() {
    let mut switch = Switch::new(one_service(), 8);
    let (me, vip) = (client(1), web());
    let (first, from, to) = switch.forwarded(me, vip, SYN);
    assert_eq!((from, to), (me, real(1)));
    assert_eq!(
        (first.direction, first.is_new, first.destination_id),
        (Direction::Forward, true, 10)
    );
    assert_eq!(switch.state(me, vip), Some(State::SynReceived));
    // The SYN again: the same destination.
    let (again, _, to) = switch.forwarded(me, vip, SYN);
    assert_eq!((to, again.is_new), (real(1), false));
    let (answer, from, to) = switch.forwarded(real(1), me, SYN | ACK);
    assert_eq!((from, to), (vip, me));
    assert_eq!(
        (answer.direction, answer.is_new, answer.destination_id),
        (Direction::Reply, false, 10)
    );
    for (from, to, flags, state) in [
        (me, vip, ACK, State::Established),
        (real(1), me, ACK, State::Established),
        (me, vip, FIN | ACK, State::FinClient),
        (real(1), me, ACK, State::FinClient),
        (real(1), me, FIN | ACK, State::TimeWait),
        (me, vip, ACK, State::TimeWait),
    ] {
        switch.now += 10;
        switch.forwarded(from, to, flags);
        assert_eq!(switch.state(me, vip), Some(state));
    }
    assert_eq!((switch.active(10), switch.active(11)), (1, 0));
    // The port is used again, while the old connection is still known.
    let (next, _, to) = switch.forwarded(me, vip, SYN);
    assert_eq!((to, next.is_new, next.destination_id), (real(2), true, 11));
    assert_eq!((switch.active(10), switch.active(11)), (0, 1));
    assert_eq!(switch.state(me, vip), Some(State::SynReceived));
    // A late packet of the former destination is nobody's now.
    assert_eq!(
        switch.send(Protocol::Tcp, real(1), me, ACK).0,
        Verdict::Pass
    );
    switch.now += 59_999;
    assert_eq!(switch.expire(), 0);
    switch.now += 1;
    assert_eq!(switch.expire(), 1);
    assert_eq!(switch.active(11), 0);
    assert!(matches!(
        switch.send(Protocol::Tcp, me, vip, ACK).0,
        Verdict::Answer(Some(DropReason::ResetSent))
    ));
}

#[test]
fn activity_keeps_alive() {
    let mut switch = Switch::new(one_service(), 8);
    switch.forwarded(client(1), web(), SYN);
    switch.forwarded(client(1), web(), ACK);
    for _ in 0..10 {
        switch.now += 899_000;
        assert_eq!(switch.expire(), 0);
        switch.forwarded(real(1), client(1), ACK);
    }
    switch.now += 900_000;
    assert_eq!(switch.expire(), 1);
}

#[test]
fn a_reset_ends_it() {
    let mut switch = Switch::new(one_service(), 8);
    for (from, to, old, new) in [
        (client(1), web(), real(1), real(2)),
        (real(2), client(1), real(2), real(1)),
    ] {
        switch.forwarded(client(1), web(), SYN);
        switch.forwarded(client(1), web(), ACK);
        switch.forwarded(old, client(1), ACK);
        // The reset itself still gets through, and what was on its way.
        switch.forwarded(from, to, RST);
        assert_eq!(switch.state(client(1), web()), Some(State::Closed));
        switch.forwarded(old, client(1), ACK);
        assert_eq!(switch.forwarded(client(1), web(), SYN).2, new);
        switch.forwarded(client(1), web(), RST);
        switch.now += 10_000;
        assert_eq!(switch.expire(), 1);
        // Round robin stands at the second destination now.
        for service in switch.config.services.values() {
            service.turn.set(1);
        }
    }
}

/// Connections outlive the service they were made by; new ones are refused.
#[test]
fn without_the_service() {
    let mut switch = Switch::new(one_service(), 8);
    switch.forwarded(client(1), web(), SYN);
    switch.forwarded(client(1), web(), ACK);
    switch.config.services.clear();
    switch.forwarded(client(1), web(), ACK);
    switch.forwarded(real(1), client(1), ACK);
    // Its address is no longer ours.
    assert_eq!(
        switch.send(Protocol::Tcp, client(2), web(), SYN).0,
        Verdict::Pass
    );
    // Another service on it: the address is ours, the port is not.
    switch.config.add(
        Protocol::Udp,
        endpoint("192.0.2.1", 53),
        Scheduler::Maglev,
        &[(real(1), 1)],
        20,
    );
    switch.forwarded(client(1), web(), ACK);
    assert!(matches!(
        switch.send(Protocol::Tcp, client(2), web(), SYN).0,
        Verdict::Answer(Some(DropReason::ResetSent))
    ));
    // A port in use again cannot be served; the old connection stays what it was.
    switch.forwarded(client(1), web(), FIN | ACK);
    assert!(matches!(
        switch.send(Protocol::Tcp, client(1), web(), SYN).0,
        Verdict::Answer(Some(DropReason::ResetSent))
    ));
    assert_eq!(switch.state(client(1), web()), Some(State::FinClient));
}

/// With the machine's own sockets as the last resort, a whole connection goes there, not just its
/// first segment, and goes on when there is a destination again. A UDP flow chooses each time.
#[test]
fn the_last_resort() {
    let mut switch = Switch::new(Config::default(), 8);
    let (web, dns) = (web(), endpoint("192.0.2.1", 53));
    let set = |config: &mut Config, destinations: &[(Endpoint, u32)]| {
        for (protocol, listener) in [(Protocol::Tcp, web), (Protocol::Udp, dns)] {
            config.add(protocol, listener, Scheduler::Maglev, destinations, 10);
            let service = config.services.get_mut(&(protocol, listener.any()));
            service.expect("added").options.local_fallback = true;
        }
    };
    let method = |switch: &mut Switch, protocol, from, to, flags| {
        let mut bytes = packet(protocol, from, to, flags);
        let before = bytes.clone();
        let context = context(&switch.config, &switch.table, switch.now);
        let mut packet = SlicePacket::new(&mut bytes, ChecksumState::Full);
        match filter::<Ipv4Address, _, _, _>(&context, &mut packet) {
            Verdict::Forward(forward) => {
                if forward.method == Method::Local {
                    assert_eq!(packet.as_slice(), before, "delivered as it came");
                }
                Some(forward.method)
            }
            Verdict::Answer(Some(DropReason::ResetSent)) => None,
            other => panic!("{other:?}"),
        }
    };
    set(&mut switch.config, &[]);
    for flags in [SYN, SYN, ACK, ACK] {
        let went = method(&mut switch, Protocol::Tcp, client(1), web, flags);
        assert_eq!(went, Some(Method::Local), "{flags:?}");
    }
    assert_eq!(switch.state(client(1), web), Some(State::Established));
    let went = method(&mut switch, Protocol::Udp, client(1), dns, Flags(0));
    assert_eq!(went, Some(Method::Local));
    // What nobody has begun belongs to nothing.
    let went = method(&mut switch, Protocol::Tcp, client(2), web, ACK);
    assert_eq!(went, None);

    set(&mut switch.config, &[(real(1), 1)]);
    let went = method(&mut switch, Protocol::Tcp, client(1), web, ACK);
    assert_eq!(went, Some(Method::Local), "goes on");
    let went = method(&mut switch, Protocol::Udp, client(1), dns, Flags(0));
    assert_eq!(went, Some(Method::Nat), "chooses again");
    let went = method(&mut switch, Protocol::Tcp, client(3), web, SYN);
    assert_eq!(went, Some(Method::Nat));
    // And its ports, used again, are the destination's.
    let went = method(&mut switch, Protocol::Tcp, client(1), web, FIN | ACK);
    assert_eq!(went, Some(Method::Local));
    let went = method(&mut switch, Protocol::Tcp, client(1), web, SYN);
    assert_eq!(went, Some(Method::Nat));
}

#[test]
fn a_full_table() {
    let mut switch = Switch::new(one_service(), 2);
    for number in 0..2 {
        switch.forwarded(client(number), web(), SYN);
    }
    let (verdict, _, to) = switch.send(Protocol::Tcp, client(3), web(), SYN);
    assert_eq!((verdict, to), (Verdict::Drop(DropReason::TableFull), web()));
    switch.forwarded(client(1), web(), ACK);
    switch.now += 60_000;
    assert_eq!(switch.expire(), 1);
    switch.forwarded(client(3), web(), SYN);
    assert_eq!(switch.active(10) + switch.active(11), 2);
}

/// One client port, two services, the same two destinations: the replies must stay apart.
#[test]
fn two_services_share_destinations() {
    let mut config = one_service();
    let second = endpoint("192.0.2.2", 80);
    // Its first choice would always be where the first connection is.
    config.add(
        Protocol::Tcp,
        second,
        Scheduler::RoundRobin,
        &[(real(1), 3), (real(2), 1)],
        20,
    );
    let mut switch = Switch::new(config, 8);
    let me = client(1);
    assert_eq!(switch.forwarded(me, web(), SYN).2, real(1));
    let (_, _, to) = switch.forwarded(me, second, SYN);
    assert_eq!(to, real(2));
    assert_eq!(switch.forwarded(real(1), me, SYN | ACK).1, web());
    assert_eq!(switch.forwarded(real(2), me, SYN | ACK).1, second);
    // A third finds no free destination ...
    let third = endpoint("192.0.2.3", 80);
    switch
        .config
        .add(Protocol::Tcp, third, Scheduler::Maglev, &[(real(1), 1)], 30);
    assert!(matches!(
        switch.send(Protocol::Tcp, me, third, SYN).0,
        Verdict::Answer(Some(DropReason::ResetSent))
    ));
    assert_eq!(switch.active(30), 0);
    // ... until the connection in the way ends.
    switch.forwarded(me, web(), ACK);
    switch.forwarded(me, web(), FIN | ACK);
    assert_eq!(switch.forwarded(me, third, SYN).2, real(1));
    assert_eq!((switch.active(10), switch.active(30)), (0, 1));
    assert_eq!(switch.forwarded(real(1), me, SYN | ACK).1, third);
}

/// Both kinds of reset, as the sender of the segment sees them.
#[test]
fn resets() {
    for (flags, sequence, acknowledgment, answer) in [
        (ACK, 2, 0, RST),
        (SYN | ACK, 2, 0, RST),
        (Flags(0), 0, 1 + 4, RST | ACK),
        (FIN, 0, 1 + 4 + 1, RST | ACK),
    ] {
        let config = one_service();
        let table = table(16, 4);
        let mut bytes = packet(Protocol::Tcp, client(1), web(), flags);
        let mut packet = SlicePacket::new(&mut bytes, ChecksumState::Partial);
        let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 0), &mut packet);
        assert_eq!(verdict, Verdict::Answer(Some(DropReason::ResetSent)));
        let bytes = packet.as_slice();
        assert_eq!(bytes.len(), 40);
        assert_eq!(fold(covered(bytes)), 0xffff);
        let tcp = Tcp::parse(&bytes[20..], 20).expect("sound");
        assert_eq!((tcp.source, tcp.destination), (web().port, client(1).port));
        assert_eq!(
            (tcp.sequence, tcp.acknowledgment, tcp.flags),
            (sequence, acknowledgment, answer)
        );
        // A reset is never answered, so two switches cannot keep each other busy.
        let verdict = filter::<Ipv4Address, _, _, _>(&context(&config, &table, 0), &mut packet);
        assert_eq!(verdict, Verdict::Pass);
    }
}

/// What the model knows of a connection.
#[derive(Clone, Copy, Debug)]
struct Known {
    destination: Endpoint,
    id: u32,
    state: State,
    last: u32,
}

/// Random packets of few clients, services and destinations, against a map.
#[test]
fn equals_a_model() {
    for seed in 1..5 {
        let mut random = Random(seed);
        let services = [
            (Protocol::Tcp, endpoint("192.0.2.1", 80)),
            (Protocol::Tcp, endpoint("192.0.2.1", 443)),
            (Protocol::Udp, endpoint("192.0.2.1", 53)),
        ];
        let mut config = Config::default();
        for (number, (protocol, vip)) in services.iter().enumerate() {
            // Destinations of their own, so that the model needs no clashes.
            let port = |endpoint: Endpoint| Endpoint::new(endpoint.address, 8000 + number as u16);
            let reals: Vec<_> = (1..4).map(|n| (port(real(n)), u32::from(n))).collect();
            let scheduler = [Scheduler::Maglev, Scheduler::RoundRobin][number % 2];
            config.add(*protocol, *vip, scheduler, &reals, 10 * number as u32);
        }
        let mut switch = Switch::new(config, 300);
        let mut model: HashMap<(usize, u16), Known> = HashMap::new();
        let mut news = 0;
        for step in 0..30_000 {
            switch.now += random.below(400);
            let now = switch.now;
            let number = random.below(3) as usize;
            let (protocol, vip) = services[number];
            let me = random.below(60) as u16;
            let key = (number, me);
            let known = model.get(&key).copied();
            let flags = [SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST][random.below(7) as usize];
            let next = |state, direction| match protocol {
                Protocol::Tcp => tcp_state::next(state, flags, direction),
                Protocol::Udp | Protocol::Sctp => State::Udp,
            };
            if random.below(50) == 0 {
                let expired = model.len();
                model.retain(|_, known| now - known.last < Timeouts::default().of(known.state, 0));
                assert_eq!(switch.expire() as usize, expired - model.len());
                continue;
            }
            if random.below(2) == 0 {
                // From a destination, which need not be the right one.
                let address = real(1 + random.below(3) as u8).address;
                let from = Endpoint::new(address, 8000 + number as u16);
                let (verdict, source, to) = switch.send(protocol, from, client(me), flags);
                match known.filter(|known| known.destination == from) {
                    Some(known) => {
                        assert!(matches!(verdict, Verdict::Forward(f)
                            if f.direction == Direction::Reply && !f.is_new && f.destination_id == known.id));
                        assert_eq!((source, to), (vip, client(me)), "{seed} {step}");
                        let state = next(known.state, Direction::Reply);
                        model.insert(
                            key,
                            Known {
                                state,
                                last: now,
                                ..known
                            },
                        );
                    }
                    None => assert_eq!((verdict, source, to), (Verdict::Pass, from, client(me))),
                }
                continue;
            }
            let (verdict, source, to) = switch.send(protocol, client(me), vip, flags);
            let reused = flags.opens() && known.is_some_and(|known| known.state.is_ending());
            match known {
                Some(known) if !reused => {
                    assert!(
                        matches!(verdict, Verdict::Forward(f) if !f.is_new && f.destination_id == known.id)
                    );
                    assert_eq!((source, to), (client(me), known.destination));
                    let state = next(known.state, Direction::Forward);
                    model.insert(
                        key,
                        Known {
                            state,
                            last: now,
                            ..known
                        },
                    );
                }
                _ if protocol == Protocol::Tcp && !flags.opens() => {
                    let expected = if flags.has(RST) {
                        Verdict::Drop(DropReason::NoConnection)
                    } else {
                        Verdict::Answer(Some(DropReason::ResetSent))
                    };
                    assert_eq!(verdict, expected);
                }
                _ => {
                    let Verdict::Forward(forward) = verdict else {
                        panic!("{verdict:?}");
                    };
                    assert!(forward.is_new && forward.service_id == number as u32);
                    assert_eq!(forward.destination_id / 10, number as u32);
                    assert_eq!(
                        to,
                        Endpoint::new(
                            real(1 + (forward.destination_id % 10) as u8).address,
                            8000 + number as u16
                        )
                    );
                    let state = if protocol == Protocol::Tcp {
                        State::SynReceived
                    } else {
                        State::Udp
                    };
                    model.insert(
                        key,
                        Known {
                            destination: to,
                            id: forward.destination_id,
                            state,
                            last: now,
                        },
                    );
                    news += 1;
                }
            }
            assert_eq!(switch.table.count() as usize, model.len());
        }
        assert!(news > 500, "{news}");
        // The accounts of every destination.
        for service in 0..3_u32 {
            for destination in 0..3 {
                let id = service * 10 + destination;
                let expected = model.values().filter(|known| known.id == id).count();
                assert_eq!(switch.active(id), expected as i64, "{id}");
            }
        }
        for ((number, me), known) in &model {
            let (protocol, vip) = services[*number];
            let found = switch
                .table
                .lookup(Direction::Forward, protocol, client(*me), vip);
            let found = found.expect("known").connection;
            assert_eq!((found.state, found.last_seen), (known.state, known.last));
        }
    }
}

/// Each service takes turns of its own: connections of one do not shift those of the other.
#[test]
fn services_take_turns_by_themselves() {
    let other = Endpoint::new(web().address, 8080);
    let mut config = Config::default();
    for (service, first) in [(web(), 1), (other, 11)] {
        config.add(
            Protocol::Tcp,
            service,
            Scheduler::RoundRobin,
            &[(real(1), 1), (real(2), 1)],
            first,
        );
    }
    let mut switch = Switch::new(config, 64);
    for number in 0..10 {
        for service in [web(), other] {
            switch.forwarded(
                Endpoint::new(client(1).address, 1000 + number),
                service,
                SYN,
            );
        }
    }
    let active = switch.config.active.borrow();
    let shares: Vec<_> = [1, 2, 11, 12].map(|id| active.get(&id).copied()).into();
    assert_eq!(shares, [Some(5); 4]);
}
