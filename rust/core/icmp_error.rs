// SPDX-License-Identifier: GPL-2.0

//! ICMP errors made from the packet that they are about (RFC 792, RFC 1812, RFC 4443).
//!
//! An error is some headers before the beginning of that packet: what is built here is put
//! before it, after it was cut.

use zerocopy::{
    network_endian::{U128, U16, U32},
    FromBytes,
    IntoBytes, //
};

use super::checksum::{
    fold,
    sum, //
};
use super::fragment::Fragment;
use super::icmp::{
    pseudo_header,
    Cause,
    Header,
    Meaning,
    Messages,
    HEADER_LENGTH, //
};
use super::ipv4;
use super::ipv6::{
    self,
    Ipv6, //
};
use super::network::Network;
use super::prefix::Prefix;
use super::tuple::{
    Address,
    Ipv4Address,
    Ipv6Address, //
};

/// Hops that an error may take.
const HOPS: u8 = 64;

/// Precedence of internetwork control, as routers send errors (RFC 1812, 4.3.2.5).
const INTERNETWORK_CONTROL: u8 = 0xc0;

/// How many bytes of a packet of `len` bytes an error about it quotes.
pub fn quoted_length<A: Network>(len: usize) -> usize {
    let room = A::LONGEST_ERROR
        .wrapping_sub(A::HEADER_LENGTH)
        .wrapping_sub(HEADER_LENGTH);
    len.min(room)
}

/// An IP version with headers of errors.
pub trait Errors: Messages {
    /// Sender of the packet at the beginning of `bytes`, if an error about it may be sent: to one
    /// host, about a packet that was sent to one host, about no later fragment and about no error.
    fn sender(bytes: &[u8]) -> Option<Self>;

    /// The IP header before `length` bytes of ICMP, and the ICMP header.
    fn headers(source: Self, destination: Self, length: u16, icmp: &Header) -> Option<Prefix>;
}

/// The headers of the error that `source` sends about a packet.
///
/// `quoted` is that packet's beginning, [`quoted_length`] bytes of it and without padding: the
/// headers are to be put before just these. `None` if no error may be sent about it.
pub fn build<A: Errors>(source: A, cause: Cause, quoted: &[u8]) -> Option<Prefix> {
    if quoted.len() > quoted_length::<A>(quoted.len()) {
        return None;
    }
    let destination = A::sender(quoted)?;
    let (kind, code, rest) = A::error(cause);
    let mut icmp = Header {
        kind,
        code,
        checksum: U16::ZERO,
        rest: U32::new(rest),
    };
    let length = quoted.len().wrapping_add(HEADER_LENGTH);
    let covered = pseudo_header(source, destination, length)
        .wrapping_add(sum(icmp.as_bytes()))
        .wrapping_add(sum(quoted));
    icmp.checksum = U16::new(!fold(covered));
    A::headers(source, destination, u16::try_from(length).ok()?, &icmp)
}

/// Whether an error may be sent about what an ICMP header is part of.
fn is_no_error<A: Messages>(message: Option<&[u8]>) -> bool {
    // One of which the type is missing may be anything.
    message
        .and_then(|message| Header::ref_from_prefix(message).ok())
        .is_some_and(|(header, _)| {
            matches!(
                A::meaning(header),
                Meaning::EchoRequest | Meaning::EchoReply
            )
        })
}

impl Errors for Ipv4Address {
    fn sender(bytes: &[u8]) -> Option<Self> {
        let (header, _) = ipv4::Header::ref_from_prefix(bytes).ok()?;
        let length = ipv4::announced_length(header.version_ihl);
        let source = Self::from_bits(header.source.get());
        let destination = Self::from_bits(header.destination.get());
        let allowed = header.version_ihl >> 4 == 4
            && length >= ipv4::HEADER_LENGTH
            && header.piece().offset == 0
            && source.may_be_answered()
            && destination.may_be_answered()
            && (header.protocol != Self::ICMP || is_no_error::<Self>(bytes.get(length..)));
        allowed.then_some(source)
    }

    fn headers(source: Self, destination: Self, length: u16, icmp: &Header) -> Option<Prefix> {
        let mut ip = ipv4::Header {
            version_ihl: ipv4::USUAL,
            tos: INTERNETWORK_CONTROL,
            total_length: U16::new(length.checked_add(ipv4::HEADER_LENGTH as u16)?),
            identification: U16::ZERO,
            fragment: U16::new(ipv4::DONT_FRAGMENT),
            ttl: HOPS,
            protocol: Self::ICMP,
            checksum: U16::ZERO,
            source: U32::new(source.bits()),
            destination: U32::new(destination.bits()),
        };
        ip.checksum = U16::new(!fold(sum(ip.as_bytes())));
        Prefix::of([ip.as_bytes(), icmp.as_bytes()])
    }
}

impl Errors for Ipv6Address {
    fn sender(bytes: &[u8]) -> Option<Self> {
        let ip = Ipv6::parse(bytes, usize::MAX).ok()?;
        let allowed = ip.fragment != Fragment::Later
            && ip.source.may_be_answered()
            && ip.destination.may_be_answered()
            && (ip.protocol != Self::ICMP || is_no_error::<Self>(bytes.get(ip.header_length..)));
        allowed.then_some(ip.source)
    }

    fn headers(source: Self, destination: Self, length: u16, icmp: &Header) -> Option<Prefix> {
        let ip = ipv6::Header {
            version_class_flow: U32::new(6 << 28),
            payload_length: U16::new(length),
            next_header: Self::ICMP,
            hop_limit: HOPS,
            source: U128::new(source.bits()),
            destination: U128::new(destination.bits()),
        };
        Prefix::of([ip.as_bytes(), icmp.as_bytes()])
    }
}
