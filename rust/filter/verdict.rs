// SPDX-License-Identifier: GPL-2.0

//! What the filter decided.

use crate::core::drop_reason::DropReason;
use crate::core::method::{
    Encapsulation,
    Method, //
};
use crate::core::packet::Packet;
use crate::core::tuple::{
    Address,
    Direction,
    Endpoint,
    IpAddress, //
};

use super::network::Network;
use super::rewrite::translate;
use super::segment::Segment;

/// What is to become of a packet.
#[derive(Debug)]
#[must_use]
pub enum Verdict<'a, A: Address, D> {
    /// It is none of ours and was not changed: the ordinary stack takes it.
    Pass,
    /// It is to be sent on. Nothing of it has been changed yet: [`Forward::rewrite`] does that,
    /// once it is known that the way out takes a packet of that length.
    Forward(Forward<'a, A, D>),
    /// It was turned into an answer to where it came from, to be counted for this reason.
    Answer(DropReason),
    /// Its sender is to be told that it cannot go on ([`Network::report`]).
    Report(Report),
    /// It was turned into a message to this address, to be routed there and counted for this
    /// reason.
    Message(IpAddress, DropReason),
    /// It ends here. Its bytes may have been rearranged, but not changed.
    Drop(DropReason),
}

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

impl<A: Network, D> Forward<'_, A, D> {
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
        if translate(head, &self.segment, state, self.direction, self.instead) {
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
            Method::Local => Some(()),
            Method::Nat => packet.head(self.segment.offset).and_then(|head| {
                let to = self.instead.address;
                A::exchange(head, &self.segment, self.direction, to).map(|_| ())
            }),
            Method::Direct | Method::Tunnel => packet
                .head(self.segment.offset)
                .and_then(|head| A::hop(head, &self.segment).then_some(())),
        };
        done.ok_or(DropReason::NoMemory)
    }
}
