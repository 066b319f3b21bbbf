// SPDX-License-Identifier: GPL-2.0

//! The headers that a tunnelled packet travels in (RFC 2003, RFC 2473, RFC 4213, GUE), and what
//! errors about it say.
//!
//! * Traffic class and congestion notification are those of the inner packet (RFC 6040, 4.1, normal
//!   mode), whose hops count the way through the tunnel as one: the outer ones begin anew.
//! * Outside IPv4, "don't fragment" is that of an IPv4 packet inside. For IPv6 inside it is set, as
//!   its sender finds the path's MTU itself, but for packets of 1280 bytes and less: these must pass
//!   whatever the path's MTU is (RFC 4213, 3.2.2).
//! * GUE's UDP checksum is zero, for IPv6 too (RFC 6935): what is inside has checksums of its own, so
//!   a second one would cost a look at every byte for nothing; and a packet to be segmented by the
//!   device needs no header that depends on its data. The restrictions of RFC 6936, 5 hold: the
//!   receiver was configured for the tunnel, and what travels in it is IP. Linux's `fou` accepts it.
//! * The tunnel encapsulation limit of RFC 2473, 4.1.1 is not sent: nothing is tunnelled twice here.

use zerocopy::{
    network_endian::{U128, U16, U32},
    FromBytes,
    IntoBytes, //
};

use super::checksum::{
    fold,
    sum, //
};
use super::icmp::Cause;
use super::ipv4;
use super::ipv6;
use super::method::Encapsulation;
use super::prefix::Prefix;
use super::protocol::Protocol;
use super::tuple::{
    Family,
    IpAddress,
    Ipv4Address,
    Ipv6Address, //
};
use super::udp;

/// Hops that a packet may take through the tunnel.
const HOPS: u8 = 64;

/// Protocol number of IPv4 inside (RFC 2003).
const IPV4: u8 = 4;
/// Protocol number of IPv6 inside (RFC 2473).
const IPV6: u8 = 41;

/// The lowest of the ports that flows leave from (RFC 6335, 6): there are 16,384 of them.
const FIRST_PORT: u16 = 0xc000;

/// Path MTUs in use before routers told them (RFC 1191, 7).
const PLATEAUS: [u32; 10] = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

/// Bytes that a tunnel puts before a packet; what a path carries of it is so much less.
pub const fn overhead(outside: Family, encapsulation: Encapsulation) -> usize {
    let ip = match outside {
        Family::V4 => ipv4::HEADER_LENGTH,
        Family::V6 => ipv6::HEADER_LENGTH,
    };
    match encapsulation {
        Encapsulation::Ip => ip,
        Encapsulation::Gue { .. } => ip + udp::HEADER_LENGTH,
    }
}

/// What the headers outside depend on inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Its IP version.
    pub family: Family,
    /// Bytes of it.
    pub length: usize,
    /// Differentiated services and congestion notification.
    pub traffic_class: u8,
    /// Whether no router may fragment it.
    pub dont_fragment: bool,
}

impl Inner {
    /// Reads the packet that begins with `bytes`, of which the IP header was checked.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => {
                let (header, _) = ipv4::Header::ref_from_prefix(bytes).ok()?;
                Some(Self {
                    family: Family::V4,
                    length: usize::from(header.total_length.get()),
                    traffic_class: header.tos,
                    dont_fragment: header.fragment.get() & ipv4::DONT_FRAGMENT != 0,
                })
            }
            6 => {
                let (header, _) = ipv6::Header::ref_from_prefix(bytes).ok()?;
                let payload = usize::from(header.payload_length.get());
                Some(Self {
                    family: Family::V6,
                    length: payload.wrapping_add(ipv6::HEADER_LENGTH),
                    traffic_class: header.traffic_class(),
                    dont_fragment: true,
                })
            }
            _ => None,
        }
    }
}

/// A tunnel from here to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The address that it leaves from, of the same family as the other.
    pub source: IpAddress,
    /// Where it ends.
    pub destination: IpAddress,
    /// How packets travel in it.
    pub encapsulation: Encapsulation,
}

impl Tunnel {
    /// The headers to be put before a packet.
    ///
    /// `flow` is the same for all packets of a connection and differs between connections: what
    /// balances paths and queues on the way looks at the port or label made from it.
    /// `identification` should be another one for each packet; it counts if the packet may be
    /// fragmented (RFC 6864). `None` if the packet is too long, or if the addresses are not of one
    /// family.
    pub fn headers(&self, inner: Inner, flow: u32, identification: u16) -> Option<Prefix> {
        let (next, udp) = match self.encapsulation {
            Encapsulation::Ip => match inner.family {
                Family::V4 => (IPV4, None),
                Family::V6 => (IPV6, None),
            },
            Encapsulation::Gue { port } => {
                let length = inner.length.checked_add(udp::HEADER_LENGTH)?;
                let udp = udp::Header {
                    source: U16::new(source_port(flow)),
                    destination: U16::new(port),
                    length: U16::new(u16::try_from(length).ok()?),
                    checksum: U16::ZERO,
                };
                (Protocol::Udp.number(), Some(udp))
            }
        };
        let udp = udp.as_ref().map_or(&[][..], |udp| udp.as_bytes());
        let payload = udp.len().checked_add(inner.length)?;
        match (self.source, self.destination) {
            (IpAddress::V4(source), IpAddress::V4(destination)) => {
                let total_length = payload.checked_add(ipv4::HEADER_LENGTH)?;
                let may_be_fragmented = match inner.family {
                    Family::V4 => !inner.dont_fragment,
                    Family::V6 => inner.length <= ipv6::MINIMUM_MTU,
                };
                let (identification, fragment) = if may_be_fragmented {
                    (identification, 0)
                } else {
                    (0, ipv4::DONT_FRAGMENT)
                };
                let mut ip = ipv4::Header {
                    version_ihl: ipv4::USUAL,
                    tos: inner.traffic_class,
                    total_length: U16::new(u16::try_from(total_length).ok()?),
                    identification: U16::new(identification),
                    fragment: U16::new(fragment),
                    ttl: HOPS,
                    protocol: next,
                    checksum: U16::ZERO,
                    source: U32::new(source.bits()),
                    destination: U32::new(destination.bits()),
                };
                ip.checksum = U16::new(!fold(sum(ip.as_bytes())));
                Prefix::of([ip.as_bytes(), udp])
            }
            (IpAddress::V6(source), IpAddress::V6(destination)) => {
                let class = u32::from(inner.traffic_class) << 20;
                let ip = ipv6::Header {
                    version_class_flow: U32::new((6 << 28) | class | (flow & 0xf_ffff)),
                    payload_length: U16::new(u16::try_from(payload).ok()?),
                    next_header: next,
                    hop_limit: HOPS,
                    source: U128::new(source.bits()),
                    destination: U128::new(destination.bits()),
                };
                Prefix::of([ip.as_bytes(), udp])
            }
            _ => None,
        }
    }
}

/// The UDP port that a flow leaves from.
const fn source_port(flow: u32) -> u16 {
    FIRST_PORT | (flow ^ (flow >> 16)) as u16
}

/// A tunnelled packet that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnelled {
    /// The tunnel it went by.
    pub tunnel: Tunnel,
    /// Where the inner packet begins in the quote, in bytes; it may be cut, even before its
    /// beginning.
    pub inner: usize,
}

impl Tunnelled {
    /// Reads a packet that an ICMP error quotes: `bytes` is all of the message behind its header.
    ///
    /// `None` if that is no tunnelled packet. `gue` tells whether a UDP port is one that we send
    /// GUE to.
    pub fn read(bytes: &[u8], gue: impl Fn(u16) -> bool) -> Option<Self> {
        let (source, destination, protocol, at) = match bytes.first()? >> 4 {
            4 => {
                let (header, _) = ipv4::Header::ref_from_prefix(bytes).ok()?;
                // We send no options, and nobody on the way adds any.
                if header.version_ihl != ipv4::USUAL || header.piece().offset != 0 {
                    return None;
                }
                let address = |address: U32| Ipv4Address::from_bits(address.get());
                (
                    address(header.source).into(),
                    address(header.destination).into(),
                    header.protocol,
                    ipv4::HEADER_LENGTH,
                )
            }
            6 => {
                let (header, _) = ipv6::Header::ref_from_prefix(bytes).ok()?;
                let address = |address: U128| Ipv6Address::from_bits(address.get());
                (
                    address(header.source).into(),
                    address(header.destination).into(),
                    header.next_header,
                    ipv6::HEADER_LENGTH,
                )
            }
            _ => return None,
        };
        let (encapsulation, inner) = match protocol {
            IPV4 | IPV6 => (Encapsulation::Ip, at),
            17 => {
                let (udp, _) = udp::Header::ref_from_prefix(bytes.get(at..)?).ok()?;
                let port = udp.destination.get();
                if !gue(port) {
                    return None;
                }
                (
                    Encapsulation::Gue { port },
                    at.wrapping_add(udp::HEADER_LENGTH),
                )
            }
            _ => return None,
        };
        Some(Self {
            tunnel: Tunnel {
                source,
                destination,
                encapsulation,
            },
            inner,
        })
    }

    /// What the error means for the sender of the inner packet, and the MTU that packets to the
    /// destination have from now on if it is about that.
    ///
    /// The tunnel is one hop for that sender (RFC 2003, 4; RFC 2473, 8): what happens within is
    /// that its end cannot be reached. `length` is the outer packet's length by its header.
    pub fn cause(&self, cause: Cause, length: usize) -> Cause {
        match cause {
            Cause::TooBig { mtu } => {
                let mtu = if mtu == 0 {
                    plateau_below(length as u32)
                } else {
                    mtu
                };
                let outside = self.tunnel.destination.family();
                let overhead = overhead(outside, self.tunnel.encapsulation) as u32;
                Cause::TooBig {
                    mtu: mtu.saturating_sub(overhead),
                }
            }
            Cause::Prohibited => Cause::Prohibited,
            _ => Cause::NoHost,
        }
    }
}

/// The path MTU that a packet of this length was probably too long for.
fn plateau_below(length: u32) -> u32 {
    let below = PLATEAUS.into_iter().find(|plateau| *plateau < length);
    below.unwrap_or(68)
}
