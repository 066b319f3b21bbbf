// SPDX-License-Identifier: GPL-2.0

//! The express way: packets of known connections that only go on, which nearly all packets are.
//!
//! What [`decide()`](super::decide()) finds out in general is found out here for the usual case
//! alone, and with little to carry about: a whole packet of TCP or UDP without IP options, that
//! neither opens nor ends a connection, of one that has been established and is translated. Of
//! everything else this says `None`, having changed nothing, and the general way decides. Where
//! it says something, both say the same.

use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
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
    Address,
    Direction,
    Endpoint,
    Protocol, //
};
use crate::core::udp;

use super::context::{
    Destination as _,
    Services, //
};
use super::version::Version;

/// What is read of a usual packet, of TCP or of UDP.
#[derive(Clone, Copy, Debug)]
pub struct Glance<A: Address, const TCP: bool> {
    /// The sender.
    pub source: Endpoint<A>,
    /// The receiver.
    pub destination: Endpoint<A>,
}

/// The protocol of a packet that may go this way: of TCP if so, else of UDP.
#[inline(always)]
const fn protocol_of(tcp: bool) -> Protocol {
    if tcp {
        Protocol::Tcp
    } else {
        Protocol::Udp
    }
}

/// Its number in the IP header.
#[inline(always)]
pub(super) const fn number<const TCP: bool>() -> u8 {
    protocol_of(TCP) as u8
}

/// The ports of a TCP or UDP header at the beginning of `bytes`, which are at least
/// [`tcp::HEADER_LENGTH`], of `len` bytes of header and data; `None` if the header is unsound or
/// the segment does more than go on.
#[inline(always)]
pub(super) fn ports<const TCP: bool>(bytes: &[u8], len: usize) -> Option<(u16, u16)> {
    let [a, b, c, d, high, low, ..] = *bytes.first_chunk::<{ tcp::HEADER_LENGTH }>()?;
    let is_sound = if TCP {
        tcp::goes_on(bytes, len)
    } else {
        let length = usize::from(u16::from_be_bytes([high, low]));
        length >= udp::HEADER_LENGTH && length <= len
    };
    is_sound.then_some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// A usual packet to be sent on, to the destination or (`REPLY`) back to the client.
#[derive(Debug)]
pub struct Express<'a, A: Address, D, const TCP: bool, const REPLY: bool> {
    /// What was read of it.
    pub glance: Glance<A, TCP>,
    /// What takes the place of its receiver (forward) or sender (reply).
    pub instead: Endpoint<A>,
    /// The destination.
    pub destination: &'a D,
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

/// Decides on a packet by a glance at it ([`Version::glance`]), if it goes this way.
///
/// Protocol and direction are the compiler's to know: each way is compiled for itself.
///
/// In the kernel: bottom halves off, under RCU.
#[inline(always)]
pub fn express<'a, A, C, T, const TCP: bool, const REPLY: bool>(
    services: &'a C,
    connections: &T,
    glance: Glance<A, TCP>,
    now: u32,
) -> Option<Express<'a, A, C::Destination, TCP, REPLY>>
where
    A: Version,
    C: Services,
    T: SteadyConnections<A>,
{
    let direction = direction_of(REPLY);
    let (client, other) = match direction {
        Direction::Forward => (glance.source, glance.destination),
        Direction::Reply => (glance.destination, glance.source),
    };
    let protocol = protocol_of(TCP);
    let state = if TCP {
        ConnectionState::Established
    } else {
        ConnectionState::Udp
    };
    let Steady {
        instead,
        destination_id,
    } = connections.steady(direction, protocol, client, other, state, now)?;
    let destination = services.destination(destination_id)?;
    // A flow whose destination is not there any more chooses again; and a client's connection may
    // be in the way of a new one on the same ports.
    if !destination.is_there() {
        return None;
    }
    Some(Express {
        glance,
        instead,
        destination,
    })
}

impl<A: Version, D, const TCP: bool, const REPLY: bool> Express<'_, A, D, TCP, REPLY> {
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

    /// Where it is to be routed to.
    #[inline(always)]
    pub fn next(&self) -> A {
        match self.direction() {
            Direction::Forward => self.instead.address,
            Direction::Reply => self.glance.destination.address,
        }
    }

    /// Makes the packet that begins with `head` what is to leave. False if it was not what it
    /// was read as.
    #[inline(always)]
    pub fn rewrite(&self, head: &mut [u8], state: ChecksumState) -> bool {
        let transport = Transport {
            protocol: protocol_of(TCP),
            offset: A::HEADER_LENGTH,
            // Only SCTP's checksum depends on it.
            length: 0,
        };
        let end = End::of(self.direction());
        translate(head, transport, state, end, self.instead, 1)
    }
}
