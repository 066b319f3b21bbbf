// SPDX-License-Identifier: GPL-2.0

//! The IPv4 header (RFC 791).

use zerocopy::{
    network_endian::{U16, U32},
    FromBytes, //
};

use super::checksum;
use super::fragment::Piece;
use super::tuple::Ipv4Address;

pub use super::fragment::Fragment;

/// Bytes of a header without options.
pub const HEADER_LENGTH: usize = 20;

/// The first byte of a header without options: version 4, 5 words.
pub const USUAL: u8 = 0x45;

/// In [`Header::fragment`]: must not be fragmented.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// In [`Header::fragment`]: more fragments follow.
const MORE_FRAGMENTS: u16 = 0x2000;
/// In [`Header::fragment`]: the offset, in units of 8 bytes.
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The header as it lies in the packet, without options.
#[derive(
    Clone,
    Copy,
    Debug,
    zerocopy_derive::FromBytes,
    zerocopy_derive::Immutable,
    zerocopy_derive::IntoBytes,
    zerocopy_derive::KnownLayout,
    zerocopy_derive::Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Version (4) in the upper half, header length in words of 4 bytes in the lower.
    pub version_ihl: u8,
    /// Differentiated services and congestion notification.
    pub tos: u8,
    /// Length of header and data in bytes.
    pub total_length: U16,
    /// Identification of the packet whose fragment this is.
    pub identification: U16,
    /// Two flags and the fragment offset.
    pub fragment: U16,
    /// Hops left.
    pub ttl: u8,
    /// The protocol of the data.
    pub protocol: u8,
    /// Checksum over the header and its options.
    pub checksum: U16,
    /// The sender's address.
    pub source: U32,
    /// The receiver's address.
    pub destination: U32,
}

impl Header {
    /// Which part of its packet the fragment is; a whole packet is all of it.
    ///
    /// The header must have been checked by [`Ipv4::parse`].
    #[inline(always)]
    pub fn piece(&self) -> Piece {
        let header_length = announced_length(self.version_ihl) as u32;
        let fragment = self.fragment.get();
        Piece {
            identification: u32::from(self.identification.get()),
            offset: u32::from(fragment & FRAGMENT_OFFSET) << 3,
            length: u32::from(self.total_length.get()).wrapping_sub(header_length),
            before: header_length,
            more: fragment & MORE_FRAGMENTS != 0,
        }
    }

    /// Whether it is that of a whole packet and not of a fragment.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        self.fragment.get() & (MORE_FRAGMENTS | FRAGMENT_OFFSET) == 0
    }

    /// Whether the checksum of a header without options is right. Of nothing but zeros it is.
    #[inline(always)]
    pub fn is_sound(&self) -> bool {
        // What folds to all ones is a multiple of them, which is sooner told than folded.
        self.native_sum() % 0xffff == 0
    }

    /// The one's complement sum of the header in the machine's own byte order.
    ///
    /// Whether it is all ones does not depend on the order (RFC 1071, 2.B).
    #[inline(always)]
    fn native_sum(self) -> u64 {
        let [a, b, c, d, e]: [u32; 5] = zerocopy::transmute!(self);
        [b, c, d, e]
            .into_iter()
            .fold(u64::from(a), |sum, word| sum.wrapping_add(u64::from(word)))
    }
}

/// Why bytes are not a sound IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The version is not 4.
    Version,
    /// Shorter than the header, a length that lies, or a wrong checksum.
    Malformed,
}

/// A sound header's content.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4 {
    /// Bytes of the header with its options, 20 to 60.
    pub header_length: usize,
    /// Bytes of header and data; not more than the packet has.
    pub total_length: usize,
    /// Differentiated services and congestion notification.
    pub tos: u8,
    /// Hops left.
    pub ttl: u8,
    /// The IP protocol number.
    pub protocol: u8,
    /// Whether this is a fragment.
    pub fragment: Fragment,
    /// The sender.
    pub source: Ipv4Address,
    /// The receiver.
    pub destination: Ipv4Address,
}

/// The header length, options included, that the first byte of a packet tells; not checked.
#[inline(always)]
pub fn announced_length(first: u8) -> usize {
    usize::from(first & 0x0f) << 2
}

impl Ipv4 {
    /// Reads and checks the header at the beginning of `bytes`, of a packet of `len` bytes.
    ///
    /// `bytes` holds the packet's beginning: the header with its options, if the packet has
    /// that many. `header_length` is the [`announced_length`] of its first byte, which the
    /// caller had to know anyway.
    #[inline(always)]
    pub fn parse(bytes: &[u8], len: usize, header_length: usize) -> Result<Self, Error> {
        Self::parse_one(bytes, len, header_length, false)
    }

    /// The same of a packet that may be longer than its header can say, and then says 0
    /// ([`super::packet::Packet::is_big`]).
    #[cold]
    pub fn parse_big(bytes: &[u8], len: usize, header_length: usize) -> Result<Self, Error> {
        Self::parse_one(bytes, len, header_length, true)
    }

    #[inline(always)]
    fn parse_one(bytes: &[u8], len: usize, header_length: usize, big: bool) -> Result<Self, Error> {
        let Ok((header, _)) = Header::ref_from_prefix(bytes) else {
            return Err(match bytes.first() {
                Some(first) if first >> 4 != 4 => Error::Version,
                _ => Error::Malformed,
            });
        };
        if header.version_ihl >> 4 != 4 {
            return Err(Error::Version);
        }
        let total_length = match usize::from(header.total_length.get()) {
            0 if big => len,
            said => said,
        };
        if header_length < HEADER_LENGTH || total_length < header_length || total_length > len {
            return Err(Error::Malformed);
        }
        let mut sum = header.native_sum();
        if header_length > HEADER_LENGTH {
            let options = bytes
                .get(HEADER_LENGTH..header_length)
                .ok_or(Error::Malformed)?;
            // checksum::sum() is in network order, native_sum() perhaps not: swap the folded word.
            let swapped = checksum::fold(checksum::sum(options)).to_be();
            sum = sum.wrapping_add(u64::from(swapped));
        }
        if checksum::fold(sum) != 0xffff {
            return Err(Error::Malformed);
        }
        let fragment = header.fragment.get();
        Ok(Self {
            header_length,
            total_length,
            tos: header.tos,
            ttl: header.ttl,
            protocol: header.protocol,
            fragment: if fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) == 0 {
                Fragment::Whole
            } else if fragment & FRAGMENT_OFFSET == 0 {
                Fragment::First
            } else {
                Fragment::Later
            },
            source: Ipv4Address::from_bits(header.source.get()),
            destination: Ipv4Address::from_bits(header.destination.get()),
        })
    }
}
