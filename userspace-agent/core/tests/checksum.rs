// SPDX-License-Identifier: GPL-2.0

//! Incremental checksums against full ones.

#![allow(missing_docs)]

use proptest::prelude::*;
use switchyard_core::core::checksum::{fold, pseudo_header, sum, update_transport, Difference};
use switchyard_core::core::ipv4::{self, Ipv4};
use switchyard_core::core::network::End;
use switchyard_core::core::packet::{ChecksumState, Packet, SlicePacket};
use switchyard_core::core::rewrite::{translate, Transport};
use switchyard_core::core::tuple::{Direction, Endpoint, Ipv4Address};
use switchyard_core::filter::segment::{Kind, Reading};
use switchyard_core::filter::Version as _;

/// The checksum as RFC 1071 words it, one word at a time.
fn plain(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += (u32::from(pair[0]) << 8) | pair.get(1).map_or(0, |low| u32::from(*low));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !(sum as u16)
}

/// A packet's IP header, if it is sound.
fn ip(bytes: &[u8]) -> Result<Ipv4, ipv4::Error> {
    Ipv4::parse(bytes, bytes.len(), ipv4::announced_length(bytes[0]))
}

/// A packet of an endpoint to another, with sound checksums.
fn packet(
    udp: bool,
    from: Endpoint,
    to: Endpoint,
    ttl: u8,
    options: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let header = 20 + options.len();
    let transport = if udp { 8 } else { 20 };
    let length = (transport + data.len()) as u16;
    let mut bytes = vec![0x40 | (header / 4) as u8, 0];
    bytes.extend((header as u16 + length).to_be_bytes());
    bytes.extend([0x12, 0x34, 0, 0, ttl, if udp { 17 } else { 6 }, 0, 0]);
    bytes.extend(from.address.octets());
    bytes.extend(to.address.octets());
    bytes.extend(options);
    let check = plain(&bytes);
    bytes[10..12].copy_from_slice(&check.to_be_bytes());
    bytes.extend(from.port.to_be_bytes());
    bytes.extend(to.port.to_be_bytes());
    if udp {
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0]);
    } else {
        bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    }
    bytes.extend(data);
    let mut covered = pseudo(&bytes);
    covered.extend(&bytes[header..]);
    let check = match plain(&covered) {
        0 if udp => 0xffff,
        check => check,
    };
    let at = header + if udp { 6 } else { 16 };
    bytes[at..at + 2].copy_from_slice(&check.to_be_bytes());
    bytes
}

/// The pseudo-header of a packet.
fn pseudo(bytes: &[u8]) -> Vec<u8> {
    let header = usize::from(bytes[0] & 15) * 4;
    let length = u16::from_be_bytes([bytes[2], bytes[3]]) - header as u16;
    let mut pseudo = bytes[12..20].to_vec();
    pseudo.extend([0, bytes[9]]);
    pseudo.extend(length.to_be_bytes());
    pseudo
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    // Many ones and zeros, where one's complement has its two zeros.
    let word = prop_oneof![
        Just(0_u32),
        Just(u32::MAX),
        Just(0xffff),
        Just(0xffff_0000),
        any::<u32>()
    ];
    let port = prop_oneof![Just(0_u16), Just(u16::MAX), any::<u16>()];
    (word, port).prop_map(|(bits, port)| Endpoint::new(Ipv4Address::from_bits(bits), port))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sum_is_rfc_1071(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(!fold(sum(&bytes)), plain(&bytes));
    }

    #[test]
    fn fold_is_a_remainder(value in any::<u64>()) {
        prop_assert_eq!(u64::from(fold(value)) % 0xffff, value % 0xffff);
        prop_assert_eq!(fold(value) == 0, value == 0);
    }

    #[test]
    fn pseudo_header_is_its_bytes(from in any::<u32>(), to in any::<u32>(), proto in any::<u8>(), length in any::<u16>()) {
        let mut bytes = from.to_be_bytes().to_vec();
        bytes.extend(to.to_be_bytes());
        bytes.extend([0, proto]);
        bytes.extend(length.to_be_bytes());
        prop_assert_eq!(!fold(pseudo_header(from, to, proto, length)), plain(&bytes));
    }

    #[test]
    fn changes_add_up(mut bytes in prop::collection::vec(any::<u8>(), 8..60), new in any::<[u8; 6]>()) {
        bytes.truncate(bytes.len() & !1);
        prop_assume!(bytes.iter().any(|byte| *byte != 0));
        let before = plain(&bytes);
        let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let double = |bytes: &[u8], at: usize| (u32::from(word(bytes, at)) << 16) | u32::from(word(bytes, at + 2));
        let difference = Difference::NONE
            .double_word(double(&bytes, 2), double(&new, 0))
            .word(word(&bytes, 6), word(&new, 4));
        bytes[2..8].copy_from_slice(&new);
        prop_assume!(bytes.iter().any(|byte| *byte != 0));
        prop_assert_eq!(difference.apply(before), plain(&bytes));
    }

    /// What is rewritten equals what is built anew, byte for byte, and forth and back is no change.
    #[test]
    fn translation_is_a_new_packet(
        udp in any::<bool>(), from in endpoints(), to in endpoints(), other in endpoints(),
        ttl in 1_u8.., options in 0_usize..=10, reply in any::<bool>(), partial in any::<bool>(),
        data in prop::collection::vec(prop_oneof![Just(0_u8), Just(0xff_u8), any::<u8>()], 0..40),
    ) {
        let options = vec![1; options * 4];
        let mut bytes = packet(udp, from, to, ttl, &options, &data);
        let mut expected = match reply {
            false => packet(udp, from, other, ttl - 1, &options, &data),
            true => packet(udp, other, to, ttl - 1, &options, &data),
        };
        if partial {
            for bytes in [&mut bytes, &mut expected] {
                let at = 20 + options.len() + if udp { 6 } else { 16 };
                let sum = !plain(&pseudo(bytes));
                bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
            }
        }
        let state = if partial { ChecksumState::Partial } else { ChecksumState::Full };
        let mut packet = SlicePacket::new(&mut bytes, state);
        let Reading { kind, segment, .. } = Ipv4Address::read(&mut packet);
        prop_assert_eq!(kind, Kind::Whole);
        prop_assert_eq!((segment.source, segment.destination), (from, to));
        let direction = if reply { Direction::Reply } else { Direction::Forward };
        let transport = Transport {
            protocol: segment.protocol,
            offset: segment.offset,
            length: segment.length - segment.offset,
        };
        let head = packet.head(segment.head_length()).expect("whole");
        prop_assert!(translate(head, transport, state, End::of(direction), other, 1));
        prop_assert_eq!(packet.as_slice(), expected.as_slice());
        prop_assert!(ip(packet.as_slice()).is_ok());
    }

    /// One flipped bit in the IP header is found out, or changes the version.
    #[test]
    fn header_checksum_is_checked(bit in 0_usize..160, from in endpoints(), to in endpoints()) {
        let mut bytes = packet(true, from, to, 9, &[], b"");
        prop_assert!(ip(&bytes).is_ok());
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(ip(&bytes).is_err());
    }
}

#[test]
fn rfc_1624_example() {
    // Section 4: HC = 0xdd2f, m = 0x5555, m' = 0x3285; the sum without HC is 0x22d0.
    assert_eq!(Difference::NONE.word(0x5555, 0x3285).apply(0xdd2f), 0x0000);
}

#[test]
fn partial_leaves_ports_out() {
    let none = Difference::NONE;
    assert_eq!(update_transport(7, ChecksumState::Partial, none, 1, 2), 7);
    assert_eq!(update_transport(7, ChecksumState::Full, none, 1, 2), 6);
}
