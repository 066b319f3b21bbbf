// SPDX-License-Identifier: GPL-2.0

//! Connections that are looked at and left as they are, to find out what would become of a packet.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Found,
    Handle,
    Hit,
    Insertion, //
};
use crate::core::tuple::{
    Address,
    Direction,
    Endpoint,
    Protocol, //
};

/// A table that seems to do what it is asked to, and does not.
#[derive(Clone, Copy, Debug)]
pub struct Dry<T>(pub T);

impl<A: Address, T: Connections<A>> Connections<A> for Dry<T> {
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        self.0.hit(direction, protocol, client, other)
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.0.lookup(direction, protocol, client, other)
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.0.template(protocol, client, service)
    }

    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        let protocol = connection.protocol;
        let (client, destination) = (connection.client, connection.destination);
        if connection.has_replies() {
            let found = self.lookup(Direction::Reply, protocol, client, destination);
            // One at its end would give way. The client's former one to the same service would have
            // been removed: it is at its end, too, or has lost its destination.
            let stays = |found: &Found<A>| {
                !found.connection.state.is_ending()
                    && found.connection.service != connection.service
            };
            if let Some(found) = found.filter(stays) {
                return Insertion::Clash(found);
            }
        }
        Insertion::Made(Handle {
            index: 0,
            sequence: 0,
        })
    }

    fn touch(
        &self,
        _handle: Handle,
        _seen: ConnectionState,
        _now: u32,
        _next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)> {
        None
    }

    fn remove(&self, _handle: Handle) -> Option<Connection<A>> {
        None
    }

    fn half_open(&self) -> u32 {
        self.0.half_open()
    }
}
