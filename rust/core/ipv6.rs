// SPDX-License-Identifier: GPL-2.0

//! The IPv6 header and its extension headers (RFC 8200, RFC 4302).

use zerocopy::{
    network_endian::{U128, U16, U32},
    FromBytes, //
};

use super::fragment::{
    Fragment,
    Piece, //
};
use super::tuple::Ipv6Address;

/// Bytes of the header without extension headers.
pub const HEADER_LENGTH: usize = 40;

/// Bytes of the fragment header.
pub const FRAGMENT_LENGTH: usize = 8;

/// The smallest MTU of a link that carries IPv6.
pub const MINIMUM_MTU: usize = 1280;

/// The longest chain of headers that is followed, the IPv6 header included, in bytes. Linux's own
/// limits for options are far below.
pub const LONGEST_CHAIN: usize = 512;

/// How many extension headers are followed.
const MOST_HEADERS: u32 = 8;

/// Values of the next header field that are extension headers.
mod next {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

/// No header and no data follows.
pub const NO_NEXT_HEADER: u8 = 59;

/// The routing header, which [`Ipv6::protocol`] names if it has segments left.
pub const ROUTING: u8 = next::ROUTING;

/// The header as it lies in the packet.
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
    /// Version (6) in 4 bits, traffic class in 8, flow label in 20.
    pub version_class_flow: U32,
    /// Bytes after this header.
    pub payload_length: U16,
    /// What comes after this header.
    pub next_header: u8,
    /// Hops left.
    pub hop_limit: u8,
    /// The sender's address.
    pub source: U128,
    /// The receiver's address.
    pub destination: U128,
}

impl Header {
    /// The traffic class: differentiated services and congestion notification.
    #[inline(always)]
    pub fn traffic_class(&self) -> u8 {
        (self.version_class_flow.get() >> 20) as u8
    }

    /// The flow label, 20 bits.
    #[inline(always)]
    pub fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & 0xf_ffff
    }
}

/// Why bytes are not a sound IPv6 packet that can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The version is not 6.
    Version,
    /// Shorter than the header, a length that lies, or a jumbogram (RFC 2675), which no link of
    /// ours carries.
    Malformed,
    /// So many bytes from the packet's beginning are needed, which it has.
    Missing(usize),
    /// The extension headers run out of the packet, are more than are followed, or are in an
    /// order that is forbidden. The addresses were read.
    Chain {
        /// The sender.
        source: Ipv6Address,
        /// The receiver.
        destination: Ipv6Address,
    },
}

/// A sound header's content.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6 {
    /// Bytes of the header with all extension headers that were followed: where the transport
    /// header is.
    pub header_length: usize,
    /// Bytes of headers and data; not more than the packet has.
    pub total_length: usize,
    /// Hops left.
    pub hop_limit: u8,
    /// Differentiated services and congestion notification.
    pub traffic_class: u8,
    /// The protocol number after the last header that was followed: in a later fragment that
    /// which the fragment header names, which may be an extension header; [`ROUTING`] if the
    /// packet is to be routed on to another address than [`Self::destination`].
    pub protocol: u8,
    /// Whether this is a fragment.
    pub fragment: Fragment,
    /// The content of the fragment header, if there is one.
    pub piece: Option<Piece>,
    /// The sender.
    pub source: Ipv6Address,
    /// The receiver.
    pub destination: Ipv6Address,
}

impl Ipv6 {
    /// Reads and checks the header at the beginning of `bytes`, of a packet of `len` bytes, and
    /// follows its extension headers as far as `bytes` reaches.
    ///
    /// Of the authentication header only the length is looked at: whoever checks it finds out
    /// whether the packet may have been translated.
    #[inline(always)]
    pub fn parse(bytes: &[u8], len: usize) -> Result<Self, Error> {
        Self::parse_one(bytes, len, false)
    }

    /// The same of a packet that may be longer than its header can say, and then says 0
    /// ([`super::packet::Packet::is_big`]); not of a jumbogram, which has an option for that.
    #[cold]
    pub fn parse_big(bytes: &[u8], len: usize) -> Result<Self, Error> {
        Self::parse_one(bytes, len, true)
    }

    #[inline(always)]
    fn parse_one(bytes: &[u8], len: usize, big: bool) -> Result<Self, Error> {
        let Ok((header, _)) = Header::ref_from_prefix(bytes) else {
            return Err(match bytes.first() {
                Some(first) if first >> 4 != 6 => Error::Version,
                _ if bytes.len() < len && len >= HEADER_LENGTH => Error::Missing(HEADER_LENGTH),
                _ => Error::Malformed,
            });
        };
        if header.version_class_flow.get() >> 28 != 6 {
            return Err(Error::Version);
        }
        let payload = usize::from(header.payload_length.get());
        let total_length = match payload {
            0 if big => len,
            said => said.wrapping_add(HEADER_LENGTH),
        };
        let is_jumbo = payload == 0 && header.next_header == next::HOP_BY_HOP;
        if total_length > len || is_jumbo {
            return Err(Error::Malformed);
        }
        let ip = Self {
            header_length: HEADER_LENGTH,
            total_length,
            hop_limit: header.hop_limit,
            traffic_class: header.traffic_class(),
            protocol: header.next_header,
            fragment: Fragment::Whole,
            piece: None,
            source: Ipv6Address::from_bits(header.source.get()),
            destination: Ipv6Address::from_bits(header.destination.get()),
        };
        if is_extension(ip.protocol) {
            ip.follow(bytes)
        } else {
            Ok(ip)
        }
    }

    /// Follows the extension headers.
    #[cold]
    #[inline(never)]
    fn follow(mut self, bytes: &[u8]) -> Result<Self, Error> {
        let wrong = Error::Chain {
            source: self.source,
            destination: self.destination,
        };
        let mut left = MOST_HEADERS;
        while is_extension(self.protocol) {
            let at = self.header_length;
            // Hop-by-hop options come first or not at all (RFC 8200, 4.1), and a packet is
            // fragmented once.
            let in_order = match self.protocol {
                next::HOP_BY_HOP => at == HEADER_LENGTH,
                next::FRAGMENT => self.piece.is_none(),
                _ => true,
            };
            let end = at.wrapping_add(8);
            if left == 0 || !in_order || end > self.total_length.min(LONGEST_CHAIN) {
                return Err(wrong);
            }
            left = left.wrapping_sub(1);
            let [following, length, high, low, id @ ..] = *bytes
                .get(at..)
                .and_then(<[u8]>::first_chunk::<8>)
                .ok_or(Error::Missing(end))?;
            let length = match self.protocol {
                next::FRAGMENT => FRAGMENT_LENGTH,
                next::AUTHENTICATION => usize::from(length).wrapping_add(2) << 2,
                _ => usize::from(length).wrapping_add(1) << 3,
            };
            if self.protocol == next::ROUTING && low != 0 {
                // Segments left: the receiver is another one.
                return Ok(self);
            }
            let end = at.wrapping_add(length);
            if end > self.total_length.min(LONGEST_CHAIN) {
                return Err(wrong);
            }
            if self.protocol == next::FRAGMENT {
                let offset = u16::from_be_bytes([high, low]);
                let piece = Piece {
                    identification: u32::from_be_bytes(id),
                    offset: u32::from(offset & !7),
                    length: self.total_length.wrapping_sub(end) as u32,
                    before: at.wrapping_sub(HEADER_LENGTH) as u32,
                    more: offset & 1 != 0,
                };
                self.piece = Some(piece);
                self.fragment = piece.kind();
            }
            self.protocol = following;
            self.header_length = end;
            if self.fragment == Fragment::Later {
                break;
            }
        }
        Ok(self)
    }
}

/// Whether a next header value is that of an extension header that is followed.
#[inline(always)]
pub const fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        next::HOP_BY_HOP
            | next::ROUTING
            | next::FRAGMENT
            | next::AUTHENTICATION
            | next::DESTINATION
    )
}
