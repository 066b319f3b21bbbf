// SPDX-License-Identifier: GPL-2.0

//! What the filter consults.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::Connections;
use crate::core::drop_reason::DropReason;
use crate::core::method::{
    Encapsulation,
    Method, //
};
use crate::core::tuple::{
    Address,
    Endpoint,
    IpAddress,
    Ipv4Address,
    Ipv6Address,
    Protocol, //
};

use super::fragment::Fragments;

/// A destination of the configuration.
pub trait Destination {
    /// The caller's number for it.
    fn id(&self) -> u32;

    /// How packets get there.
    fn method(&self) -> Method;

    /// Where they are to go, in host order. For [`Method::Nat`] what takes the place of the
    /// service's endpoint; port 0 stands for the port that the packet has. Else the address to be
    /// routed to. It means nothing for [`Method::Local`].
    fn endpoint(&self) -> Endpoint<IpAddress>;

    /// What packets travel in, for [`Method::Tunnel`].
    fn encapsulation(&self) -> Encapsulation;

    /// Whether the connections that it has are still to be sent to it: false once it is down or
    /// has been removed.
    fn is_there(&self) -> bool;

    /// Whether a client that has affinity for it can be given to it: it would take a connection
    /// of anybody, by state, weight and limits.
    fn takes(&self) -> bool {
        self.is_there()
    }
}

/// What is special about a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every UDP packet is scheduled by itself and leaves no connection behind.
    pub one_packet: bool,
    /// Both ends of a TCP connection get a reset when it expires.
    pub reset_at_expiry: bool,
    /// Without a destination that can take a connection, this machine's own sockets get it.
    pub local_fallback: bool,
    /// Milliseconds for which a client keeps its destination after its last connection; 0 for
    /// no affinity.
    pub affinity: u32,
    /// How many leading bits of an address make one client: for IPv4, and for IPv6.
    pub affinity_prefix: (u8, u8),
    /// The hash that a destination is chosen by is that of the client's address
    /// ([`client_hash`](crate::core::tuple::client_hash)), not that of the 5-tuple.
    pub by_client: bool,
}

/// A service of the configuration.
pub trait Service {
    /// Its destinations.
    type Destination: Destination;

    /// The caller's number for the service.
    fn id(&self) -> u32;

    /// What clients connect to, if that is one address; port 0 stands for more than one port.
    fn endpoint(&self) -> Option<Endpoint<IpAddress>>;

    /// The service's own timeout in milliseconds, 0 for the protocol's default.
    fn timeout(&self) -> u32;

    /// What is special about it.
    fn options(&self) -> Options;

    /// Whether a destination is found for its connections by the hash of the packet and nothing
    /// else that has to be remembered, and each of them is.
    fn is_simple(&self) -> bool;

    /// Chooses a destination for a new connection, by its hash or otherwise as the scheduler
    /// does; `None` if none can take one (by weight, state and limits).
    fn select(&self, hash: u32) -> Option<&Self::Destination>;

    /// What [`Self::select`] would choose, without anybody's turn being taken.
    fn peek(&self, hash: u32) -> Option<&Self::Destination>;

    /// Chooses by the hash alone, alike on every call as long as the destinations are the same,
    /// whatever the scheduler: for packets of which nothing is remembered.
    fn select_stateless(&self, hash: u32) -> Option<&Self::Destination>;

    /// Why [`Self::select`] found none.
    fn refusal(&self) -> DropReason {
        DropReason::NoDestination
    }
}

/// One state of the configuration, and the accounts of its connections.
///
/// In the kernel the reference to it is held under RCU while the filter runs.
pub trait Services {
    /// Its destinations.
    type Destination: Destination;
    /// Its services.
    type Service: Service<Destination = Self::Destination>;

    /// The service that listens there, if there is one: that of the very port before one of a
    /// range of ports, that before one of all ports; of the very address before a prefix, and of
    /// prefixes the longest.
    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Self::Service>;

    /// Whether any service has this address.
    fn is_service_address(&self, address: IpAddress) -> bool;

    /// The destination of this number, also if it has been removed, as long as it has
    /// connections.
    fn destination(&self, id: u32) -> Option<&Self::Destination>;

    /// What clients of the service of this number connect to, as [`Service::endpoint`] says.
    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>>;

    /// Whether packets to some destination travel in UDP to this port ([`Encapsulation::Gue`]).
    fn is_tunnel_port(&self, port: u16) -> bool;

    /// Calls `f` with each service that has a destination for address translation at `endpoint`,
    /// until it returns true; whether it did.
    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Self::Service) -> bool,
    ) -> bool;

    /// Whether any service has a destination for address translation with this address: its
    /// fragments may be those of replies.
    fn is_destination_address(&self, address: IpAddress) -> bool;

    /// A connection was made.
    fn opened<A: Address>(&self, connection: &Connection<A>) {
        let _ = connection;
    }

    /// A connection was taken out, since its client began another one on the same ports or it was
    /// to choose again.
    fn closed<A: Address>(&self, connection: &Connection<A>) {
        let _ = connection;
    }

    /// A connection to the destination of this number has got from one state to another; only
    /// one CPU says so of each step.
    fn changed(&self, destination: u32, from: ConnectionState, to: ConnectionState) {
        let _ = (destination, from, to);
    }

    /// An end of an expired connection is told so by a reset.
    fn told_expired(&self) {}

    /// A packet for the service of this number was dropped.
    fn dropped(&self, service: u32, reason: DropReason) {
        let _ = (service, reason);
    }
}

/// What the filter consults for a batch of packets on one CPU.
pub struct Context<'a, C, T4, T6> {
    /// The configuration.
    pub services: &'a C,
    /// The connections of IPv4 clients.
    pub connections4: &'a T4,
    /// The connections of IPv6 clients.
    pub connections6: &'a T6,
    /// What is known of fragmented packets.
    pub fragments: &'a dyn Fragments,
    /// The time, in wrapping milliseconds. Coarse is good: each step of it costs every active
    /// connection one shared write.
    pub now: u32,
    /// How many connections may be half open. Beyond it, new ones are chosen without being
    /// remembered until their destination has answered more than SYN.
    pub half_open_limit: u32,
    /// Nothing is to be done, just found out.
    pub dry: bool,
    /// Whether that limit is exceeded, or was a little while ago: segments of connections that
    /// nobody remembers may then be of clients that were chosen for so.
    pub stateless: bool,
}

/// A context seen as that of one family.
pub trait Tables<A: Address> {
    /// The family's connection table.
    type Connections: Connections<A>;

    /// The connections of the family's clients.
    fn connections(&self) -> &Self::Connections;
}

impl<C, T4: Connections<Ipv4Address>, T6> Tables<Ipv4Address> for Context<'_, C, T4, T6> {
    type Connections = T4;

    #[inline(always)]
    fn connections(&self) -> &T4 {
        self.connections4
    }
}

impl<C, T4, T6: Connections<Ipv6Address>> Tables<Ipv6Address> for Context<'_, C, T4, T6> {
    type Connections = T6;

    #[inline(always)]
    fn connections(&self) -> &T6 {
        self.connections6
    }
}
