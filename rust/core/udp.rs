// SPDX-License-Identifier: GPL-2.0

//! The UDP header (RFC 768).

use zerocopy::{
    network_endian::U16,
    FromBytes, //
};

/// Bytes of the header.
pub const HEADER_LENGTH: usize = 8;

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
    /// The sender's port.
    pub source: U16,
    /// The receiver's port.
    pub destination: U16,
    /// Bytes of header and data.
    pub length: U16,
    /// Checksum over pseudo-header, header and data; 0 stands for none.
    pub checksum: U16,
}

/// A sound datagram's header.
#[derive(Clone, Copy, Debug)]
pub struct Udp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
}

impl Udp {
    /// Reads and checks the header at the beginning of `bytes`, of a datagram to which the IP
    /// header gives `len` bytes.
    ///
    /// `None` if the header does not fit or its length is below 8 or above `len`.
    #[inline(always)]
    pub fn parse(bytes: &[u8], len: usize) -> Option<Self> {
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        let length = usize::from(header.length.get());
        if length < HEADER_LENGTH || length > len {
            return None;
        }
        Some(Self {
            source: header.source.get(),
            destination: header.destination.get(),
        })
    }
}
