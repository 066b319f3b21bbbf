// SPDX-License-Identifier: GPL-2.0

//! Packets made from nothing, with checksums computed the slow way.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its part

use switchyard_core::core::crc32c::crc32c;
use switchyard_core::core::icmp_error::Errors;
use switchyard_core::core::tuple::{Endpoint, Ipv4Address, Ipv6Address, Protocol};

/// The checksum as RFC 1071 words it, one word at a time.
pub fn plain(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += (u32::from(pair[0]) << 8) | pair.get(1).map_or(0, |low| u32::from(*low));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !(sum as u16)
}

/// A family of which packets can be made.
pub trait Build: Errors {
    fn random(bits: u128) -> Self;
    fn bytes(self) -> Vec<u8>;
    /// A packet with this payload.
    fn packet(source: Self, destination: Self, protocol: u8, hops: u8, payload: &[u8]) -> Vec<u8>;
    /// The pseudo-header for so many bytes.
    fn pseudo(source: Self, destination: Self, protocol: u8, length: usize) -> Vec<u8>;
    /// Hops left.
    fn hops(packet: &[u8]) -> u8;
}

impl Build for Ipv4Address {
    fn random(bits: u128) -> Self {
        Self::from_bits((bits as u32 & 0x1fff_ffff) | 0x4000_0000)
    }

    fn bytes(self) -> Vec<u8> {
        self.octets().into()
    }

    fn packet(source: Self, destination: Self, protocol: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0xb8];
        bytes.extend((20 + payload.len() as u16).to_be_bytes());
        bytes.extend([0x12, 0x34, 0, 0, hops, protocol, 0, 0]);
        bytes.extend(source.octets());
        bytes.extend(destination.octets());
        let check = plain(&bytes);
        bytes[10..12].copy_from_slice(&check.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn pseudo(source: Self, destination: Self, protocol: u8, length: usize) -> Vec<u8> {
        let length = (length as u16).to_be_bytes();
        [
            &source.octets()[..],
            &destination.octets(),
            &[0, protocol],
            &length,
        ]
        .concat()
    }

    fn hops(packet: &[u8]) -> u8 {
        packet[8]
    }
}

impl Build for Ipv6Address {
    fn random(bits: u128) -> Self {
        Self::from_bits((bits & (u128::MAX >> 3)) | 1 << 125)
    }

    fn bytes(self) -> Vec<u8> {
        self.octets().into()
    }

    fn packet(source: Self, destination: Self, protocol: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x6b, 0x81, 0x23, 0x45];
        bytes.extend((payload.len() as u16).to_be_bytes());
        bytes.extend([protocol, hops]);
        bytes.extend(source.octets());
        bytes.extend(destination.octets());
        bytes.extend(payload);
        bytes
    }

    fn pseudo(source: Self, destination: Self, protocol: u8, length: usize) -> Vec<u8> {
        let length = (length as u32).to_be_bytes();
        [
            &source.octets()[..],
            &destination.octets(),
            &length,
            &[0, 0, 0, protocol],
        ]
        .concat()
    }

    fn hops(packet: &[u8]) -> u8 {
        packet[7]
    }
}

/// A transport header and data, complete.
pub fn transport<A: Build>(
    protocol: Protocol,
    source: Endpoint<A>,
    destination: Endpoint<A>,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(source.port.to_be_bytes());
    bytes.extend(destination.port.to_be_bytes());
    let length = match protocol {
        Protocol::Tcp => 20,
        Protocol::Udp => 8,
        Protocol::Sctp => 16,
    } + data.len();
    let at = match protocol {
        Protocol::Tcp => {
            bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            16
        }
        Protocol::Udp => {
            bytes.extend((length as u16).to_be_bytes());
            bytes.extend([0, 0]);
            6
        }
        Protocol::Sctp => {
            bytes.extend([9, 9, 9, 9, 0, 0, 0, 0, 0, 3]);
            bytes.extend((4 + data.len() as u16).to_be_bytes());
            8
        }
    };
    bytes.extend(data);
    if protocol == Protocol::Sctp {
        let crc = crc32c(&bytes);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        return bytes;
    }
    let pseudo = A::pseudo(
        source.address,
        destination.address,
        protocol.number(),
        length,
    );
    let check = match plain(&[&pseudo[..], &bytes].concat()) {
        0 if protocol == Protocol::Udp => 0xffff,
        check => check,
    };
    bytes[at..at + 2].copy_from_slice(&check.to_be_bytes());
    bytes
}

/// A whole packet.
pub fn packet<A: Build>(
    protocol: Protocol,
    source: Endpoint<A>,
    destination: Endpoint<A>,
    hops: u8,
    data: &[u8],
) -> Vec<u8> {
    let payload = transport(protocol, source, destination, data);
    A::packet(
        source.address,
        destination.address,
        protocol.number(),
        hops,
        &payload,
    )
}

/// An ICMP message in its packet, complete; `kind` is type and code.
pub fn icmp<A: Build>(
    source: A,
    destination: A,
    hops: u8,
    kind: [u8; 2],
    rest: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut message = vec![kind[0], kind[1], 0, 0];
    message.extend(rest.to_be_bytes());
    message.extend(data);
    let pseudo = match A::HEADER_LENGTH {
        40 => A::pseudo(source, destination, 58, message.len()),
        _ => Vec::new(),
    };
    let check = plain(&[&pseudo[..], &message].concat());
    message[2..4].copy_from_slice(&check.to_be_bytes());
    A::packet(source, destination, A::ICMP, hops, &message)
}
