// SPDX-License-Identifier: GPL-2.0

//! Tunnels' headers, and errors about tunnelled packets.

#![allow(missing_docs)]

mod build;

use build::{icmp, packet, plain, Build};
use proptest::prelude::*;
use switchyard_core::core::icmp::Cause;
use switchyard_core::core::icmp_error;
use switchyard_core::core::ipv4::Ipv4;
use switchyard_core::core::ipv6::Ipv6;
use switchyard_core::core::method::Encapsulation;
use switchyard_core::core::tunnel::{overhead, Inner, Tunnel, Tunnelled};
use switchyard_core::core::tuple::{Endpoint, Family, Ipv4Address, Ipv6Address, Protocol};

const GUE: Encapsulation = Encapsulation::Gue { port: 6080 };

fn v4(last: u8) -> Ipv4Address {
    Ipv4Address::from_octets([10, 0, 0, last])
}

fn v6(last: u128) -> Ipv6Address {
    Ipv6Address::from_bits(0x2001_0db8 << 96 | last)
}

fn tunnel(family: Family, encapsulation: Encapsulation) -> Tunnel {
    let (source, destination) = match family {
        Family::V4 => (v4(1).into(), v4(2).into()),
        Family::V6 => (v6(1).into(), v6(2).into()),
    };
    Tunnel {
        source,
        destination,
        encapsulation,
    }
}

fn inner(family: Family, data: usize) -> Vec<u8> {
    let data = vec![7; data];
    let udp = Protocol::Udp;
    match family {
        Family::V4 => packet(
            udp,
            Endpoint::new(v4(8), 5),
            Endpoint::new(v4(9), 53),
            3,
            &data,
        ),
        Family::V6 => packet(
            udp,
            Endpoint::new(v6(8), 5),
            Endpoint::new(v6(9), 53),
            3,
            &data,
        ),
    }
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The whole packet, after its headers were looked at with the ordinary parsers.
fn encapsulated(
    outside: Family,
    encapsulation: Encapsulation,
    inside: &[u8],
    flow: u32,
) -> Vec<u8> {
    let facts = Inner::read(inside).expect("sound");
    assert_eq!(facts.length, inside.len());
    let prefix = tunnel(outside, encapsulation)
        .headers(facts, flow, 0xbeef)
        .expect("fits");
    assert_eq!(prefix.as_slice().len(), overhead(outside, encapsulation));
    let whole = [prefix.as_slice(), inside].concat();
    let (protocol, at) = match outside {
        Family::V4 => {
            let ip = Ipv4::parse(&whole, whole.len(), 20).expect("sound");
            assert_eq!(ip.total_length, whole.len());
            assert_eq!((ip.source, ip.destination, ip.ttl), (v4(1), v4(2), 64));
            assert_eq!(whole[1], facts.traffic_class);
            (ip.protocol, 20)
        }
        Family::V6 => {
            let ip = Ipv6::parse(&whole, whole.len()).expect("sound");
            assert_eq!(ip.total_length, whole.len());
            assert_eq!(
                (ip.source, ip.destination, ip.hop_limit),
                (v6(1), v6(2), 64)
            );
            assert_eq!(ip.traffic_class, facts.traffic_class);
            assert_eq!(
                u32::from_be_bytes([0, whole[1], whole[2], whole[3]]) & 0xf_ffff,
                flow & 0xf_ffff
            );
            (ip.protocol, 40)
        }
    };
    match encapsulation {
        Encapsulation::Ip => assert_eq!(protocol, if facts.family == Family::V4 { 4 } else { 41 }),
        Encapsulation::Gue { port } => {
            assert_eq!(protocol, 17);
            let length = (inside.len() + 8) as u16;
            assert!(whole[at] >= 0xc0);
            assert_eq!(whole[at + 2..at + 4], port.to_be_bytes());
            assert_eq!(whole[at + 4..at + 6], length.to_be_bytes());
            assert_eq!(whole[at + 6..at + 8], [0, 0]);
        }
    }
    whole
}

#[test]
fn every_mixture() {
    for outside in FAMILIES {
        for inside in FAMILIES {
            for encapsulation in [Encapsulation::Ip, GUE] {
                for data in [0, 1, 1400] {
                    encapsulated(outside, encapsulation, &inner(inside, data), 0x1234_5678);
                }
            }
        }
    }
}

/// All of traffic class and ECN go outside (RFC 6040).
#[test]
fn congestion_notification() {
    for class in [0, 1, 2, 3, 0xb8, 0xbb, 0xff_u8] {
        let mut bytes = inner(Family::V4, 3);
        bytes[1] = class;
        bytes[10..12].fill(0);
        let check = plain(&bytes[..20]);
        bytes[10..12].copy_from_slice(&check.to_be_bytes());
        encapsulated(Family::V4, Encapsulation::Ip, &bytes, 0);
        encapsulated(Family::V6, GUE, &bytes, 0);
        let mut bytes = inner(Family::V6, 3);
        bytes[0] = 0x60 | class >> 4;
        bytes[1] = class << 4;
        encapsulated(Family::V4, Encapsulation::Ip, &bytes, 0);
        encapsulated(Family::V6, GUE, &bytes, 0);
    }
}

#[test]
fn dont_fragment() {
    let field = |bytes: &[u8]| {
        let whole = encapsulated(Family::V4, Encapsulation::Ip, bytes, 1);
        (whole[4..6] == [0xbe, 0xef], whole[6..8] == [0x40, 0])
    };
    let mut ipv4 = inner(Family::V4, 100);
    assert_eq!(field(&ipv4), (true, false));
    ipv4[6] = 0x40;
    assert_eq!(field(&ipv4), (false, true));
    assert_eq!(field(&inner(Family::V6, 1280 - 48)), (true, false));
    assert_eq!(field(&inner(Family::V6, 1281 - 48)), (false, true));
}

#[test]
fn what_does_not_fit() {
    let facts = |length| Inner {
        family: Family::V4,
        length,
        traffic_class: 0,
        dont_fragment: false,
    };
    let v4_tunnel = tunnel(Family::V4, Encapsulation::Ip);
    assert!(v4_tunnel.headers(facts(65_515), 0, 0).is_some());
    assert!(v4_tunnel.headers(facts(65_516), 0, 0).is_none());
    let v6_tunnel = tunnel(Family::V6, GUE);
    assert!(v6_tunnel.headers(facts(65_527), 0, 0).is_some());
    assert!(v6_tunnel.headers(facts(65_528), 0, 0).is_none());
    assert!(v6_tunnel.headers(facts(usize::MAX), 0, 0).is_none());
    let mixed = Tunnel {
        source: v4(1).into(),
        ..v6_tunnel
    };
    assert!(mixed.headers(facts(100), 0, 0).is_none());
    assert!(Inner::read(&[0x50; 40]).is_none());
    assert!(Inner::read(&[]).is_none());
}

/// Flows leave from many ports.
#[test]
fn flows_spread() {
    let port = |flow| {
        let whole = encapsulated(Family::V4, GUE, &inner(Family::V4, 0), flow);
        u16::from_be_bytes([whole[20], whole[21]])
    };
    let ports: std::collections::HashSet<u16> = (0..1000_u32)
        .map(|n| port(n.wrapping_mul(0x9e37_79b9)))
        .collect();
    assert!(ports.len() > 900, "{}", ports.len());
    assert_eq!(port(77), port(77));
}

/// An error about a tunnelled packet, and what the client gets of it.
fn relayed<O: Build, I: Build>(encapsulation: Encapsulation, router: O, client: I, service: I) {
    let udp = Protocol::Udp;
    let inside = packet(
        udp,
        Endpoint::new(client, 5),
        Endpoint::new(service, 53),
        3,
        &[1; 600],
    );
    let whole = encapsulated(O::FAMILY, encapsulation, &inside, 9);
    let (kind, code, rest) = O::error(Cause::TooBig { mtu: 1400 });
    let begin = O::HEADER_LENGTH + 8;
    // As much as routers have to quote, and the least that is useful.
    for cut in [
        whole.len().min(O::LONGEST_ERROR - begin),
        begin + I::HEADER_LENGTH + 8,
    ] {
        let error = icmp(router, router, 9, [kind, code], rest, &whole[..cut]);
        let quoted = &error[begin..];
        let found = Tunnelled::read(quoted, |port| port == 6080).expect("tunnelled");
        assert_eq!(found.tunnel, tunnel(O::FAMILY, encapsulation));
        let over = overhead(O::FAMILY, encapsulation);
        assert_eq!(found.inner, over);
        let cause = found.cause(Cause::TooBig { mtu: 1400 }, whole.len());
        assert_eq!(
            cause,
            Cause::TooBig {
                mtu: 1400 - over as u32
            }
        );
        let inner = &quoted[found.inner..];
        let inner = &inner[..icmp_error::quoted_length::<I>(inner.len())];
        let prefix = icmp_error::build(service, cause, inner).expect("allowed");
        let relayed = [prefix.as_slice(), inner].concat();
        assert!(relayed.ends_with(&inside[..inner.len()]));
        assert!(relayed.len() <= I::LONGEST_ERROR);
    }
    // With 8 bytes behind the outer header the inner sender is unknown, but not the tunnel.
    let quoted = &whole[..O::HEADER_LENGTH + 8];
    let found = Tunnelled::read(quoted, |port| port == 6080).expect("tunnelled");
    let inner = &quoted[found.inner..];
    assert!(icmp_error::build(service, Cause::NoHost, inner).is_none());
}

#[test]
fn errors_are_relayed() {
    for encapsulation in [Encapsulation::Ip, GUE] {
        relayed(encapsulation, v4(77), v4(8), v4(9));
        relayed(encapsulation, v4(77), v6(8), v6(9));
        relayed(encapsulation, v6(77), v4(8), v4(9));
        relayed(encapsulation, v6(77), v6(8), v6(9));
    }
}

#[test]
fn causes() {
    let found = Tunnelled {
        tunnel: tunnel(Family::V4, Encapsulation::Ip),
        inner: 20,
    };
    let too_big = |mtu| Cause::TooBig { mtu };
    for (cause, length, expected) in [
        (too_big(1400), 1500, too_big(1380)),
        // Of a router that does not tell: the next plateau.
        (too_big(0), 1500, too_big(1472)),
        (too_big(0), 1492, too_big(986)),
        (too_big(0), 60, too_big(48)),
        (too_big(10), 1500, too_big(0)),
        (Cause::NoPort, 100, Cause::NoHost),
        (Cause::NoHops, 100, Cause::NoHost),
        (Cause::NoRoute, 100, Cause::NoHost),
        (Cause::Prohibited, 100, Cause::Prohibited),
    ] {
        assert_eq!(found.cause(cause, length), expected);
    }
}

#[test]
fn not_tunnelled() {
    let gue = |port| port == 6080;
    // Ordinary UDP, TCP, a later fragment, options, noise, too short.
    assert!(Tunnelled::read(&inner(Family::V4, 20), gue).is_none());
    assert!(Tunnelled::read(&inner(Family::V6, 20), gue).is_none());
    let whole = encapsulated(Family::V4, Encapsulation::Ip, &inner(Family::V4, 20), 0);
    for (at, value) in [(0, 0x46), (0, 0x55), (7, 1), (9, 6)] {
        let mut bytes = whole.clone();
        bytes[at] = value;
        assert!(Tunnelled::read(&bytes, gue).is_none(), "{at}");
    }
    assert!(Tunnelled::read(&whole[..19], gue).is_none());
    assert!(Tunnelled::read(&[], gue).is_none());
}

proptest! {
    /// Whatever is quoted is read without harm.
    #[test]
    fn quotes_of_noise(bytes in prop::collection::vec(prop::sample::select(vec![0, 4, 0x45, 17, 41, 0x60, 0x17, 0xc0]), 0..90)) {
        if let Some(found) = Tunnelled::read(&bytes, |_| true) {
            prop_assert!(found.inner <= bytes.len());
        }
        let _ = Inner::read(&bytes);
    }
}
