// SPDX-License-Identifier: GPL-2.0

//! The TCP reset that answers a segment which belongs to no connection (RFC 9293, 3.10.7.1).

use zerocopy::{
    network_endian::{U16, U32},
    IntoBytes, //
};

use crate::core::checksum::{
    fold,
    sum, //
};
use crate::core::tcp::{
    self,
    Flags,
    Tcp, //
};
use crate::core::tuple::Address;

use super::segment::Segment;

/// Bytes of the longest reset: an IPv6 header and a TCP header without options.
const LONGEST: usize = 60;

/// A reset, complete with checksums.
#[derive(Clone, Copy, Debug)]
pub struct Reset {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Reset {
    /// Puts a reset together: a complete IP header, and a TCP header without checksum, whose
    /// pseudo-header has this sum.
    pub fn new(ip: &[u8], mut header: tcp::Header, pseudo: u64) -> Self {
        let covered = pseudo.wrapping_add(sum(header.as_bytes()));
        header.checksum = U16::new(!fold(covered));
        let mut bytes = [0; LONGEST];
        let length = ip.len().wrapping_add(tcp::HEADER_LENGTH).min(LONGEST);
        let parts = ip.iter().chain(header.as_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = *from;
        }
        Self { bytes, length }
    }

    /// The packet.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The TCP header of the reset that answers a segment: from its receiver to its sender, still
/// without checksum. `tcp` is what its header says. It must not be a reset itself.
pub fn header<A: Address>(segment: &Segment<A>, tcp: &Tcp) -> tcp::Header {
    // The sender believes only what stands where it looks for its next byte, or, as long as
    // it has heard nothing, what acknowledges all that it sent.
    let (sequence, acknowledgment, flags) = if tcp.flags.has(Flags::ACK) {
        (tcp.acknowledgment, 0, Flags::RST)
    } else {
        let next = tcp.sequence.wrapping_add(tcp.sequence_length);
        (0, next, Flags::RST | Flags::ACK)
    };
    tcp::Header {
        source: U16::new(segment.destination.port),
        destination: U16::new(segment.source.port),
        sequence: U32::new(sequence),
        acknowledgment: U32::new(acknowledgment),
        data_offset: (tcp::HEADER_LENGTH << 2) as u8,
        flags: flags.0,
        window: U16::ZERO,
        checksum: U16::ZERO,
        urgent: U16::ZERO,
    }
}
