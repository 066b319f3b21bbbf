// SPDX-License-Identifier: GPL-2.0

//! What is done alike to the headers of both families: code that is generic over [`Network`] is
//! written once and compiled for each.

use zerocopy::FromBytes;

use super::checksum::{
    self,
    Difference, //
};
use super::ipv4;
use super::ipv6;
use super::tuple::{
    Address,
    Direction,
    Ipv4Address,
    Ipv6Address, //
};

/// One end of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
}

impl End {
    /// The end that address translation exchanges in a packet that goes this way.
    #[inline(always)]
    pub const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self::Destination,
            Direction::Reply => Self::Source,
        }
    }

    /// The other end.
    #[inline(always)]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// What the exchange of an address in a header changed.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The change of the address, for checksums that cover a pseudo-header.
    pub address: Difference,
    /// The change of every field, the header's own checksum included, for checksums that cover
    /// the header.
    pub header: Difference,
}

/// An IP version with its header.
pub trait Network: Address {
    /// Bytes of the header without options and extension headers.
    const HEADER_LENGTH: usize;

    /// The protocol number of its ICMP.
    const ICMP: u8;

    /// The most bytes of an ICMP error, IP header included (RFC 1812, 4.3.2.3; RFC 4443, 2.4).
    const LONGEST_ERROR: usize;

    /// The change from this address to another, for checksums.
    fn difference(self, to: Self) -> Difference;

    /// The unfolded sum of the pseudo-header; `length` is that of the transport header and data
    /// in bytes.
    fn pseudo_header(source: Self, destination: Self, protocol: u8, length: u32) -> u64;

    /// Puts an address in the place of one end's in the header at the beginning of `bytes`, and
    /// takes `hops` off those left, of which there must be as many. `None` if `bytes` is too
    /// short; nothing is changed then.
    fn exchange(bytes: &mut [u8], end: End, to: Self, hops: u8) -> Option<Exchange>;

    /// Takes `hops` off those left in the header at the beginning of `bytes`, of which there must be
    /// as many. `None` if `bytes` is too short.
    fn hop(bytes: &mut [u8], hops: u8) -> Option<()>;

    /// Turns the header at the beginning of `bytes` around, so that the packet goes back, and
    /// gives it so many hops. `None` if that cannot be done in place.
    fn turn(bytes: &mut [u8], hops: u8) -> Option<()>;
}

impl Network for Ipv4Address {
    const HEADER_LENGTH: usize = ipv4::HEADER_LENGTH;
    const ICMP: u8 = 1;
    const LONGEST_ERROR: usize = 576;

    #[inline(always)]
    fn difference(self, to: Self) -> Difference {
        Difference::NONE.double_word(self.bits(), to.bits())
    }

    #[inline(always)]
    fn pseudo_header(source: Self, destination: Self, protocol: u8, length: u32) -> u64 {
        let sum = checksum::pseudo_header(source.bits(), destination.bits(), protocol, 0);
        sum.wrapping_add(u64::from(length))
    }

    #[inline(always)]
    fn exchange(bytes: &mut [u8], end: End, to: Self, hops: u8) -> Option<Exchange> {
        let (header, _) = ipv4::Header::mut_from_prefix(bytes).ok()?;
        let field = match end {
            End::Source => &mut header.source,
            End::Destination => &mut header.destination,
        };
        let address = Self::from_bits(field.get()).difference(to);
        field.set(to.bits());
        // The time to live is the upper half of its word.
        let change = address.upper_less(hops);
        header.ttl = header.ttl.wrapping_sub(hops);
        let old = header.checksum.get();
        let new = change.apply(old);
        header.checksum.set(new);
        Some(Exchange {
            address,
            header: change.word(old, new),
        })
    }

    #[inline(always)]
    fn hop(bytes: &mut [u8], hops: u8) -> Option<()> {
        let (header, _) = ipv4::Header::mut_from_prefix(bytes).ok()?;
        // The time to live is the upper half of its word.
        let change = Difference::NONE.upper_less(hops);
        header.ttl = header.ttl.wrapping_sub(hops);
        header.checksum.set(change.apply(header.checksum.get()));
        Some(())
    }

    fn turn(bytes: &mut [u8], hops: u8) -> Option<()> {
        let (header, _) = ipv4::Header::mut_from_prefix(bytes).ok()?;
        if header.version_ihl != ipv4::USUAL {
            // A source route would have to be turned around, too.
            return None;
        }
        ::core::mem::swap(&mut header.source, &mut header.destination);
        let change = Difference::NONE.word(u16::from(header.ttl) << 8, u16::from(hops) << 8);
        header.ttl = hops;
        header.checksum.set(change.apply(header.checksum.get()));
        Some(())
    }
}

impl Network for Ipv6Address {
    const HEADER_LENGTH: usize = ipv6::HEADER_LENGTH;
    const ICMP: u8 = 58;
    const LONGEST_ERROR: usize = ipv6::MINIMUM_MTU;

    #[inline(always)]
    fn difference(self, to: Self) -> Difference {
        Difference::NONE.long(self.bits(), to.bits())
    }

    #[inline(always)]
    fn pseudo_header(source: Self, destination: Self, protocol: u8, length: u32) -> u64 {
        checksum::words(source.bits())
            .wrapping_add(checksum::words(destination.bits()))
            .wrapping_add(u64::from(protocol))
            .wrapping_add(u64::from(length))
    }

    #[inline(always)]
    fn exchange(bytes: &mut [u8], end: End, to: Self, hops: u8) -> Option<Exchange> {
        let (header, _) = ipv6::Header::mut_from_prefix(bytes).ok()?;
        let field = match end {
            End::Source => &mut header.source,
            End::Destination => &mut header.destination,
        };
        let address = Self::from_bits(field.get()).difference(to);
        field.set(to.bits());
        let hop_limit = header.hop_limit.wrapping_sub(hops);
        // The hop limit is the lower half of its word.
        let change = address.word(u16::from(header.hop_limit), u16::from(hop_limit));
        header.hop_limit = hop_limit;
        Some(Exchange {
            address,
            header: change,
        })
    }

    #[inline(always)]
    fn hop(bytes: &mut [u8], hops: u8) -> Option<()> {
        let (header, _) = ipv6::Header::mut_from_prefix(bytes).ok()?;
        header.hop_limit = header.hop_limit.wrapping_sub(hops);
        Some(())
    }

    fn turn(bytes: &mut [u8], hops: u8) -> Option<()> {
        let (header, _) = ipv6::Header::mut_from_prefix(bytes).ok()?;
        ::core::mem::swap(&mut header.source, &mut header.destination);
        header.hop_limit = hops;
        Some(())
    }
}
