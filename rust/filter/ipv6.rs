// SPDX-License-Identifier: GPL-2.0

//! The filter's IPv6.

use zerocopy::{
    network_endian::{U128, U16, U32},
    FromBytes,
    IntoBytes, //
};

use crate::core::checksum::{
    sum, //
};
use crate::core::fragment::Fragment;
use crate::core::ipv6::{
    self,
    Error,
    Ipv6, //
};
use crate::core::packet::Packet;
use crate::core::tcp::{
    self,
    Tcp, //
};
use crate::core::tuple::{
    Endpoint,
    Ipv6Address,
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

/// IP protocol number of ICMPv6.
const ICMPV6: u8 = 58;

/// How often more bytes are asked for while extension headers are followed.
const MOST_PEEKS: u32 = 12;

/// What there is to tell of a header that was read, and of the transport behind it.
#[inline(always)]
fn reading(ip: &Ipv6, bytes: &[u8]) -> Reading<Ipv6Address> {
    let segment = |protocol, ports: transport::Ports| Segment {
        protocol,
        source: Endpoint::new(ip.source, ports.source),
        destination: Endpoint::new(ip.destination, ports.destination),
        ttl: ip.hop_limit,
        tos: ip.traffic_class,
        offset: ip.header_length,
        length: ip.total_length,
        flags: ports.flags,
        chunks: ports.chunks,
    };
    let Some(protocol) = Protocol::from_number(ip.protocol) else {
        let kind = match (ip.protocol, ip.fragment) {
            (ICMPV6, Fragment::Whole) => Kind::Icmp,
            // Behind the fragment header there may be more headers, that only the first has.
            (protocol, Fragment::Later) if ipv6::is_extension(protocol) => Kind::LaterFragment,
            _ => Kind::Foreign,
        };
        return Reading {
            kind,
            segment: segment(Protocol::Tcp, transport::Ports::default()),
            piece: ip.piece,
        };
    };
    // Without padding, which is no part of the transport header.
    let transport = bytes
        .get(ip.header_length..ip.total_length.min(bytes.len()))
        .unwrap_or_default();
    let payload = ip.total_length.wrapping_sub(ip.header_length);
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
        piece: ip.piece,
    }
}

impl Version for Ipv6Address {
    const USUAL_HEAD: usize = ipv6::HEADER_LENGTH + tcp::HEADER_LENGTH;

    #[inline(always)]
    fn is_usual(head: &[u8], len: usize, is_sound: impl Fn(&[u8], usize) -> bool) -> bool {
        let Ok((ip, transport)) = ipv6::Header::ref_from_prefix(head) else {
            return false;
        };
        let payload = usize::from(ip.payload_length.get());
        ip.version_class_flow.get() >> 28 == 6
            && payload.wrapping_add(ipv6::HEADER_LENGTH) == len
            && ip.hop_limit > 1
            && is_sound(transport, payload)
    }

    #[inline(always)]
    fn addresses(head: &[u8]) -> Option<(Self, Self)> {
        let (ip, _) = ipv6::Header::ref_from_prefix(head).ok()?;
        Some((
            Self::from_bits(ip.source.get()),
            Self::from_bits(ip.destination.get()),
        ))
    }

    #[inline(always)]
    fn next_protocol(head: &[u8]) -> Option<u8> {
        head.get(::core::mem::offset_of!(ipv6::Header, next_header))
            .copied()
    }

    #[inline(always)]
    fn read_usual<P: Packet>(packet: &mut P) -> Option<Reading<Self>> {
        let len = packet.len();
        let both = ipv6::HEADER_LENGTH + transport::LOOKED_AT;
        let bytes = packet.peek(len.min(both))?;
        match Ipv6::parse(bytes, len) {
            Ok(mut ip) if ip.header_length == ipv6::HEADER_LENGTH => {
                // Known to the compiler from here on.
                ip.header_length = ipv6::HEADER_LENGTH;
                Some(reading(&ip, bytes))
            }
            _ => None,
        }
    }

    fn read<P: Packet>(packet: &mut P) -> Reading<Self> {
        let (len, big) = (packet.len(), packet.is_big());
        let mut wanted = ipv6::HEADER_LENGTH + transport::LOOKED_AT;
        for _ in 0..MOST_PEEKS {
            let Some(bytes) = packet.peek(len.min(wanted)) else {
                return Reading::nothing(Kind::NoMemory);
            };
            let parsed = if big {
                Ipv6::parse_big(bytes, len)
            } else {
                Ipv6::parse(bytes, len)
            };
            match parsed {
                Ok(ip) => {
                    let both = ip.header_length.wrapping_add(transport::LOOKED_AT);
                    if bytes.len() < both.min(ip.total_length) {
                        wanted = both;
                        continue;
                    }
                    return reading(&ip, bytes);
                }
                Err(Error::Version) => return Reading::nothing(Kind::Foreign),
                Err(Error::Malformed) => return Reading::nothing(Kind::BadIp),
                Err(Error::Missing(bytes)) => wanted = bytes.max(wanted.wrapping_add(8)),
                Err(Error::Chain {
                    source,
                    destination,
                }) => {
                    let mut reading = Reading::nothing(Kind::UnknownExtension);
                    reading.segment.source.address = source;
                    reading.segment.destination.address = destination;
                    return reading;
                }
            }
        }
        Reading::nothing(Kind::BadIp)
    }

    fn may_be_fragmented<P: Packet>(packet: &mut P) -> bool {
        let _ = packet;
        false
    }

    fn reset(segment: &Segment<Self>, tcp: &Tcp) -> reset::Reset {
        let header = reset::header(segment, tcp);
        let ip = ipv6::Header {
            version_class_flow: U32::new(6 << 28),
            payload_length: U16::new(tcp::HEADER_LENGTH as u16),
            next_header: Protocol::Tcp.number(),
            hop_limit: 64,
            source: U128::new(segment.destination.address.bits()),
            destination: U128::new(segment.source.address.bits()),
        };
        // The pseudo-header (RFC 8200, 8.1): both addresses, the length, the protocol.
        let addresses = ip.as_bytes().get(8..).unwrap_or_default();
        let pseudo = sum(addresses)
            .wrapping_add(tcp::HEADER_LENGTH as u64)
            .wrapping_add(u64::from(Protocol::Tcp.number()));
        reset::Reset::new(ip.as_bytes(), header, pseudo)
    }
}
