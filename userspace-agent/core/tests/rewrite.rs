// SPDX-License-Identifier: GPL-2.0

//! Translated packets and errors about them, held against packets made anew.

#![allow(missing_docs)]

mod build;

use build::{icmp, packet, transport, Build};
use proptest::prelude::*;
use switchyard_core::core::checksum::{fold, sum};
use switchyard_core::core::icmp::{self, Cause, Meaning};
use switchyard_core::core::icmp_error;
use switchyard_core::core::icmp_rewrite::{answer_echo, translate_error};
use switchyard_core::core::network::End;
use switchyard_core::core::packet::ChecksumState;
use switchyard_core::core::rewrite::{translate, Transport};
use switchyard_core::core::tuple::{Endpoint, Ipv4Address, Ipv6Address, Protocol};

const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
const ENDS: [End; 2] = [End::Source, End::Destination];

/// Two endpoints, and what takes the place of one of them.
#[derive(Clone, Copy, Debug)]
struct Scene {
    addresses: [u128; 3],
    ports: [u16; 3],
    protocol: Protocol,
    end: End,
}

impl Scene {
    fn endpoint<A: Build>(self, number: usize) -> Endpoint<A> {
        Endpoint::new(A::random(self.addresses[number]), self.ports[number])
    }

    fn before<A: Build>(self) -> [Endpoint<A>; 2] {
        [self.endpoint(0), self.endpoint(1)]
    }

    fn after<A: Build>(self) -> [Endpoint<A>; 2] {
        match self.end {
            End::Source => [self.endpoint(2), self.endpoint(1)],
            End::Destination => [self.endpoint(0), self.endpoint(2)],
        }
    }
}

fn scenes() -> impl Strategy<Value = Scene> {
    let protocol = prop::sample::select(&PROTOCOLS[..]);
    let end = prop::sample::select(&ENDS[..]);
    (any::<[u128; 3]>(), any::<[u16; 3]>(), protocol, end).prop_map(
        |(addresses, ports, protocol, end)| Scene {
            addresses,
            ports,
            protocol,
            end,
        },
    )
}

fn translated<A: Build>(scene: Scene, data: &[u8], hops: u8) {
    let Scene { protocol, end, .. } = scene;
    let ([a, b], [c, d]) = (scene.before::<A>(), scene.after::<A>());
    let mut bytes = packet(protocol, a, b, hops, data);
    let place = Transport {
        protocol,
        offset: A::HEADER_LENGTH,
        length: bytes.len() - A::HEADER_LENGTH,
    };
    let to = scene.endpoint(2);
    // What was read of the packet is enough: no data.
    let (head, _) = bytes.split_at_mut(A::HEADER_LENGTH + 20.min(place.length));
    assert!(translate::<A>(head, place, ChecksumState::Full, end, to, 1));
    assert_eq!(bytes, packet(protocol, c, d, hops - 1, data));
}

/// A checksum that is still to be made covers the pseudo-header; SCTP's is left alone.
fn partial<A: Build>(scene: Scene, data: &[u8]) {
    let Scene { protocol, end, .. } = scene;
    let make = |[from, to]: [Endpoint<A>; 2], hops| {
        let mut bytes = packet(protocol, from, to, hops, data);
        let payload = bytes.split_off(A::HEADER_LENGTH);
        let pseudo = A::pseudo(from.address, to.address, protocol.number(), payload.len());
        let (at, field) = match protocol {
            Protocol::Tcp => (16, fold(sum(&pseudo)).to_be_bytes().to_vec()),
            Protocol::Udp => (6, fold(sum(&pseudo)).to_be_bytes().to_vec()),
            Protocol::Sctp => (8, vec![1, 2, 3, 4]),
        };
        bytes.extend(&payload[..at]);
        bytes.extend(&field);
        bytes.extend(&payload[at + field.len()..]);
        bytes
    };
    let mut bytes = make(scene.before(), 9);
    let place = Transport {
        protocol,
        offset: A::HEADER_LENGTH,
        length: bytes.len() - A::HEADER_LENGTH,
    };
    let to = scene.endpoint(2);
    assert!(translate::<A>(
        &mut bytes,
        place,
        ChecksumState::Partial,
        end,
        to,
        1
    ));
    assert_eq!(bytes, make(scene.after(), 8));
}

/// An error about a packet of which `cut` bytes of transport came.
fn error<A: Build>(scene: Scene, data: &[u8], router: u128, cut: usize) {
    let Scene { protocol, end, .. } = scene;
    let quote = |[from, to]: [Endpoint<A>; 2]| {
        let mut bytes = packet(protocol, from, to, 1, data);
        bytes.truncate(A::HEADER_LENGTH + 8 + cut);
        bytes
    };
    let (kind, code, rest) = A::error(Cause::TooBig { mtu: 1400 });
    let ([before, _], to) = (scene.before::<A>(), scene.endpoint::<A>(2));
    let router = A::random(router);
    // To whom the quoted packet's sender seemed to be; from the translated one to the client.
    let (from, receiver, now_from, now_receiver) = match end {
        End::Destination => (router, before.address, to.address, before.address),
        End::Source => (router, before.address, router, to.address),
    };
    let quoted = quote(scene.before());
    let mut bytes = icmp(from, receiver, 33, [kind, code], rest, &quoted);
    let message = icmp::parse::<A>(&bytes, A::HEADER_LENGTH).expect("header");
    assert!(message.meaning == Meaning::Error(Cause::TooBig { mtu: 1400 }));
    let found = message.quote.expect("quote");
    assert_eq!(found.protocol, protocol);
    assert!([found.source, found.destination] == scene.before::<A>());
    assert!(translate_error(&mut bytes, &found, end, to, 1));
    // Of half a checksum nothing can be made; the message is sound nevertheless.
    let (first, last) = match protocol {
        Protocol::Tcp => (16, 18),
        Protocol::Udp => (6, 8),
        Protocol::Sctp => (8, 12),
    };
    if (first + 1..last).contains(&(8 + cut)) {
        let message = &bytes[A::HEADER_LENGTH..];
        assert!(icmp::is_sound(message, now_from, now_receiver));
        return;
    }
    let quoted = quote(scene.after());
    assert_eq!(
        bytes,
        icmp(now_from, now_receiver, 32, [kind, code], rest, &quoted)
    );
}

fn built<A: Build>(scene: Scene, data: &[u8], cause: Cause) {
    let [a, b] = scene.before::<A>();
    let offending = packet(scene.protocol, a, b, 1, data);
    let length = icmp_error::quoted_length::<A>(offending.len());
    let quoted = &offending[..length];
    let source = scene.endpoint::<A>(2).address;
    let prefix = icmp_error::build(source, cause, quoted).expect("allowed");
    let whole = [prefix.as_slice(), quoted].concat();
    assert!(whole.len() <= A::LONGEST_ERROR);
    assert!(length == offending.len() || whole.len() == A::LONGEST_ERROR);
    let (kind, code, rest) = A::error(cause);
    let mut expected = icmp(source, a.address, 64, [kind, code], rest, quoted);
    if A::HEADER_LENGTH == 20 {
        // Precedence, identification, don't fragment.
        expected[1] = 0xc0;
        expected[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
        expected[10..12].fill(0);
        let check = build::plain(&expected[..20]);
        expected[10..12].copy_from_slice(&check.to_be_bytes());
    } else {
        expected[..4].copy_from_slice(&[0x60, 0, 0, 0]);
    }
    assert_eq!(whole, expected);
    assert!(icmp::is_sound(
        &whole[A::HEADER_LENGTH..],
        source,
        a.address
    ));
    // The sender recognizes its packet.
    let message = icmp::parse::<A>(&whole, A::HEADER_LENGTH).expect("header");
    let found = message.quote.expect("quote");
    assert!([found.source, found.destination] == [a, b]);
    // No error about an error.
    let whole = &whole[..icmp_error::quoted_length::<A>(whole.len())];
    assert!(icmp_error::build(source, cause, whole).is_none());
}

fn echo<A: Build>(scene: Scene, data: &[u8], request: u8, reply: u8) {
    let [a, b] = scene.before::<A>();
    let mut bytes = icmp(a.address, b.address, 7, [request, 0], 0x1234_0001, data);
    let message = icmp::parse::<A>(&bytes, A::HEADER_LENGTH).expect("header");
    assert!(message.meaning == Meaning::EchoRequest);
    assert!(answer_echo::<A>(&mut bytes, A::HEADER_LENGTH, 64));
    let expected = icmp(b.address, a.address, 64, [reply, 0], 0x1234_0001, data);
    assert_eq!(bytes, expected);
    let message = icmp::parse::<A>(&bytes, A::HEADER_LENGTH).expect("header");
    assert!(message.meaning == Meaning::EchoReply);
    // An echo may be the subject of an error.
    assert!(icmp_error::build(a.address, Cause::NoHops, &bytes).is_some());
}

fn causes() -> impl Strategy<Value = Cause> {
    prop::sample::select(vec![
        Cause::NoRoute,
        Cause::NoHost,
        Cause::NoPort,
        Cause::Prohibited,
        Cause::TooBig { mtu: 1480 },
        Cause::NoHops,
        Cause::NoFragments,
    ])
}

proptest! {
    #[test]
    fn packets(scene in scenes(), data in prop::collection::vec(any::<u8>(), 0..300), hops in 1..=255_u8) {
        translated::<Ipv4Address>(scene, &data, hops);
        translated::<Ipv6Address>(scene, &data, hops);
        partial::<Ipv4Address>(scene, &data);
        partial::<Ipv6Address>(scene, &data);
    }

    #[test]
    fn errors(scene in scenes(), data in prop::collection::vec(any::<u8>(), 0..100), router: u128, cut in 0..100_usize) {
        error::<Ipv4Address>(scene, &data, router, cut);
        error::<Ipv6Address>(scene, &data, router, cut);
    }

    #[test]
    fn built_errors(scene in scenes(), data in prop::collection::vec(any::<u8>(), 0..1500), cause in causes()) {
        built::<Ipv4Address>(scene, &data, cause);
        built::<Ipv6Address>(scene, &data, cause);
    }

    #[test]
    fn echoes(scene in scenes(), data in prop::collection::vec(any::<u8>(), 0..100)) {
        echo::<Ipv4Address>(scene, &data, 8, 0);
        echo::<Ipv6Address>(scene, &data, 128, 129);
    }

    /// Whatever an error quotes is read and changed without harm.
    #[test]
    fn noise(mut quoted in prop::collection::vec(prop::sample::select(vec![0, 6, 0x45, 0x46, 0x60, 17, 44, 58, 132, 255]), 0..120)) {
        fn one<A: Build>(quoted: &[u8], kind: u8) {
            let address = A::random(7);
            let mut bytes = icmp(address, address, 9, [kind, 0], 0, quoted);
            let message = icmp::parse::<A>(&bytes, A::HEADER_LENGTH).expect("header");
            if let Some(quote) = message.quote {
                assert!(quote.transport + 4 <= bytes.len());
                let to = Endpoint::new(A::random(99), 5);
                assert!(translate_error(&mut bytes, &quote, End::Source, to, 1));
            }
            let _ = icmp_error::build(address, Cause::NoHost, quoted);
        }
        one::<Ipv4Address>(&quoted, 3);
        one::<Ipv6Address>(&quoted, 1);
        if let Some(first) = quoted.first_mut() {
            *first = 0x60;
            one::<Ipv6Address>(&quoted, 1);
            quoted[0] = 0x45;
            one::<Ipv4Address>(&quoted, 3);
        }
    }
}

fn v4(last: u8, port: u16) -> Endpoint {
    Endpoint::new(Ipv4Address::from_octets([10, 0, 0, last]), port)
}

fn v6(last: u128, port: u16) -> Endpoint<Ipv6Address> {
    Endpoint::new(Ipv6Address::from_bits(0x2001_0db8 << 96 | last), port)
}

/// UDP without a checksum keeps none, in itself and quoted.
#[test]
fn udp_without_checksum() {
    fn one<A: Build>(a: Endpoint<A>, b: Endpoint<A>, c: Endpoint<A>) {
        let make = |from: Endpoint<A>, to: Endpoint<A>, hops| {
            let mut payload = transport(Protocol::Udp, from, to, b"abc");
            payload[6..8].fill(0);
            A::packet(from.address, to.address, 17, hops, &payload)
        };
        let mut bytes = make(a, b, 5);
        let place = Transport {
            protocol: Protocol::Udp,
            offset: A::HEADER_LENGTH,
            length: 11,
        };
        let full = ChecksumState::Full;
        assert!(translate::<A>(
            &mut bytes,
            place,
            full,
            End::Destination,
            c,
            1
        ));
        assert_eq!(bytes, make(a, c, 4));
    }
    one(v4(1, 1), v4(2, 2), v4(3, 3));
    one(v6(1, 1), v6(2, 2), v6(3, 3));
}

/// Behind extension headers, outside and inside.
#[test]
fn extension_headers() {
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    let make = |to: Endpoint<Ipv6Address>| {
        let payload = transport(Protocol::Udp, v6(1, 1), to, b"data");
        let payload = [&options[..], &payload].concat();
        Ipv6Address::packet(v6(1, 1).address, to.address, 60, 9, &payload)
    };
    let quoted = make(v6(2, 2));
    let router = v6(77, 0).address;
    let mut bytes = icmp(router, v6(1, 1).address, 9, [2, 0], 1280, &quoted[..56]);
    let message = icmp::parse::<Ipv6Address>(&bytes, 40).expect("header");
    let quote = message.quote.expect("quote");
    assert_eq!((quote.ip, quote.transport, quote.length), (48, 96, 12));
    assert!(translate_error(
        &mut bytes,
        &quote,
        End::Destination,
        v6(3, 3),
        0
    ));
    let quoted = make(v6(3, 3));
    let expected = icmp(
        v6(3, 3).address,
        v6(1, 1).address,
        9,
        [2, 0],
        1280,
        &quoted[..56],
    );
    assert_eq!(bytes, expected);
}

/// What no error may be sent about, and what cannot be answered in place.
#[test]
fn no_errors() {
    let good = packet(Protocol::Udp, v4(1, 0x0500), v4(2, 2), 1, b"");
    let source = v4(9, 0).address;
    let allowed = |bytes: &[u8]| icmp_error::build(source, Cause::NoHops, bytes).is_some();
    assert!(allowed(&good));
    assert!(!allowed(&good[..19]));
    for (what, at, value) in [
        ("version", 0, 0x65),
        ("header length", 0, 0x44),
        ("later fragment", 7, 1),
        ("from a group", 12, 224),
        ("from nobody", 12, 0),
        ("to a group", 16, 239),
        ("of ICMP that is no echo", 9, 1),
    ] {
        let mut bytes = good.clone();
        bytes[at] = value;
        if what == "from nobody" {
            bytes[12..16].fill(0);
        }
        assert!(!allowed(&bytes), "{what}");
    }
    let mut options = icmp(v4(1, 0).address, v4(2, 0).address, 1, [8, 0], 0, b"1234");
    options[0] = 0x46;
    assert!(!answer_echo::<Ipv4Address>(&mut options, 24, 64));
    assert!(!answer_echo::<Ipv4Address>(&mut options[..27], 20, 64));
    // Redirects quote packets and are no errors.
    let redirect = icmp(v4(1, 0).address, v4(2, 0).address, 1, [5, 1], 0, &good);
    let message = icmp::parse::<Ipv4Address>(&redirect, 20).expect("header");
    assert!(message.meaning == Meaning::Other && message.quote.is_none());
}
