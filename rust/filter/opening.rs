// SPDX-License-Identifier: GPL-2.0

//! The express way of packets that open a connection.
//!
//! As [`super::express`] does it for those of known ones, this finds out for the usual case alone
//! what [`super::open`] finds out in general: a scheduler that takes no turns, a client that is not
//! kept together with its other connections, a destination that packets are translated for or go
//! to as they are. Of everything else this says `None`, having changed nothing.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    SteadyConnections,
    Treatment, //
};
use crate::core::method::Method;
use crate::core::tcp;
use crate::core::tuple::{
    Direction,
    Endpoint,
    Protocol, //
};

use super::context::{
    Destination,
    Service,
    Services, //
};
use super::express::{
    goes_on,
    protocol_of,
    Express, //
};
use super::open::{
    hash_of,
    instead_of, //
};
use super::version::Version;

/// Whether the TCP or UDP header at the beginning of `bytes`, of `len` bytes of header and data, is
/// sound and the segment may open a connection.
#[inline(always)]
pub fn may_open<const TCP: bool>(bytes: &[u8], len: usize) -> bool {
    if TCP {
        tcp::opens(bytes, len)
    } else {
        goes_on::<false>(bytes, len)
    }
}

/// A connection that a usual packet opens.
pub struct Opening<'a, A, S: Service> {
    /// The service.
    pub service: &'a S,
    /// The destination that was chosen for it.
    pub destination: &'a S::Destination,
    client: Endpoint<A>,
    seen: Endpoint<A>,
    instead: Endpoint<A>,
}

impl<'a, A: Version, S: Service> Opening<'a, A, S> {
    /// The connection that the packet opens of which the beginning is `head`, that is a usual one
    /// ([`Version::is_usual`]) and of no known connection but maybe of the same direction.
    ///
    /// In the kernel: bottom halves off, under RCU.
    #[inline(always)]
    pub fn new<C, const TCP: bool>(services: &'a C, head: &[u8]) -> Option<Self>
    where
        C: Services<Service = S, Destination = S::Destination>,
    {
        let (client, seen) = A::ends(head)?;
        if !client.address.may_be_answered() {
            return None;
        }
        let protocol = protocol_of(TCP);
        let service = services.service(protocol, seen.any())?;
        if !service.is_simple() {
            return None;
        }
        let destination = service.select(hash_of(service, protocol, client, seen))?;
        let instead = match destination.method() {
            Method::Nat | Method::Direct => instead_of(seen, destination)?,
            Method::Tunnel | Method::Local => return None,
        };
        Some(Self {
            service,
            destination,
            client,
            seen,
            instead,
        })
    }

    /// What becomes of its packets.
    #[inline(always)]
    pub fn treatment(&self) -> Treatment<A> {
        if self.destination.method() == Method::Nat {
            Treatment::Translated(self.instead)
        } else {
            Treatment::Direct
        }
    }

    /// How its first packet leaves.
    #[inline(always)]
    pub fn express<const TCP: bool>(&self) -> Express<'a, S::Destination, TCP, false> {
        Express {
            destination: self.destination,
        }
    }

    /// The state that it begins in.
    #[inline(always)]
    pub const fn state<const TCP: bool>(&self) -> ConnectionState {
        if TCP {
            ConnectionState::SynReceived
        } else {
            ConnectionState::Udp
        }
    }

    /// Puts it into the table at the time `now`, unless there may be another one in its way. Whether
    /// it is there.
    #[inline(always)]
    pub fn enter<T: SteadyConnections<A>, const TCP: bool>(
        &self,
        connections: &T,
        now: u32,
    ) -> bool {
        connections.enter(&Connection {
            protocol: protocol_of(TCP),
            template: false,
            state: self.state::<TCP>(),
            method: self.destination.method(),
            client: self.client,
            service: self.seen,
            destination: self.instead,
            service_id: self.service.id(),
            destination_id: self.destination.id(),
            timeout: self.service.timeout(),
            last_seen: now,
        })
    }
}

/// Whether the packet that begins with `head`, a usual one, is certainly no reply.
#[inline(always)]
pub fn is_no_reply<A: Version, T: SteadyConnections<A>>(
    connections: &T,
    head: &[u8],
    protocol: Protocol,
) -> bool {
    A::ends(head).is_some_and(|(other, client)| {
        connections.has_none(Direction::Reply, protocol, client, other)
    })
}
