// SPDX-License-Identifier: GPL-2.0

//! The beginning of TCP, UDP and SCTP: ports and what a connection's state depends on.

use crate::core::sctp::{
    Chunks,
    Sctp, //
};
use crate::core::tcp::{
    self,
    Flags,
    Tcp, //
};
use crate::core::tuple::Protocol;
use crate::core::udp::{
    self,
    Udp, //
};

/// How many bytes of a transport header are looked at; more of SCTP is if it lies together.
pub const LOOKED_AT: usize = tcp::HEADER_LENGTH;

/// What the filter wants of a transport header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// TCP's control bits.
    pub flags: Flags,
    /// SCTP's chunks.
    pub chunks: Chunks,
}

/// Reads the header at the beginning of `bytes`, of a whole packet to whose transport the IP
/// header gives `len` bytes; `None` if it does not fit or lies about its length.
#[inline(always)]
pub fn whole(protocol: Protocol, bytes: &[u8], len: usize) -> Option<Ports> {
    match protocol {
        Protocol::Tcp => Tcp::parse(bytes, len).map(|tcp| Ports {
            source: tcp.source,
            destination: tcp.destination,
            flags: tcp.flags,
            chunks: Chunks(0),
        }),
        Protocol::Udp => Udp::parse(bytes, len).map(|udp| Ports {
            source: udp.source,
            destination: udp.destination,
            ..Ports::default()
        }),
        Protocol::Sctp => Sctp::parse(bytes, len).map(|sctp| Ports {
            source: sctp.source,
            destination: sctp.destination,
            flags: Flags(0),
            chunks: sctp.chunks,
        }),
    }
}

/// The sender's and the receiver's port in the header at the beginning of `bytes`; each of the
/// three protocols has them there.
#[inline(always)]
pub fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *bytes.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Reads the header of a datagram's first fragment, whose length is not to be checked against
/// the fragment's. `None` if it is cut short: nobody has reason to send that (RFC 1858).
pub fn first(protocol: Protocol, bytes: &[u8]) -> Option<Ports> {
    match protocol {
        Protocol::Udp if bytes.len() < udp::HEADER_LENGTH => None,
        Protocol::Udp => ports(bytes).map(|(source, destination)| Ports {
            source,
            destination,
            ..Ports::default()
        }),
        Protocol::Tcp | Protocol::Sctp => whole(protocol, bytes, usize::MAX),
    }
}
