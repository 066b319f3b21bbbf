// SPDX-License-Identifier: GPL-2.0

//! The SCTP common header and chunks (RFC 9260, 3).

use zerocopy::{
    byteorder::little_endian,
    network_endian::{U16, U32},
    FromBytes, //
};

/// Bytes of the common header.
pub const HEADER_LENGTH: usize = 12;

/// Bytes of the common header and a chunk's: what the smallest packet has.
pub const LEAST_LENGTH: usize = HEADER_LENGTH + 4;

/// How many chunks are looked at.
const MOST_CHUNKS: u32 = 4;

/// The common header as it lies in the packet.
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
    /// The sender's port.
    pub source: U16,
    /// The receiver's port.
    pub destination: U16,
    /// What the receiver knows the association by; 0 in INIT.
    pub verification_tag: U32,
    /// CRC32c over the packet with this field 0. The CRC's lowest bits come first, whatever
    /// RFC 9260 means by network order (its appendix A).
    pub checksum: little_endian::U32,
}

/// Types of chunks, a set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunks(pub u16);

impl Chunks {
    /// Opens an association.
    pub const INIT: Self = Self(1 << 1);
    /// Answers INIT.
    pub const INIT_ACK: Self = Self(1 << 2);
    /// Ends an association at once.
    pub const ABORT: Self = Self(1 << 6);
    /// The sender has no more data.
    pub const SHUTDOWN: Self = Self(1 << 7);
    /// Answers SHUTDOWN.
    pub const SHUTDOWN_ACK: Self = Self(1 << 8);
    /// The client returns the cookie of INIT ACK.
    pub const COOKIE_ECHO: Self = Self(1 << 10);
    /// Answers COOKIE ECHO.
    pub const COOKIE_ACK: Self = Self(1 << 11);
    /// Answers SHUTDOWN ACK.
    pub const SHUTDOWN_COMPLETE: Self = Self(1 << 14);

    /// The set with this type of chunk alone; types above 15 are extensions, of no state.
    const fn of_type(kind: u8) -> Self {
        Self(if kind < 16 { 1 << kind } else { 0 })
    }

    /// Whether any of `others` is in the set.
    #[inline(always)]
    pub const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether this is a client's first packet: INIT, which is never bundled (RFC 9260, 3.1).
    #[inline(always)]
    pub const fn opens(self) -> bool {
        self.any(Self::INIT)
    }

    /// The set with the other's members, too.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A sound packet's header.
#[derive(Clone, Copy, Debug)]
pub struct Sctp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// What the receiver knows the association by.
    pub verification_tag: u32,
    /// The types of the first chunks, as far as they were within the bytes that were given.
    pub chunks: Chunks,
}

impl Sctp {
    /// Reads and checks the header at the beginning of `bytes`, of a packet of `len` bytes.
    ///
    /// `None` if the header and a first chunk do not fit. [`LEAST_LENGTH`] bytes show the first
    /// chunk's type; SHUTDOWN and ABORT may stand behind others that are small (RFC 9260, 6.10),
    /// so 64 bytes are better. The CRC is not looked at: an update keeps a wrong one wrong.
    #[inline(always)]
    pub fn parse(bytes: &[u8], len: usize) -> Option<Self> {
        let (header, rest) = Header::ref_from_prefix(bytes).ok()?;
        let mut left = len.checked_sub(HEADER_LENGTH)?;
        let mut rest = rest.get(..left.min(rest.len()))?;
        let mut chunks = Chunks::default();
        for number in 0..MOST_CHUNKS {
            let Some([kind, _flags, high, low]) = rest.first_chunk::<4>().copied() else {
                if number == 0 {
                    return None;
                }
                break;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length < 4 || length > left {
                if number == 0 {
                    return None;
                }
                break;
            }
            chunks = chunks.with(Chunks::of_type(kind));
            // Chunks are padded to 4 bytes.
            let padded = length.wrapping_add(3) & !3;
            left = left.saturating_sub(padded);
            rest = rest.get(padded..).unwrap_or_default();
        }
        Some(Self {
            source: header.source.get(),
            destination: header.destination.get(),
            verification_tag: header.verification_tag.get(),
            chunks,
        })
    }
}
