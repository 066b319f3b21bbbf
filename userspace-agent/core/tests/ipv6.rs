// SPDX-License-Identifier: GPL-2.0

//! IPv6 headers and chains of extension headers, and pieces of both families.

#![allow(missing_docs)]

use proptest::prelude::*;
use switchyard_core::core::fragment::{Fault, Fragment, Piece};
use switchyard_core::core::ipv4::{self, Ipv4};
use switchyard_core::core::ipv6::{Error, Ipv6, HEADER_LENGTH, LONGEST_CHAIN, ROUTING};
use switchyard_core::core::tuple::{Ipv6Address, Protocol};
use zerocopy::FromBytes as _;

const CLIENT: u128 = 0x2001_0db8 << 96 | 9;
const VIP: u128 = 0x2001_0db8 << 96 | 0x1_0001;

/// A packet whose chain begins with `next`; `rest` is all after the fixed header.
fn packet(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x6b, 0x81, 0x23, 0x45];
    bytes.extend((rest.len() as u16).to_be_bytes());
    bytes.extend([next, 64]);
    bytes.extend(CLIENT.to_be_bytes());
    bytes.extend(VIP.to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Ipv6, Error> {
    Ipv6::parse(bytes, bytes.len())
}

/// A packet that is longer than its header can say says 0, and ends where its bytes end; a jumbogram
/// does not become sound by that, nor does a length that lies.
#[test]
fn longer_than_the_header_can_say() {
    const LENGTH: usize = 200_000;
    let mut bytes = packet(6, &[7; 20]);
    bytes[4..6].fill(0);
    let ip = Ipv6::parse_big(&bytes, LENGTH).expect("sound");
    assert_eq!((ip.header_length, ip.total_length), (40, LENGTH));
    assert_eq!(
        Ipv6::parse(&bytes, LENGTH).map(|ip| ip.total_length),
        Ok(HEADER_LENGTH)
    );
    bytes[6] = 0;
    assert_eq!(
        Ipv6::parse_big(&bytes, LENGTH).err(),
        Some(Error::Malformed)
    );
    let short = packet(6, &[7; 20]);
    let ip = Ipv6::parse_big(&short, LENGTH).expect("sound");
    assert_eq!(ip.total_length, 60);
}

/// An options header of `8 * (more + 1)` bytes.
fn options(next: u8, more: u8) -> Vec<u8> {
    let mut header = vec![next, more, 1, 4];
    header.resize((usize::from(more) + 1) * 8, 0);
    header
}

fn fragment(next: u8, offset: u16, more: bool, id: u32) -> Vec<u8> {
    let mut header = vec![next, 0];
    header.extend((offset | u16::from(more)).to_be_bytes());
    header.extend(id.to_be_bytes());
    header
}

fn chain() -> Error {
    Error::Chain {
        source: Ipv6Address::from_bits(CLIENT),
        destination: Ipv6Address::from_bits(VIP),
    }
}

#[test]
fn without_extension_headers() {
    let bytes = packet(6, &[7; 30]);
    let ip = parse(&bytes).expect("sound");
    assert_eq!((ip.header_length, ip.total_length), (40, 70));
    assert_eq!((ip.protocol, ip.hop_limit), (6, 64));
    assert_eq!(ip.traffic_class, 0xb8);
    assert_eq!((ip.fragment, ip.piece), (Fragment::Whole, None));
    assert_eq!(ip.source.bits(), CLIENT);
    assert_eq!(ip.destination.bits(), VIP);
}

#[test]
fn lengths() {
    let bytes = packet(17, &[0; 8]);
    // Padding behind it is no part of it.
    assert_eq!(
        Ipv6::parse(&bytes, 60).map(|ip| ip.total_length),
        Ok(HEADER_LENGTH + 8)
    );
    assert_eq!(Ipv6::parse(&bytes, 47).err(), Some(Error::Malformed));
    assert_eq!(parse(&bytes[..39]).err(), Some(Error::Malformed));
    assert_eq!(parse(&[]).err(), Some(Error::Malformed));
    assert_eq!(
        Ipv6::parse(&bytes[..20], 48).err(),
        Some(Error::Missing(40))
    );
    assert_eq!(parse(&[0x45; 60]).err(), Some(Error::Version));
    assert_eq!(parse(&[0x45]).err(), Some(Error::Version));
    // No data at all is sound; a jumbogram is not.
    assert_eq!(parse(&packet(59, &[])).map(|ip| ip.protocol), Ok(59));
    let mut jumbo = packet(0, &[6, 0, 0xc2, 4, 0, 1, 0, 0]);
    jumbo[4..6].fill(0);
    assert_eq!(parse(&jumbo).err(), Some(Error::Malformed));
}

#[test]
fn all_extension_headers() {
    let mut rest = options(60, 1);
    rest.extend(options(43, 0));
    rest.extend([44, 2, 4, 0]); // routing, no segments left
    rest.resize(rest.len() + 20, 0);
    rest.extend(fragment(51, 0, false, 5));
    rest.extend([60, 4, 0, 0]); // authentication, 24 bytes
    rest.resize(rest.len() + 20, 0);
    rest.extend(options(132, 0));
    let length = rest.len();
    rest.extend([0; 16]);
    let bytes = packet(0, &rest);
    let ip = parse(&bytes).expect("sound");
    assert_eq!(ip.header_length, 40 + length);
    assert_eq!((ip.protocol, ip.fragment), (132, Fragment::Whole));
    let piece = ip.piece.expect("piece");
    assert_eq!((piece.identification, piece.before), (5, 48));
    // Byte by byte: what is missing is asked for, never more than there is.
    let mut have = 0;
    let mut asked = 0;
    while let Err(Error::Missing(wanted)) = Ipv6::parse(&bytes[..have], bytes.len()) {
        assert!(wanted > have && wanted <= bytes.len());
        have = wanted;
        asked += 1;
    }
    assert!(asked <= 9, "{asked}");
    let again = Ipv6::parse(&bytes[..have], bytes.len()).expect("sound");
    assert_eq!(again.header_length, ip.header_length);
}

#[test]
fn forbidden_chains() {
    // Hop-by-hop options behind others.
    let mut rest = options(0, 0);
    rest.extend(options(6, 0));
    rest.extend([0; 20]);
    assert_eq!(parse(&packet(60, &rest)).err(), Some(chain()));
    // Two fragment headers.
    let mut rest = fragment(44, 0, true, 1);
    rest.extend(fragment(6, 0, true, 2));
    rest.extend([0; 24]);
    assert_eq!(parse(&packet(44, &rest)).err(), Some(chain()));
    // Out of the packet, in the header and in its length.
    assert_eq!(parse(&packet(60, &[6, 0, 0, 0])).err(), Some(chain()));
    assert_eq!(parse(&packet(60, &options(6, 1)[..8])).err(), Some(chain()));
    assert_eq!(parse(&packet(44, &[6, 0, 0, 1])).err(), Some(chain()));
    // Many, and long.
    let many: Vec<u8> = (0..9).flat_map(|_| options(60, 0)).collect();
    assert_eq!(parse(&packet(60, &many)).err(), Some(chain()));
    let eight = [&many[..56], &options(17, 0)].concat();
    assert_eq!(parse(&packet(60, &eight)).map(|ip| ip.protocol), Ok(17));
    let long = options(6, ((LONGEST_CHAIN - HEADER_LENGTH) / 8) as u8);
    assert_eq!(parse(&packet(60, &long)).err(), Some(chain()));
    let less = options(6, ((LONGEST_CHAIN - HEADER_LENGTH) / 8 - 1) as u8);
    assert_eq!(parse(&packet(60, &less)).map(|ip| ip.protocol), Ok(6));
}

#[test]
fn routed_elsewhere() {
    let mut rest = vec![6, 2, 4, 1];
    rest.resize(44, 0);
    let ip = parse(&packet(43, &rest)).expect("sound");
    assert_eq!((ip.protocol, ip.header_length), (ROUTING, 40));
}

#[test]
fn fragments() {
    let mut rest = options(44, 0);
    rest.extend(fragment(6, 0, true, 0xdead_beef));
    rest.extend([0; 24]);
    let ip = parse(&packet(0, &rest)).expect("sound");
    assert_eq!((ip.fragment, ip.protocol), (Fragment::First, 6));
    assert_eq!(ip.header_length, 56);
    let expected = Piece {
        identification: 0xdead_beef,
        offset: 0,
        length: 24,
        before: 8,
        more: true,
    };
    assert_eq!(ip.piece, Some(expected));
    // Of a later one what follows is data, whatever it looks like.
    let mut rest = fragment(60, 24, false, 7);
    rest.extend([60; 13]);
    let ip = parse(&packet(44, &rest)).expect("sound");
    assert_eq!((ip.fragment, ip.protocol), (Fragment::Later, 60));
    assert_eq!(ip.header_length, 48);
    let piece = ip.piece.expect("piece");
    assert_eq!((piece.offset, piece.length, piece.more), (24, 13, false));
    // The chain of a first one has to be whole (RFC 7112).
    let mut rest = fragment(60, 0, true, 7);
    rest.extend(&options(6, 3)[..16]);
    assert_eq!(parse(&packet(44, &rest)).err(), Some(chain()));
}

#[test]
fn pieces_of_ipv4() {
    for (field, offset, more, kind) in [
        (0x4000, 0, false, Fragment::Whole),
        (0x2000, 0, true, Fragment::First),
        (0x2003, 24, true, Fragment::Later),
        (0x1fff, 65528, false, Fragment::Later),
    ] {
        let mut bytes = vec![0x46, 0, 0, 44, 0xab, 0xcd];
        bytes.extend(u16::to_be_bytes(field));
        bytes.extend([64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1]);
        bytes.extend([0; 20]);
        let (header, _) = ipv4::Header::ref_from_prefix(&bytes).expect("20 bytes");
        let piece = header.piece();
        let expected = Piece {
            identification: 0xabcd,
            offset,
            length: 20,
            before: 24,
            more,
        };
        assert_eq!((piece, piece.kind()), (expected, kind));
        let sum = switchyard_core::core::checksum::fold(switchyard_core::core::checksum::sum(
            &bytes[..24],
        ));
        bytes[10..12].copy_from_slice(&(!sum).to_be_bytes());
        let ip = Ipv4::parse(&bytes, bytes.len(), 24).expect("sound");
        assert_eq!(ip.fragment, kind);
    }
}

#[test]
fn faults_of_pieces() {
    let piece = |offset, length, more| Piece {
        identification: 1,
        offset,
        length,
        before: 20,
        more,
    };
    let tcp = Some(Protocol::Tcp);
    for (piece, protocol, expected) in [
        (piece(0, 24, true), tcp, Ok(())),
        (piece(0, 16, true), tcp, Err(Fault::Tiny)),
        (piece(0, 8, true), Some(Protocol::Udp), Ok(())),
        (piece(0, 8, true), Some(Protocol::Sctp), Err(Fault::Tiny)),
        (piece(0, 8, true), None, Ok(())),
        (piece(8, 8, true), tcp, Err(Fault::Overlap)),
        (piece(16, 8, false), tcp, Err(Fault::Overlap)),
        (piece(24, 8, false), tcp, Ok(())),
        (piece(8, 8, true), Some(Protocol::Udp), Ok(())),
        (piece(24, 7, true), tcp, Err(Fault::Length)),
        (piece(24, 7, false), tcp, Ok(())),
        (piece(24, 0, false), tcp, Err(Fault::Length)),
        (piece(65_512, 3, false), tcp, Ok(())),
        (piece(65_512, 4, false), tcp, Err(Fault::TooLong)),
    ] {
        assert_eq!(piece.check(protocol), expected, "{piece:?}");
    }
}

proptest! {
    /// Whatever comes, what is said of it lies within it.
    #[test]
    fn noise(first in 0x60..0x70_u8, next in prop::sample::select(vec![0, 6, 43, 44, 51, 59, 60]),
             mut rest in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 6, 43, 44, 51, 60, 255]), 0..200),
             known in 0..250_usize) {
        rest.truncate(200);
        let mut bytes = packet(next, &rest);
        bytes[0] = first;
        let have = known.min(bytes.len());
        match Ipv6::parse(&bytes[..have], bytes.len()) {
            Ok(ip) => {
                prop_assert!(ip.header_length <= ip.total_length);
                prop_assert!(ip.total_length <= bytes.len());
                prop_assert!(ip.header_length <= LONGEST_CHAIN);
                prop_assert_eq!(ip.piece.map_or(Fragment::Whole, |piece| piece.kind()), ip.fragment);
            }
            Err(Error::Missing(wanted)) => prop_assert!(wanted > have && wanted <= bytes.len()),
            Err(_) => {}
        }
    }
}
