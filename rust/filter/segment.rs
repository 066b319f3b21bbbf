// SPDX-License-Identifier: GPL-2.0

//! What the filter needs to know of a packet's headers, read once.

use crate::core::ipv4::{
    self,
    Fragment,
    Ipv4, //
};
use crate::core::packet::Packet;
use crate::core::tcp::{
    self,
    Flags,
    Tcp, //
};
use crate::core::tuple::{
    Endpoint,
    Ipv4Address,
    Protocol, //
};
use crate::core::udp::{
    self,
    Udp, //
};

/// A TCP segment or UDP datagram with sound headers.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
    /// Hops left.
    pub ttl: u8,
    /// Bytes before the transport header.
    pub offset: usize,
    /// Bytes of the IP packet.
    pub length: usize,
    /// TCP's control bits; none for UDP.
    pub flags: Flags,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not IPv4, or neither TCP nor UDP.
    Foreign,
    /// A malformed IPv4 packet.
    BadIp,
    /// One whose headers' bytes could not be had.
    NoMemory,
    /// TCP or UDP with a malformed header: the addresses are known, the ports are not.
    BadTransport,
    /// A fragment without a transport header: the addresses are known, the ports are not.
    LaterFragment,
    /// A fragment with the transport header's ports.
    FirstFragment,
    /// A whole packet with sound headers.
    Whole,
}

/// What was read: of the segment as much as the kind says, the rest is 0.
///
/// A structure and no enumeration with fields, which the compiler would put together in memory
/// and take apart again for every packet.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// What the packet turned out to be.
    pub kind: Kind,
    /// What is known of it.
    pub segment: Segment,
}

impl Reading {
    /// A reading that knows nothing of the segment.
    #[inline(always)]
    const fn nothing(kind: Kind) -> Self {
        let nobody = Endpoint::new(Ipv4Address::from_bits(0), 0);
        Self {
            kind,
            segment: Segment {
                protocol: Protocol::Tcp,
                source: nobody,
                destination: nobody,
                ttl: 0,
                offset: 0,
                length: 0,
                flags: Flags(0),
            },
        }
    }

    /// Reads a packet's headers if the IP header has no options, as nearly all of them; else
    /// `None`, and [`Self::of`] tells more.
    #[inline(always)]
    pub fn of_usual<P: Packet>(packet: &mut P) -> Option<Self> {
        let len = packet.len();
        let both = ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH;
        match packet.peek(len.min(both)) {
            Some(bytes) if bytes.first().is_some_and(|first| *first == ipv4::USUAL) => {
                Some(Self::parse(bytes, len, ipv4::HEADER_LENGTH))
            }
            _ => None,
        }
    }

    /// Reads a packet's headers.
    pub fn of<P: Packet>(packet: &mut P) -> Self {
        let len = packet.len();
        let Some(bytes) = packet.peek(len.min(1)) else {
            return Self::nothing(Kind::NoMemory);
        };
        let header_length = bytes
            .first()
            .map_or(0, |first| ipv4::announced_length(*first));
        match packet.peek(len.min(header_length.wrapping_add(tcp::HEADER_LENGTH))) {
            Some(bytes) => Self::parse(bytes, len, header_length),
            None => Self::nothing(Kind::NoMemory),
        }
    }

    /// Reads the headers from a packet's first bytes, which hold both if the packet does.
    #[inline(always)]
    fn parse(bytes: &[u8], len: usize, header_length: usize) -> Self {
        let ip = match Ipv4::parse(bytes, len, header_length) {
            Ok(ip) => ip,
            Err(ipv4::Error::Version) => return Self::nothing(Kind::Foreign),
            Err(ipv4::Error::Malformed) => return Self::nothing(Kind::BadIp),
        };
        let Some(protocol @ (Protocol::Tcp | Protocol::Udp)) = Protocol::from_number(ip.protocol)
        else {
            return Self::nothing(Kind::Foreign);
        };
        let payload = ip.total_length.wrapping_sub(header_length);
        // Without padding, which is no part of the transport header.
        let transport = bytes
            .get(header_length..ip.total_length.min(bytes.len()))
            .unwrap_or_default();
        let header = match ip.fragment {
            Fragment::Whole => match protocol {
                Protocol::Tcp => Tcp::parse(transport, payload)
                    .map(|tcp| (Kind::Whole, tcp.source, tcp.destination, tcp.flags)),
                Protocol::Udp | Protocol::Sctp => Udp::parse(transport, payload)
                    .map(|udp| (Kind::Whole, udp.source, udp.destination, Flags(0))),
            },
            Fragment::First => match transport {
                [a, b, c, d, ..] => Some((
                    Kind::FirstFragment,
                    u16::from_be_bytes([*a, *b]),
                    u16::from_be_bytes([*c, *d]),
                    Flags(0),
                )),
                _ => None,
            },
            Fragment::Later => Some((Kind::LaterFragment, 0, 0, Flags(0))),
        };
        let (kind, source, destination, flags) =
            header.unwrap_or((Kind::BadTransport, 0, 0, Flags(0)));
        Self {
            kind,
            segment: Segment {
                protocol,
                source: Endpoint::new(ip.source, source),
                destination: Endpoint::new(ip.destination, destination),
                ttl: ip.ttl,
                offset: header_length,
                length: ip.total_length,
                flags,
            },
        }
    }
}

impl Segment {
    /// Bytes of the IP header and of as much of the transport header as is rewritten.
    #[inline(always)]
    pub fn head_length(&self) -> usize {
        self.offset.wrapping_add(match self.protocol {
            Protocol::Tcp => tcp::HEADER_LENGTH,
            Protocol::Udp | Protocol::Sctp => udp::HEADER_LENGTH,
        })
    }
}
