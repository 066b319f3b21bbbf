// SPDX-License-Identifier: GPL-2.0

//! The filter's IPv4.

use zerocopy::{
    network_endian::{U16, U32},
    FromBytes,
    IntoBytes, //
};

use crate::core::checksum::{
    fold,
    pseudo_header,
    sum, //
};
use crate::core::ipv4::{
    self,
    Fragment,
    Ipv4, //
};
use crate::core::packet::Packet;
use crate::core::tcp::{
    self,
    Tcp, //
};
use crate::core::tuple::{
    Endpoint,
    Ipv4Address,
    Protocol, //
};

use super::reset;
use super::segment::{
    Kind,
    Reading,
    Segment, //
};
use super::transport;
use super::version::Version;

/// IP protocol number of ICMP.
const ICMP: u8 = 1;

/// Reads the headers from a packet's first bytes, which hold both if the packet does.
#[inline(always)]
fn parse(bytes: &[u8], len: usize, header_length: usize) -> Reading<Ipv4Address> {
    reading(Ipv4::parse(bytes, len, header_length), bytes, header_length)
}

/// What there is to tell of a header that was read, and of the transport behind it.
#[inline(always)]
fn reading(
    ip: Result<Ipv4, ipv4::Error>,
    bytes: &[u8],
    header_length: usize,
) -> Reading<Ipv4Address> {
    let ip = match ip {
        Ok(ip) => ip,
        Err(ipv4::Error::Version) => return Reading::nothing(Kind::Foreign),
        Err(ipv4::Error::Malformed) => return Reading::nothing(Kind::BadIp),
    };
    let protocol = Protocol::from_number(ip.protocol);
    let segment = |protocol, ports: transport::Ports| Segment {
        protocol,
        source: Endpoint::new(ip.source, ports.source),
        destination: Endpoint::new(ip.destination, ports.destination),
        ttl: ip.ttl,
        tos: ip.tos,
        offset: header_length,
        length: ip.total_length,
        flags: ports.flags,
        chunks: ports.chunks,
    };
    let Some(protocol) = protocol else {
        let kind = match (ip.protocol, ip.fragment) {
            (ICMP, Fragment::Whole) => Kind::Icmp,
            _ => Kind::Foreign,
        };
        return Reading {
            kind,
            segment: segment(Protocol::Tcp, transport::Ports::default()),
            piece: None,
        };
    };
    // Without padding, which is no part of the transport header.
    let transport = bytes
        .get(header_length..ip.total_length.min(bytes.len()))
        .unwrap_or_default();
    let payload = ip.total_length.wrapping_sub(header_length);
    let (kind, ports) = match ip.fragment {
        Fragment::Whole => (Kind::Whole, transport::whole(protocol, transport, payload)),
        Fragment::First => (Kind::FirstFragment, transport::first(protocol, transport)),
        Fragment::Later => (Kind::LaterFragment, Some(transport::Ports::default())),
    };
    let (kind, ports) = match ports {
        Some(ports) => (kind, ports),
        None => (Kind::BadTransport, transport::Ports::default()),
    };
    Reading {
        kind,
        segment: segment(protocol, ports),
        piece: match ip.fragment {
            Fragment::Whole => None,
            _ => ipv4::Header::ref_from_prefix(bytes)
                .ok()
                .map(|(header, _)| header.piece()),
        },
    }
}

impl Version for Ipv4Address {
    const USUAL_HEAD: usize = ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH;

    #[inline(always)]
    fn is_usual(head: &[u8], len: usize, is_sound: impl Fn(&[u8], usize) -> bool) -> bool {
        let Ok((ip, transport)) = ipv4::Header::ref_from_prefix(head) else {
            return false;
        };
        ip.version_ihl == ipv4::USUAL
            && usize::from(ip.total_length.get()) == len
            && ip.is_whole()
            && ip.ttl > 1
            && ip.is_sound()
            && is_sound(transport, len.wrapping_sub(ipv4::HEADER_LENGTH))
    }

    #[inline(always)]
    fn addresses(head: &[u8]) -> Option<(Self, Self)> {
        let (ip, _) = ipv4::Header::ref_from_prefix(head).ok()?;
        Some((
            Self::from_bits(ip.source.get()),
            Self::from_bits(ip.destination.get()),
        ))
    }

    #[inline(always)]
    fn next_protocol(head: &[u8]) -> Option<u8> {
        head.get(::core::mem::offset_of!(ipv4::Header, protocol))
            .copied()
    }

    #[inline(always)]
    fn read_usual<P: Packet>(packet: &mut P) -> Option<Reading<Self>> {
        let len = packet.len();
        let both = ipv4::HEADER_LENGTH + transport::LOOKED_AT;
        match packet.peek(len.min(both)) {
            Some(bytes) if bytes.first().is_some_and(|first| *first == ipv4::USUAL) => {
                Some(parse(bytes, len, ipv4::HEADER_LENGTH))
            }
            _ => None,
        }
    }

    fn read<P: Packet>(packet: &mut P) -> Reading<Self> {
        let (len, big) = (packet.len(), packet.is_big());
        let Some(bytes) = packet.peek(len.min(1)) else {
            return Reading::nothing(Kind::NoMemory);
        };
        let header_length = bytes
            .first()
            .map_or(0, |first| ipv4::announced_length(*first));
        match packet.peek(len.min(header_length.wrapping_add(transport::LOOKED_AT))) {
            Some(bytes) if big => {
                let ip = Ipv4::parse_big(bytes, len, header_length);
                reading(ip, bytes, header_length)
            }
            Some(bytes) => parse(bytes, len, header_length),
            None => Reading::nothing(Kind::NoMemory),
        }
    }

    fn may_be_fragmented<P: Packet>(packet: &mut P) -> bool {
        packet
            .peek(ipv4::HEADER_LENGTH)
            .and_then(|bytes| ipv4::Header::ref_from_prefix(bytes).ok())
            .is_some_and(|(header, _)| header.fragment.get() & ipv4::DONT_FRAGMENT == 0)
    }

    fn reset(segment: &Segment<Self>, tcp: &Tcp) -> reset::Reset {
        let header = reset::header(segment, tcp);
        let mut ip = ipv4::Header {
            version_ihl: ipv4::USUAL,
            tos: 0,
            total_length: U16::new((ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH) as u16),
            identification: U16::ZERO,
            fragment: U16::new(ipv4::DONT_FRAGMENT),
            ttl: 64,
            protocol: Protocol::Tcp.number(),
            checksum: U16::ZERO,
            source: U32::new(segment.destination.address.bits()),
            destination: U32::new(segment.source.address.bits()),
        };
        ip.checksum = U16::new(!fold(sum(ip.as_bytes())));
        let pseudo = pseudo_header(
            segment.destination.address.bits(),
            segment.source.address.bits(),
            Protocol::Tcp.number(),
            tcp::HEADER_LENGTH as u16,
        );
        reset::Reset::new(ip.as_bytes(), header, pseudo)
    }
}
