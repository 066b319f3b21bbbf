// SPDX-License-Identifier: GPL-2.0

//! Messages to the sender of a packet that cannot go on.

use crate::core::drop_reason::DropReason;
use crate::core::icmp::Cause;
use crate::core::icmp_error::{
    build,
    quoted_length, //
};
use crate::core::packet::Packet;

use super::version::Version;

/// Why a packet cannot go on, for its sender to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The hops it was given are used up.
    HopLimit,
    /// It is longer than what the way takes: this many bytes of an IP packet.
    TooBig(u32),
}

impl Report {
    /// What a packet that ends so is counted for.
    pub const fn reason(self) -> DropReason {
        match self {
            Self::HopLimit => DropReason::Ttl,
            Self::TooBig(_) => DropReason::TooBig,
        }
    }

    /// Turns a packet that was read without fault into the ICMP or ICMPv6 message about it to its
    /// sender. False if nobody may be told of it (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)), or if
    /// there is no memory.
    pub fn turn<A: Version, P: Packet>(self, packet: &mut P, source: A) -> bool {
        let cause = match self {
            Self::HopLimit => Cause::NoHops,
            Self::TooBig(mtu) => Cause::TooBig { mtu },
        };
        // Without the padding of a short frame.
        let length = A::read(packet).segment.length;
        let keep = quoted_length::<A>(length);
        let prefix = packet
            .peek(keep)
            .and_then(|quoted| build::<A>(source, cause, quoted));
        match prefix {
            Some(prefix) => packet.trim(keep) && packet.prepend(prefix.as_slice(), A::FAMILY),
            None => false,
        }
    }
}
