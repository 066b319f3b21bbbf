// SPDX-License-Identifier: GPL-2.0

//! Connections told apart by three small numbers, of either family.

use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connections::{Connections, Found, Handle, Insertion};
use switchyard_core::core::method::Method;
use switchyard_core::core::slot::Stored;
use switchyard_core::core::tuple::{Direction, Endpoint, Ipv4Address, Ipv6Address, Protocol};

/// Addresses that are told apart by their numbers.
pub trait Numbered: Stored {
    /// The address of this number, at most 2^24, in a network of its own.
    fn numbered(network: u8, number: u32) -> Self;
}

impl Numbered for Ipv4Address {
    fn numbered(network: u8, number: u32) -> Self {
        Self::from_bits(u32::from(network) << 24 | number)
    }
}

impl Numbered for Ipv6Address {
    /// The number is in both halves: a mixture would show.
    fn numbered(network: u8, number: u32) -> Self {
        let number = u128::from(number);
        Self::from_bits(0xfd << 120 | u128::from(network) << 96 | number << 64 | number)
    }
}

/// A connection of which everything follows from three numbers, so that a mixture of two would
/// show.
pub fn connection<A: Numbered>(client: u32, service: u32, destination: u32) -> Connection<A> {
    let (protocol, state) = match client % 3 {
        0 => (Protocol::Tcp, State::SynReceived),
        1 => (Protocol::Udp, State::Udp),
        _ => (Protocol::Sctp, State::SynReceived),
    };
    let method = match service % 4 {
        2 => Method::Direct,
        3 => Method::Tunnel,
        _ => Method::Nat,
    };
    Connection {
        protocol,
        template: false,
        state,
        method,
        client: Endpoint::new(A::numbered(1, client), client as u16),
        service: Endpoint::new(A::numbered(2, service), service as u16),
        destination: if method == Method::Nat {
            Endpoint::new(A::numbered(3, destination), 80)
        } else {
            Endpoint::default()
        },
        service_id: client ^ service,
        destination_id: client ^ service ^ destination,
        timeout: client.wrapping_mul(3),
        last_seen: 0,
    }
}

/// A template of which everything follows from the numbers.
pub fn template<A: Numbered>(client: u32, service: u32, destination: u32) -> Connection<A> {
    let connection = connection::<A>(client, service, destination);
    Connection {
        template: true,
        state: State::None,
        client: Endpoint::new(connection.client.address, 0),
        destination: Endpoint::default(),
        timeout: 1000 + client,
        ..connection
    }
}

pub fn forward<A: Stored>(table: &impl Connections<A>, wanted: &Connection<A>) -> Option<Found<A>> {
    if wanted.template {
        return table.template(wanted.protocol, wanted.client, wanted.service);
    }
    table.lookup(
        Direction::Forward,
        wanted.protocol,
        wanted.client,
        wanted.service,
    )
}

pub fn reply<A: Stored>(table: &impl Connections<A>, wanted: &Connection<A>) -> Option<Found<A>> {
    table.lookup(
        Direction::Reply,
        wanted.protocol,
        wanted.client,
        wanted.destination,
    )
}

pub fn touch<A: Stored>(
    table: &impl Connections<A>,
    found: &Found<A>,
    now: u32,
    next: impl Fn(State) -> State,
) {
    table.touch(found.handle, found.connection.state, now, next);
}

pub fn made<A: Stored>(table: &impl Connections<A>, connection: &Connection<A>) -> Handle {
    match table.insert(connection) {
        Insertion::Made(handle) => handle,
        other => panic!("{other:?}"),
    }
}
