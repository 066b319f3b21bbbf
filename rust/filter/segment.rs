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
    Address,
    Endpoint,
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
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// Not IPv4, or neither TCP nor UDP.
    Foreign,
    /// A malformed IPv4 packet.
    BadIp,
    /// The headers' bytes could not be had.
    NoMemory,
    /// TCP or UDP to this address, but with a malformed header.
    BadTransport(Address),
    /// A fragment without a transport header, to this address.
    LaterFragment(Address),
    /// A fragment with a transport header. For these two endpoints; its length is not sound.
    FirstFragment(Protocol, Endpoint, Endpoint),
    /// A whole packet with sound headers.
    Whole(Segment),
}

impl Reading {
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
            return Self::NoMemory;
        };
        let header_length = bytes
            .first()
            .map_or(0, |first| ipv4::announced_length(*first));
        match packet.peek(len.min(header_length.wrapping_add(tcp::HEADER_LENGTH))) {
            Some(bytes) => Self::parse(bytes, len, header_length),
            None => Self::NoMemory,
        }
    }

    /// Reads the headers from a packet's first bytes, which hold both if the packet does.
    #[inline(always)]
    fn parse(bytes: &[u8], len: usize, header_length: usize) -> Self {
        let ip = match Ipv4::parse(bytes, len, header_length) {
            Ok(ip) => ip,
            Err(ipv4::Error::Version) => return Self::Foreign,
            Err(ipv4::Error::Malformed) => return Self::BadIp,
        };
        let Some(protocol) = Protocol::from_number(ip.protocol) else {
            return Self::Foreign;
        };
        let payload = ip.total_length.wrapping_sub(header_length);
        // Without padding, which is no part of the transport header.
        let transport = bytes
            .get(header_length..ip.total_length.min(bytes.len()))
            .unwrap_or_default();
        match ip.fragment {
            Fragment::Whole => Self::whole(&ip, protocol, transport, payload),
            Fragment::First => Self::first(&ip, protocol, transport),
            Fragment::Later => Self::LaterFragment(ip.destination),
        }
    }

    /// Reads the transport header of a whole packet.
    #[inline(always)]
    fn whole(ip: &Ipv4, protocol: Protocol, transport: &[u8], payload: usize) -> Self {
        let ports = match protocol {
            Protocol::Tcp => {
                Tcp::parse(transport, payload).map(|tcp| (tcp.source, tcp.destination, tcp.flags))
            }
            Protocol::Udp => Udp::parse(transport, payload)
                .map(|udp| (udp.source, udp.destination, Flags::default())),
        };
        let Some((source, destination, flags)) = ports else {
            return Self::BadTransport(ip.destination);
        };
        Self::Whole(Segment {
            protocol,
            source: Endpoint::new(ip.source, source),
            destination: Endpoint::new(ip.destination, destination),
            ttl: ip.ttl,
            offset: ip.header_length,
            length: ip.total_length,
            flags,
        })
    }

    /// Reads the ports of a first fragment.
    fn first(ip: &Ipv4, protocol: Protocol, transport: &[u8]) -> Self {
        match transport {
            [a, b, c, d, ..] => Self::FirstFragment(
                protocol,
                Endpoint::new(ip.source, u16::from_be_bytes([*a, *b])),
                Endpoint::new(ip.destination, u16::from_be_bytes([*c, *d])),
            ),
            _ => Self::BadTransport(ip.destination),
        }
    }
}

impl Segment {
    /// Bytes of the IP header and of as much of the transport header as is rewritten.
    #[inline(always)]
    pub fn head_length(&self) -> usize {
        self.offset.wrapping_add(match self.protocol {
            Protocol::Tcp => tcp::HEADER_LENGTH,
            Protocol::Udp => udp::HEADER_LENGTH,
        })
    }
}
