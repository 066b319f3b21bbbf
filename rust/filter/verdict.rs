// SPDX-License-Identifier: GPL-2.0

//! What the filter decided.

use crate::core::drop_reason::DropReason;
use crate::core::fragment_table::Key;
use crate::core::method::{
    Encapsulation,
    Method, //
};
use crate::core::network::End;
use crate::core::packet::Packet;
use crate::core::rewrite::{
    translate,
    Transport, //
};
use crate::core::tuple::{
    Address,
    Direction,
    Endpoint,
    IpAddress, //
};

use super::report::Report;
use super::segment::Segment;
use super::version::Version;

/// What is to become of a packet.
#[derive(Debug)]
#[must_use]
pub enum Verdict<'a, A: Address, D> {
    /// It is none of ours and was not changed: the ordinary stack takes it.
    Pass,
    /// It is to be sent on. Nothing of it has been changed yet: [`Forward::rewrite`] does that,
    /// once it is known that the way out takes a packet of that length.
    Forward(Forward<'a, A, D>),
    /// The same for a first fragment; afterwards, what was held for it is to be decided on again.
    First(Forward<'a, A, D>, Key),
    /// It is to be held: a fragment of something of ours, whose first one has not come.
    Hold(Key),
    /// It was turned into an answer to where it came from, to be counted for this reason or, if
    /// there is none, as sent on.
    Answer(Option<DropReason>),
    /// Its sender is to be told that it cannot go on ([`Report::turn`]).
    Report(Report),
    /// It was turned into a message to this address, to be routed there and counted likewise.
    Message(IpAddress, Option<DropReason>),
    /// It ends here. Its bytes may have been rearranged, but not changed.
    Drop(DropReason),
}

/// A packet to be sent on, and what to count it for.
#[derive(Debug)]
pub struct Forward<'a, A: Address, D> {
    /// What was read of it.
    pub segment: Segment<A>,
    /// To the destination or back to the client.
    pub direction: Direction,
    /// How it gets there; [`Method::Nat`] for whatever goes back to the client.
    pub method: Method,
    /// What takes the place of its receiver (forward) or sender (reply), for [`Method::Nat`].
    pub instead: Endpoint<A>,
    /// It is a fragment without a transport header.
    pub is_later_fragment: bool,
    /// The destination, unless it is gone altogether.
    pub destination: Option<&'a D>,
    /// Where it is to be routed to; means nothing for [`Method::Local`].
    pub next: IpAddress,
    /// What it travels in, for [`Method::Tunnel`].
    pub encapsulation: Encapsulation,
    /// The number of the service.
    pub service_id: u32,
    /// The number of the destination.
    pub destination_id: u32,
    /// Whether it opened a new connection.
    pub is_new: bool,
}

impl<A: Address, D> Clone for Forward<'_, A, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Address, D> Copy for Forward<'_, A, D> {}

impl<A: Version, D> Forward<'_, A, D> {
    /// Bytes of the IP packet as it came.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.segment.length
    }

    /// Makes the packet what is to leave, but for the encapsulation of a tunnel: translated, hops
    /// counted down, padding cut off.
    ///
    /// # Errors
    ///
    /// [`DropReason::NoMemory`]; the packet may be half changed then.
    #[inline(always)]
    pub fn rewrite<P: Packet>(&self, packet: &mut P) -> Result<(), DropReason> {
        // Ethernet pads short frames, and the padding is not to go on.
        if packet.len() > self.segment.length && !packet.trim(self.segment.length) {
            return Err(DropReason::NoMemory);
        }
        if self.method != Method::Nat || self.is_later_fragment {
            return self.rewrite_header(packet);
        }
        let state = packet.checksum_state();
        let head = packet
            .head(self.segment.head_length())
            .ok_or(DropReason::NoMemory)?;
        let transport = Transport {
            protocol: self.segment.protocol,
            offset: self.segment.offset,
            length: self.segment.length.wrapping_sub(self.segment.offset),
        };
        let end = End::of(self.direction);
        if translate(head, transport, state, end, self.instead, 1) {
            Ok(())
        } else {
            Err(DropReason::NoMemory)
        }
    }

    /// Changes what there is to change of the IP header alone.
    #[inline(never)]
    fn rewrite_header<P: Packet>(&self, packet: &mut P) -> Result<(), DropReason> {
        // What stays in this machine or goes inside another packet has not been forwarded by us,
        // as a hop: the tunnel's exit counts it, or nobody has to (RFC 2003, 3.1 counts at entry).
        let done = match self.method {
            Method::Local => return Ok(()),
            Method::Nat => packet
                .head(self.segment.offset)
                .and_then(|head| {
                    A::exchange(head, End::of(self.direction), self.instead.address, 1)
                })
                .map(|_| ()),
            Method::Direct | Method::Tunnel => packet
                .head(self.segment.offset)
                .and_then(|head| A::hop(head, 1)),
        };
        done.ok_or(DropReason::NoMemory)
    }
}
