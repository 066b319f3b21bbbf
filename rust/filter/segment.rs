// SPDX-License-Identifier: GPL-2.0

//! What the filter needs to know of a packet's headers, read once.

use crate::core::fragment::Piece;
use crate::core::sctp::{
    self,
    Chunks, //
};
use crate::core::tcp::{
    self,
    Flags, //
};
use crate::core::tuple::{
    Address,
    Endpoint,
    Protocol, //
};
use crate::core::udp;

/// A TCP segment, UDP datagram or SCTP packet with sound headers.
#[derive(Clone, Copy, Debug)]
pub struct Segment<A: Address> {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The sender.
    pub source: Endpoint<A>,
    /// The receiver.
    pub destination: Endpoint<A>,
    /// Hops left.
    pub ttl: u8,
    /// Differentiated services and congestion notification.
    pub tos: u8,
    /// Bytes before the transport header.
    pub offset: usize,
    /// Bytes of the IP packet.
    pub length: usize,
    /// TCP's control bits.
    pub flags: Flags,
    /// SCTP's chunks.
    pub chunks: Chunks,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Neither IPv4 nor IPv6, or of none of the protocols.
    Foreign,
    /// A malformed IP packet.
    BadIp,
    /// One whose headers' bytes could not be had.
    NoMemory,
    /// A known protocol with a malformed header: the addresses are known, the ports are not.
    BadTransport,
    /// IPv6 with extension headers that cannot be passed over: the addresses are known.
    UnknownExtension,
    /// A fragment without a transport header: the addresses are known, the ports are not.
    LaterFragment,
    /// A fragment with the transport header's ports.
    FirstFragment,
    /// A whole packet with sound headers.
    Whole,
    /// An ICMP or ICMPv6 message.
    Icmp,
}

/// What was read: of the segment as much as the kind says, the rest is 0.
///
/// A structure and no enumeration with fields, which the compiler would put together in memory
/// and take apart again for every packet.
#[derive(Clone, Copy, Debug)]
pub struct Reading<A: Address> {
    /// What the packet turned out to be.
    pub kind: Kind,
    /// What is known of it.
    pub segment: Segment<A>,
    /// Which part of its packet a fragment is.
    pub piece: Option<Piece>,
}

impl<A: Address> Reading<A> {
    /// A reading that knows nothing of the segment.
    #[inline(always)]
    pub fn nothing(kind: Kind) -> Self {
        Self {
            kind,
            segment: Segment {
                protocol: Protocol::Tcp,
                source: Endpoint::default(),
                destination: Endpoint::default(),
                ttl: 0,
                tos: 0,
                offset: 0,
                length: 0,
                flags: Flags(0),
                chunks: Chunks(0),
            },
            piece: None,
        }
    }
}

impl<A: Address> Segment<A> {
    /// Bytes of the IP header and of as much of the transport header as is rewritten.
    #[inline(always)]
    pub fn head_length(&self) -> usize {
        self.offset.wrapping_add(match self.protocol {
            Protocol::Tcp => tcp::HEADER_LENGTH,
            Protocol::Udp => udp::HEADER_LENGTH,
            Protocol::Sctp => sctp::HEADER_LENGTH,
        })
    }

    /// Whether it may begin a connection: TCP's SYN, SCTP's INIT, any UDP.
    #[inline(always)]
    pub fn opens(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.flags.opens(),
            Protocol::Udp => true,
            Protocol::Sctp => self.chunks.opens(),
        }
    }

    /// Whether it is to break off a connection: TCP's RST, SCTP's ABORT.
    #[inline(always)]
    pub fn resets(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.flags.has(Flags::RST),
            Protocol::Udp => false,
            Protocol::Sctp => self.chunks.any(Chunks::ABORT),
        }
    }
}
