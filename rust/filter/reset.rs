// SPDX-License-Identifier: GPL-2.0

//! The TCP reset that answers a segment which belongs to no connection (RFC 9293, 3.10.7.1).

use zerocopy::{
    network_endian::{U16, U32},
    IntoBytes, //
};

use crate::core::checksum::{
    fold,
    pseudo_header,
    sum, //
};
use crate::core::ipv4;
use crate::core::tcp::{
    self,
    Flags,
    Tcp, //
};
use crate::core::tuple::Protocol;

use super::segment::Segment;

/// Bytes of a reset: the two headers without options.
pub const LENGTH: usize = ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH;

/// The packet that answers.
#[derive(
    zerocopy_derive::IntoBytes,
    zerocopy_derive::Immutable,
    zerocopy_derive::KnownLayout,
    zerocopy_derive::Unaligned,
)]
#[repr(C)]
struct Reset {
    ip: ipv4::Header,
    tcp: tcp::Header,
}

/// The reset that answers a TCP segment, complete with checksums: from its receiver to its
/// sender. `tcp` is what its header says. It must not be a reset itself.
pub fn answer(segment: &Segment, tcp: &Tcp) -> [u8; LENGTH] {
    // The sender believes only what stands where it looks for its next byte, or, as long as
    // it has heard nothing, what acknowledges all that it sent.
    let (sequence, acknowledgment, flags) = if tcp.flags.has(Flags::ACK) {
        (tcp.acknowledgment, 0, Flags::RST)
    } else {
        let next = tcp.sequence.wrapping_add(tcp.sequence_length);
        (0, next, Flags::RST | Flags::ACK)
    };
    let (source, destination) = (segment.destination, segment.source);
    let mut reset = Reset {
        ip: ipv4::Header {
            version_ihl: ipv4::USUAL,
            tos: 0,
            total_length: U16::new(LENGTH as u16),
            identification: U16::ZERO,
            fragment: U16::new(ipv4::DONT_FRAGMENT),
            ttl: 64,
            protocol: Protocol::Tcp.number(),
            checksum: U16::ZERO,
            source: U32::new(source.address.bits()),
            destination: U32::new(destination.address.bits()),
        },
        tcp: tcp::Header {
            source: U16::new(source.port),
            destination: U16::new(destination.port),
            sequence: U32::new(sequence),
            acknowledgment: U32::new(acknowledgment),
            data_offset: (tcp::HEADER_LENGTH << 2) as u8,
            flags: flags.0,
            window: U16::ZERO,
            checksum: U16::ZERO,
            urgent: U16::ZERO,
        },
    };
    reset.ip.checksum = U16::new(!fold(sum(reset.ip.as_bytes())));
    let pseudo = pseudo_header(
        source.address.bits(),
        destination.address.bits(),
        Protocol::Tcp.number(),
        tcp::HEADER_LENGTH as u16,
    );
    let covered = pseudo.wrapping_add(sum(reset.tcp.as_bytes()));
    reset.tcp.checksum = U16::new(!fold(covered));
    zerocopy::transmute!(reset)
}
