// SPDX-License-Identifier: GPL-2.0

//! Packets that a fuzzer makes up: from its bytes come packets that are nearly sound, so that they
//! get far, and what the switch makes of them is held against what must always be so.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its part

use arbitrary::{Result, Unstructured};
use switchyard_core::core::crc32c::crc32c;
use switchyard_core::core::fragment::Fragment;
use switchyard_core::core::icmp::{self, Messages as _};
use switchyard_core::core::ipv4::{self, Ipv4};
use switchyard_core::core::ipv6::Ipv6;
use switchyard_core::core::packet::ChecksumState;
use switchyard_core::core::tunnel::Tunnelled;
use switchyard_core::core::tuple::{Endpoint, Ipv4Address, Ipv6Address, Protocol};

use super::build::{self, plain, Build};
use super::harness::{Config, Outcome, Side, Switch};

/// Services of every kind, on ports that the packets below are likely to be for.
const SERVICES: &str = "\
service tcp 10.9.9.9 32 80 80
destination 10.2.1.99 8080 nat ip 1
service udp 10.9.9.9 32 80 80
destination 10.2.1.99 8080 nat ip 1
destination 10.2.1.98 0 nat ip 2
service sctp 10.9.9.9 32 80 80
destination 10.2.1.99 8080 nat ip 1
service udp 10.9.9.9 32 81 81 one-packet
destination 10.2.1.99 8080 nat ip 1
service tcp 10.9.9.9 32 82 83
destination 10.2.1.99 0 direct ip 1
service udp 10.9.9.9 32 82 83
destination 10.2.1.99 0 tunnel gue:6080 1
service tcp 10.9.9.9 32 84 84
destination 2001:db8:2::99 0 tunnel ip 1
service tcp 10.9.9.9 32 85 85
service tcp 2001:db8:9::9 128 80 80
destination 2001:db8:2::99 8080 nat ip 1
service udp 2001:db8:9::9 128 80 80
destination 2001:db8:2::99 8080 nat ip 1
destination 2001:db8:2::98 0 nat ip 2
service sctp 2001:db8:9::9 128 80 80
destination 2001:db8:2::99 8080 nat ip 1
service udp 2001:db8:9::9 128 81 81 one-packet
destination 2001:db8:2::99 8080 nat ip 1
service tcp 2001:db8:9::9 128 82 83
destination 2001:db8:2::99 0 direct ip 1
service udp 2001:db8:9::9 128 82 83
destination 2001:db8:2::99 0 tunnel gue:6080 1
service tcp 2001:db8:9::9 128 84 84
destination 10.2.1.99 0 tunnel ip 1
service tcp 2001:db8:9::9 128 85 85";

const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// A family of which addresses are known.
trait People: Build {
    /// Client, service, two destinations, the switch and a stranger.
    fn people() -> [Self; 6];
}

impl People for Ipv4Address {
    fn people() -> [Self; 6] {
        [
            [10, 0, 1, 99],
            [10, 9, 9, 9],
            [10, 2, 1, 99],
            [10, 2, 1, 98],
            [10, 2, 1, 1],
            [10, 7, 7, 7],
        ]
        .map(Self::from_octets)
    }
}

impl People for Ipv6Address {
    fn people() -> [Self; 6] {
        let at = |net: u128, host: u128| Self::from_bits(0x2001_0db8 << 96 | net << 80 | host);
        [
            at(1, 0x99),
            at(9, 9),
            at(2, 0x99),
            at(2, 0x98),
            at(2, 1),
            at(0x77, 1),
        ]
    }
}

/// Plays what the bytes stand for: some packets, one after the other.
///
/// # Panics
///
/// If something is not as it must be.
pub fn play(data: &[u8]) {
    let mut u = Unstructured::new(data);
    raw(data);
    let mut config = Config::default();
    assert!(SERVICES.lines().all(|line| config.line(line)));
    let mut switch = Switch::of_size(config, 32, 64);
    // Bytes that run out end it.
    let _ = history(&mut u, &mut switch);
}

fn history(u: &mut Unstructured<'_>, switch: &mut Switch) -> Result<()> {
    if u.ratio(1, 8)? {
        switch.half_open_limit = 0;
    }
    for _ in 0..24 {
        if u.is_empty() {
            break;
        }
        if u.arbitrary()? {
            one::<Ipv4Address>(u, switch)?;
        } else {
            one::<Ipv6Address>(u, switch)?;
        }
    }
    Ok(())
}

/// One packet.
fn one<A: People>(u: &mut Unstructured<'_>, switch: &mut Switch) -> Result<()> {
    switch.now = switch.now.wrapping_add(u.int_in_range(0..=2000)?);
    let (from, mut bytes) = sound::<A>(u)?;
    let state = if u.ratio(1, 6)? {
        ChecksumState::Partial
    } else {
        ChecksumState::Full
    };
    // A few faults, and the header's checksum right nevertheless, most of the time.
    for _ in 0..u.int_in_range(0..=2_u8)? {
        if u.arbitrary()? {
            let at = u.choose_index(bytes.len().min(120))?;
            bytes[at] = u.arbitrary()?;
        }
    }
    if A::HEADER_LENGTH == 20 && u.ratio(7, 8)? {
        sum_header(&mut bytes);
    }
    if u.ratio(1, 10)? {
        bytes.truncate(u.int_in_range(1..=bytes.len())?);
    }
    if u.ratio(1, 6)? {
        bytes.resize(bytes.len() + u.int_in_range(0..=40_usize)?, 0xa5);
    }
    let outcome = switch.receive(from, &bytes, state);
    check(&bytes, state, &outcome);
    Ok(())
}

/// A sound packet, and where it comes from.
fn sound<A: People>(u: &mut Unstructured<'_>) -> Result<(Side, Vec<u8>)> {
    let [client, service, one, two, own, stranger] = A::people();
    let port = 40_000 + u.int_in_range(0..=2_u16)?;
    let there = *u.choose(&[80, 80, 80, 81, 82, 83, 84, 85, 99_u16])?;
    let behind = *u.choose(&[8080, 8080, 8080, 80, 82, 99_u16])?;
    let server = *u.choose(&[one, one, two])?;
    let hops = *u.choose(&[64, 64, 64, 64, 255, 2, 1, 0])?;
    let protocol = *u.choose(&PROTOCOLS)?;
    let c = Endpoint::new(client, port);
    let (from, source, destination) = match u.int_in_range(0..=9_u8)? {
        0..=4 => (Side::Client, c, Endpoint::new(service, there)),
        5..=7 => (Side::Server, Endpoint::new(server, behind), c),
        8 => (Side::Client, c, Endpoint::new(stranger, there)),
        _ => (Side::Server, Endpoint::new(service, there), c),
    };
    let length = *u.choose(&[0, 1, 8, 9, 200, 1400, 1460, 1480_usize])?;
    let mut data = vec![0; length];
    u.fill_buffer(&mut data[..length.min(8)])?;
    let transport = |u: &mut Unstructured<'_>, source, destination| -> Result<Vec<u8>> {
        let mut bytes = build::transport::<A>(protocol, source, destination, &data);
        match protocol {
            Protocol::Tcp => bytes[13] = *u.choose(&[2, 0x10, 0x18, 0x12, 0x11, 4, 0x14, 0])?,
            Protocol::Sctp => bytes[12] = *u.choose(&[1, 2, 0, 3, 6, 7, 8, 10, 11, 14])?,
            Protocol::Udp if u.ratio(1, 8)? => bytes[6..8].fill(0),
            Protocol::Udp => return Ok(bytes),
        }
        seal::<A>(&mut bytes, protocol, source, destination);
        Ok(bytes)
    };
    let number = protocol.number();
    match u.int_in_range(0..=11_u8)? {
        // An error about a packet that went the other way.
        0..=2 => {
            let quoted = transport(u, destination, source)?;
            let mut quoted = A::packet(destination.address, source.address, number, hops, &quoted);
            quoted.truncate(A::HEADER_LENGTH + *u.choose(&[0, 3, 4, 8, 12, 17, 20, 60, 500])?);
            let router = *u.choose(&[source.address, stranger])?;
            let kind: &[[u8; 2]] = match A::HEADER_LENGTH {
                20 => &[[3, 1], [3, 4], [11, 0], [12, 0], [5, 0]],
                _ => &[[1, 0], [2, 0], [3, 0], [4, 1], [137, 0]],
            };
            let kind = *u.choose(kind)?;
            let mtu = *u.choose(&[0, 68, 1280, 1400])?;
            let receiver = destination.address;
            Ok((
                from,
                build::icmp(router, receiver, hops, kind, mtu, &quoted),
            ))
        }
        3 => {
            let kind = if A::HEADER_LENGTH == 20 { 8 } else { 128 };
            let packet = build::icmp(client, destination.address, hops, [kind, 0], 7, &data);
            Ok((from, packet))
        }
        // An error from within a tunnel.
        4 => {
            let inner = build::packet(protocol, c, Endpoint::new(service, there), 63, &data);
            let inside = if A::HEADER_LENGTH == 20 { 4 } else { 41 };
            let gue = [&[0xc0, 7, 0x17, 0xc0, 0, 0, 0, 0], &inner[..]].concat();
            let mut outer = if u.arbitrary()? {
                A::packet(own, one, inside, 60, &inner)
            } else {
                A::packet(own, one, 17, 60, &gue)
            };
            outer.truncate(*u.choose(&[28, 56, 76, 96, 500])?);
            let kind = if A::HEADER_LENGTH == 20 {
                [3, 4]
            } else {
                [2, 0]
            };
            Ok((
                Side::Server,
                build::icmp(stranger, own, hops, kind, 1400, &outer),
            ))
        }
        // A part of one.
        5..=7 => {
            let payload = transport(u, source, destination)?;
            let eights = payload.len() / 8;
            let begin = u.int_in_range(0..=eights.min(4))? * 8;
            let end = (begin + u.int_in_range(1..=8_usize)? * 8).min(payload.len());
            let more = end < payload.len();
            let part = &payload[begin..end];
            let identification = u.int_in_range(0..=3_u8)?;
            let (a, b) = (source.address, destination.address);
            let field = (begin as u16 / 8).to_be_bytes();
            let packet = if A::HEADER_LENGTH == 20 {
                let mut packet = A::packet(a, b, number, hops, part);
                packet[4..6].copy_from_slice(&[0, identification]);
                packet[6] = field[0] | if more { 0x20 } else { 0 };
                packet[7] = field[1];
                packet
            } else {
                let offset = (begin as u16 | u16::from(more)).to_be_bytes();
                let header = [number, 0, offset[0], offset[1], 0, 0, 0, identification];
                A::packet(a, b, 44, hops, &[&header[..], part].concat())
            };
            Ok((from, packet))
        }
        // Behind extension headers.
        8 if A::HEADER_LENGTH == 40 => {
            let mut payload = transport(u, source, destination)?;
            let mut next = number;
            for _ in 0..u.int_in_range(1..=3_u8)? {
                let kind = *u.choose(&[60, 0, 43, 44, 51_u8])?;
                let header = match kind {
                    44 => vec![next, 0, 0, 0, 1, 2, 3, 4],
                    51 => vec![next, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9],
                    _ => vec![next, 0, 1, 0, 0, 0, 0, 0],
                };
                payload = [&header[..], &payload].concat();
                next = kind;
            }
            let (a, b) = (source.address, destination.address);
            Ok((from, A::packet(a, b, next, hops, &payload)))
        }
        _ => {
            let payload = transport(u, source, destination)?;
            let (a, b) = (source.address, destination.address);
            Ok((from, A::packet(a, b, number, hops, &payload)))
        }
    }
}

/// Puts a transport checksum right.
fn seal<A: Build>(
    bytes: &mut [u8],
    protocol: Protocol,
    source: Endpoint<A>,
    destination: Endpoint<A>,
) {
    match protocol {
        Protocol::Tcp => {
            bytes[16..18].fill(0);
            let pseudo = A::pseudo(source.address, destination.address, 6, bytes.len());
            let check = plain(&[&pseudo[..], bytes].concat());
            bytes[16..18].copy_from_slice(&check.to_be_bytes());
        }
        Protocol::Sctp => {
            bytes[8..12].fill(0);
            let crc = crc32c(bytes);
            bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        }
        Protocol::Udp => {}
    }
}

/// Puts an IPv4 header's checksum right, if there is such a header.
fn sum_header(bytes: &mut [u8]) {
    let length = usize::from(bytes[0] & 15) * 4;
    if bytes[0] >> 4 != 4 || length < 20 || length > bytes.len() {
        return;
    }
    bytes[10..12].fill(0);
    let check = plain(&bytes[..length]);
    bytes[10..12].copy_from_slice(&check.to_be_bytes());
}

/// What is known of a packet by the slow way.
struct Facts {
    protocol: u8,
    hops: u8,
    whole: bool,
    /// Whether the transport checksum is right; that of UDP may be missing.
    right: bool,
}

/// Reads a packet; `None` if it is not sound.
fn facts(bytes: &[u8]) -> Option<Facts> {
    let (protocol, hops, whole, transport, pseudo) = match bytes.first()? >> 4 {
        4 => {
            let length = ipv4::announced_length(bytes[0]);
            let ip = Ipv4::parse(bytes, bytes.len(), length).ok()?;
            let transport = &bytes[ip.header_length..ip.total_length];
            let pseudo =
                Ipv4Address::pseudo(ip.source, ip.destination, ip.protocol, transport.len());
            (
                ip.protocol,
                ip.ttl,
                ip.fragment == Fragment::Whole,
                transport,
                pseudo,
            )
        }
        6 => {
            let ip = Ipv6::parse(bytes, bytes.len()).ok()?;
            let transport = &bytes[ip.header_length..ip.total_length];
            let pseudo =
                Ipv6Address::pseudo(ip.source, ip.destination, ip.protocol, transport.len());
            (
                ip.protocol,
                ip.hop_limit,
                ip.fragment == Fragment::Whole,
                transport,
                pseudo,
            )
        }
        _ => return None,
    };
    let sums = |bytes: &[u8]| plain(&[&pseudo[..], bytes].concat()) == 0;
    let right = match (protocol, transport) {
        (6, [_, _, ..]) => sums(transport),
        (17, [_, _, _, _, high, low, check @ ..]) => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            check.starts_with(&[0, 0]) || length == transport.len() && sums(transport)
        }
        (132, [_, _, _, _, _, _, _, _, a, b, c, d, ..]) => {
            let mut zeroed = transport.to_vec();
            zeroed[8..12].fill(0);
            crc32c(&zeroed).to_le_bytes() == [*a, *b, *c, *d]
        }
        (58, _) => sums(transport),
        (1, _) => plain(transport) == 0,
        _ => true,
    };
    Some(Facts {
        protocol,
        hops,
        whole,
        right,
    })
}

/// What must be so, whatever came.
fn check(bytes: &[u8], state: ChecksumState, outcome: &Outcome) {
    let ends = [
        !outcome.out.is_empty(),
        outcome.drop.is_some(),
        outcome.pass,
    ];
    assert!(ends.contains(&true) || outcome.held, "no end");
    assert!(!(outcome.pass && (outcome.drop.is_some() || !outcome.out.is_empty())));
    let before = facts(bytes);
    for (_, out) in &outcome.out {
        let now = facts(out).expect("what leaves is sound");
        let length = match out[0] >> 4 {
            4 => usize::from(u16::from_be_bytes([out[2], out[3]])),
            _ => usize::from(u16::from_be_bytes([out[4], out[5]])) + 40,
        };
        assert_eq!(length, out.len(), "padding left");
        let Some(before) = &before else {
            continue;
        };
        // What waited for a first fragment came out with it, of which some may have been dropped:
        // neither the end of this packet nor its facts.
        if outcome.released {
            continue;
        }
        // Sent on: of a message of ours, which ends the packet or answers it, all is right.
        let is_ours = outcome.drop.is_some() || now.protocol != before.protocol;
        if is_ours || before.protocol == 1 || before.protocol == 58 {
            assert!(
                now.right || now.protocol == 4 || now.protocol == 41,
                "a wrong checksum"
            );
            continue;
        }
        let [_, _, _, _, own4, _] = Ipv4Address::people().map(Build::bytes);
        let [_, _, _, _, own6, _] = Ipv6Address::people().map(Build::bytes);
        let tunnelled = out[12..].starts_with(&own4) || out[8..].starts_with(&own6);
        if state == ChecksumState::Full && before.whole && !tunnelled {
            assert!(now.right || !before.right, "a right checksum is wrong now");
            // Of UDP, wrong by all ones is right.
            assert!(
                before.right || !now.right || now.protocol == 17,
                "a wrong one is right now"
            );
        }
        // A tunnel's hops begin anew.
        if !tunnelled {
            assert!(before.hops > 1);
            assert_eq!(now.hops, before.hops - 1, "hops");
        }
    }
}

/// What reads bytes that nobody has looked at before.
fn raw(data: &[u8]) {
    let _ = Ipv6::parse(data, data.len());
    let _ = Ipv6::parse(data, data.len().saturating_add(1000));
    for offset in [0, 20, 40] {
        let _ = icmp::parse::<Ipv4Address>(data, offset);
        let _ = icmp::parse::<Ipv6Address>(data, offset);
    }
    let _ = Ipv4Address::quote(data);
    let _ = Ipv6Address::quote(data);
    let _ = Tunnelled::read(data, |port| port % 2 == 0);
}
