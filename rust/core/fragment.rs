// SPDX-License-Identifier: GPL-2.0

//! Fragments of IP packets, alike for both families.

use super::protocol::Protocol;
use super::{
    sctp,
    tcp,
    udp, //
};

/// What of a packet an IP packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// The whole of it.
    Whole,
    /// Its beginning, with the transport header.
    First,
    /// A later part.
    Later,
}

/// The longest packet that fragments may make up: what a 16-bit length can say.
const LONGEST: u32 = 65_535;

/// Which part of a packet's payload a fragment is. All lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Identification of the packet: 16 bits of it for IPv4.
    pub identification: u32,
    /// Where the part begins in the fragmented payload.
    pub offset: u32,
    /// The part's length.
    pub length: u32,
    /// Bytes of every fragment before the part that count for the packet's length as well: the
    /// IPv4 header; for IPv6 the extension headers before the fragment header.
    pub before: u32,
    /// Whether more parts follow.
    pub more: bool,
}

/// Why a fragment is dropped wherever it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A first fragment without all of the transport header: what filters look at could be
    /// given differently in the next one (RFC 1858, 3).
    Tiny,
    /// A later fragment that reaches into the first one (RFC 1858, 4; RFC 5722).
    Overlap,
    /// No part at all, or one before the last whose length is no multiple of 8.
    Length,
    /// It ends past the longest packet that can be.
    TooLong,
}

/// Bytes of the transport header that have to be in the first fragment.
pub const fn first_length(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp => tcp::HEADER_LENGTH as u32,
        Protocol::Udp => udp::HEADER_LENGTH as u32,
        Protocol::Sctp => sctp::HEADER_LENGTH as u32,
    }
}

impl Piece {
    /// What of the packet this is. A fragment that is the whole payload counts as whole
    /// (RFC 6946).
    #[inline(always)]
    pub const fn kind(&self) -> Fragment {
        if self.offset != 0 {
            Fragment::Later
        } else if self.more {
            Fragment::First
        } else {
            Fragment::Whole
        }
    }

    /// The first byte after the part, counted from the payload's beginning.
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.length)
    }

    /// Looks for what is wrong with the fragment by itself, given the transport protocol that
    /// the header names, if it is one that can be balanced.
    pub const fn check(&self, protocol: Option<Protocol>) -> Result<(), Fault> {
        if self.length == 0 || (self.more && self.length % 8 != 0) {
            return Err(Fault::Length);
        }
        if self.before.saturating_add(self.end()) > LONGEST {
            return Err(Fault::TooLong);
        }
        let Some(protocol) = protocol else {
            return Ok(());
        };
        match self.kind() {
            Fragment::First if self.length < first_length(protocol) => Err(Fault::Tiny),
            Fragment::Later if self.offset < first_length(protocol) => Err(Fault::Overlap),
            _ => Ok(()),
        }
    }
}
