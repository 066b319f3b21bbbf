// SPDX-License-Identifier: GPL-2.0

//! The express way: packets of known connections that only go on, which nearly all packets are.
//!
//! What [`decide()`](super::decide()) finds out in general is found out here for the usual case
//! alone, and with little to carry about: a whole packet of TCP or UDP without IP options, that
//! neither opens nor ends a connection, of one that has been established and whose packets are
//! translated or go to the destination as they are. Of everything else this says `None`, having changed nothing, and the general way decides. Where
//! it says something, both say the same.

use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Missing,
    Reach,
    Sought,
    Steady,
    SteadyConnections, //
};
use crate::core::network::End;
use crate::core::packet::ChecksumState;
use crate::core::rewrite::{
    translate,
    Transport, //
};
use crate::core::tcp;
use crate::core::tuple::{
    Direction,
    Endpoint,
    IpAddress,
    Protocol, //
};
use crate::core::udp;

use super::context::{
    Destination,
    Services, //
};
use super::version::Version;

/// The protocol of a packet that may go this way: of TCP if so, else of UDP.
#[inline(always)]
pub(super) const fn protocol_of(tcp: bool) -> Protocol {
    if tcp {
        Protocol::Tcp
    } else {
        Protocol::Udp
    }
}

/// Whether the TCP or UDP header at the beginning of `bytes`, which are at least
/// [`tcp::HEADER_LENGTH`], of `len` bytes of header and data, is sound and the segment only goes on.
#[inline(always)]
pub fn goes_on<const TCP: bool>(bytes: &[u8], len: usize) -> bool {
    if TCP {
        return tcp::goes_on(bytes, len);
    }
    // It has all that there is, which is more than its header.
    bytes
        .first_chunk::<{ udp::HEADER_LENGTH }>()
        .is_some_and(|[_, _, _, _, high, low, ..]| {
            usize::from(u16::from_be_bytes([*high, *low])) == len
        })
}

/// A usual packet to be sent on, to the destination or (`REPLY`) back to the client.
#[derive(Clone, Copy, Debug)]
pub struct Express<'a, D, const TCP: bool, const REPLY: bool> {
    /// The destination.
    pub destination: &'a D,
}

/// What is changed of a usual packet. A type for each way of forwarding, so that each is compiled
/// for itself.
pub trait Change<A: Version> {
    /// Makes the packet that begins with `head` what is to leave, `end` being the one that is
    /// exchanged if one is. False if it was not what it was read as.
    fn make(self, head: &mut [u8], transport: Transport, state: ChecksumState, end: End) -> bool;
}

/// The endpoint takes the place of its receiver (forward) or sender (reply).
impl<A: Version> Change<A> for Endpoint<A> {
    #[inline(always)]
    fn make(self, head: &mut [u8], transport: Transport, state: ChecksumState, end: End) -> bool {
        translate(head, transport, state, end, self, 1)
    }
}

/// Nothing takes the place of either.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs;

impl<A: Version> Change<A> for AsItIs {
    #[inline(always)]
    fn make(self, head: &mut [u8], _: Transport, _: ChecksumState, _: End) -> bool {
        A::hop(head, 1).is_some()
    }
}

/// Which way that is.
#[inline(always)]
const fn direction_of(reply: bool) -> Direction {
    if reply {
        Direction::Reply
    } else {
        Direction::Forward
    }
}

/// Looks for the connection of a packet of which the beginning is `head` and that is a usual one
/// ([`Version::is_usual`]), if it goes this way by that.
///
/// Protocol and direction are the compiler's to know: each way is compiled for itself. The time
/// `now` is asked for when it is needed.
///
/// In the kernel: bottom halves off, under RCU.
///
/// # Errors
///
/// If it is not found, and whether it may be beyond `reach`.
#[inline(always)]
pub fn look<A: Version, T: SteadyConnections<A>, const TCP: bool, const REPLY: bool>(
    connections: &T,
    head: &[u8],
    reach: Reach,
    now: impl FnOnce() -> u32,
) -> Result<Steady<A>, Missing> {
    const NOTHING: Missing = Missing { beyond: false };
    let direction = direction_of(REPLY);
    let (source, destination) = A::ends(head).ok_or(NOTHING)?;
    let (client, other) = match direction {
        Direction::Forward => (source, destination),
        Direction::Reply => (destination, source),
    };
    let state = if TCP {
        ConnectionState::Established
    } else {
        ConnectionState::Udp
    };
    let sought = Sought {
        direction,
        protocol: protocol_of(TCP),
        client,
        other,
        state,
    };
    connections.steady(sought, reach, now)
}

impl<'a, D: Destination, const TCP: bool, const REPLY: bool> Express<'a, D, TCP, REPLY> {
    /// A packet to or from the destination of this number, if it goes this way by that.
    #[inline(always)]
    pub fn new<C: Services<Destination = D>>(services: &'a C, destination_id: u32) -> Option<Self> {
        let destination = services.destination(destination_id)?;
        // A flow whose destination is not there any more chooses again; and a client's connection
        // may be in the way of a new one on the same ports.
        destination.is_there().then_some(Self { destination })
    }

    /// Which way it goes.
    #[inline(always)]
    pub fn direction(&self) -> Direction {
        direction_of(REPLY)
    }

    /// Its transport protocol.
    #[inline(always)]
    pub fn protocol(&self) -> Protocol {
        protocol_of(TCP)
    }

    /// Where the packet that begins with `head` is to be routed to.
    #[inline(always)]
    pub fn next<A: Version>(&self, head: &[u8]) -> Option<IpAddress> {
        match self.direction() {
            Direction::Forward => Some(self.destination.endpoint().address),
            Direction::Reply => A::ends(head).map(|(_, client)| client.address.into()),
        }
    }

    /// Makes the packet that begins with `head` what is to leave. False if it was not what it was
    /// read as.
    #[inline(always)]
    pub fn change<A: Version>(
        &self,
        head: &mut [u8],
        state: ChecksumState,
        change: impl Change<A>,
    ) -> bool {
        let transport = Transport {
            protocol: protocol_of(TCP),
            offset: A::HEADER_LENGTH,
            // Only SCTP's checksum depends on it.
            length: 0,
        };
        change.make(head, transport, state, End::of(self.direction()))
    }
}
