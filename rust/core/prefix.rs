// SPDX-License-Identifier: GPL-2.0

//! Headers that are put before a packet.

use super::ipv6;
use super::tcp;

/// The longest of them: an IPv6 header and a TCP header.
const LONGEST: usize = ipv6::HEADER_LENGTH + tcp::HEADER_LENGTH;

/// A few headers in the order in which they are sent, to be put before a packet.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Prefix {
    /// A prefix of these headers; `None` if they are longer than any that is built here.
    pub(super) fn of(headers: [&[u8]; 2]) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        let mut left: &mut [u8] = &mut bytes;
        for header in headers {
            let (place, rest) = left.split_at_mut_checked(header.len())?;
            place.copy_from_slice(header);
            left = rest;
        }
        let length = LONGEST.wrapping_sub(left.len());
        Some(Self { bytes, length })
    }

    /// The headers' bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
