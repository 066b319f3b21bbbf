// SPDX-License-Identifier: GPL-2.0

//! The TCP header (RFC 9293, 3.1).

use ::core::ops::BitOr;

use zerocopy::{
    network_endian::{U16, U32},
    FromBytes, //
};

/// Bytes of a header without options.
pub const HEADER_LENGTH: usize = 20;

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
    /// The sender's port.
    pub source: U16,
    /// The receiver's port.
    pub destination: U16,
    /// Number of the first byte of data, or of SYN.
    pub sequence: U32,
    /// Number of the byte that is expected next, if ACK is set.
    pub acknowledgment: U32,
    /// Header length in words of 4 bytes, in the upper half.
    pub data_offset: u8,
    /// Control bits.
    pub flags: u8,
    /// Receive window.
    pub window: U16,
    /// Checksum over pseudo-header, header and data.
    pub checksum: U16,
    /// Urgent pointer.
    pub urgent: U16,
}

/// The control bits of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender has no more data.
    pub const FIN: Self = Self(0x01);
    /// Sequence numbers are to be synchronized.
    pub const SYN: Self = Self(0x02);
    /// The connection is to be reset.
    pub const RST: Self = Self(0x04);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether all of `other`'s bits are set.
    #[inline(always)]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this is a client's first segment: SYN without ACK, RST and FIN.
    #[inline(always)]
    pub const fn opens(self) -> bool {
        self.0 & (Self::SYN.0 | Self::ACK.0 | Self::RST.0 | Self::FIN.0) == Self::SYN.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether the header at the beginning of `bytes`, of a segment of `len` bytes, is as sound as
/// [`Tcp::parse`] wants it and neither opens nor ends a connection.
#[inline(always)]
pub fn goes_on(bytes: &[u8], len: usize) -> bool {
    const OTHER: u8 = Flags::SYN.0 | Flags::RST.0 | Flags::FIN.0;
    is_sound(bytes, len, |flags| {
        flags.0 & (OTHER | Flags::ACK.0) == Flags::ACK.0
    })
}

/// Whether it is as sound as that and opens a connection.
#[inline(always)]
pub fn opens(bytes: &[u8], len: usize) -> bool {
    is_sound(bytes, len, Flags::opens)
}

/// Whether it is as sound as that and has such flags.
#[inline(always)]
fn is_sound(bytes: &[u8], len: usize, wanted: impl FnOnce(Flags) -> bool) -> bool {
    Header::ref_from_prefix(bytes).is_ok_and(|(header, _)| {
        let header_length = usize::from(header.data_offset >> 4) << 2;
        wanted(Flags(header.flags)) && header_length >= HEADER_LENGTH && header_length <= len
    })
}

/// A sound segment's header.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// Number of the first byte of data, or of SYN.
    pub sequence: u32,
    /// Number of the byte that is expected next, if ACK is set.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: Flags,
    /// Sequence numbers that the segment takes up: its data, SYN and FIN.
    pub sequence_length: u32,
}

impl Tcp {
    /// Reads and checks the header at the beginning of `bytes`, of a segment of `len` bytes.
    ///
    /// `None` if the header or its options do not fit. The checksum is not looked at: an
    /// incremental update keeps a wrong one wrong, and the receiver finds out.
    #[inline(always)]
    pub fn parse(bytes: &[u8], len: usize) -> Option<Self> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        let header_length = usize::from(header.data_offset >> 4) << 2;
        if header_length < HEADER_LENGTH || header_length > len {
            return None;
        }
        let flags = Flags(header.flags);
        // A segment is at most 64 kB.
        let data = len.wrapping_sub(header_length) as u32;
        Some(Self {
            source: header.source.get(),
            destination: header.destination.get(),
            sequence: header.sequence.get(),
            acknowledgment: header.acknowledgment.get(),
            flags,
            sequence_length: data
                .wrapping_add(u32::from(flags.has(Flags::SYN)))
                .wrapping_add(u32::from(flags.has(Flags::FIN))),
        })
    }
}
