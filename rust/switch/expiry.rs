// SPDX-License-Identifier: GPL-2.0

//! What becomes of idle connections: they are forgotten, or both ends are told first.
//!
//! Nobody here knows the sequence numbers that a reset must have, as a known connection's packets
//! write nothing. So both ends of an expired connection get a [probe](crate::core::probe), and the
//! answers of either are answered with a reset as long as the connection is known to have expired.

use kernel::prelude::*;

use super::{
    forward::Forward,
    trace,
    Switch, //
};
use crate::{
    core::{
        connection::Connection,
        connection_state::ConnectionState,
        connection_table::{
            Fate,
            Settled, //
        },
        method::Method,
        probe::Probe,
        tuple::{
            Address,
            Direction,
            Endpoint,
            Protocol, //
        }, //
    },
    filter::{
        Destination as _,
        Service as _,
        Services as _,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
        skb::SkBuff,
        trace::End, //
    },
};

/// Connections whose ends are told in one round; of more, the ends find out by themselves.
const MOST: usize = 1024;

/// Connections that have expired and whose ends are to be told.
pub(crate) struct Expired<A: Address> {
    list: KVVec<Connection<A>>,
}

impl<A: Version + Probe> Expired<A> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { list: KVVec::new() }
    }

    /// Makes room for what one round may bring. Sleeps. Without memory nobody is told.
    pub(crate) fn prepare(&mut self) {
        let _ = self.list.reserve(MOST, GFP_KERNEL);
    }

    /// Says what becomes of an idle connection. Its bucket is locked.
    pub(crate) fn judge(&mut self, switch: &Switch, idle: &Connection<A>, bh: &BottomHalf) -> Fate {
        let snapshot = switch.config.current.read_bh(bh);
        let wants_reset = idle.state == ConnectionState::Established
            && idle.protocol == Protocol::Tcp
            && !idle.template
            && snapshot
                .service_by_id(idle.service_id)
                .is_some_and(|service| service.options().reset_at_expiry);
        if wants_reset && self.list.len() < MOST && self.list.push_within_capacity(*idle).is_ok() {
            Fate::Turn(ConnectionState::Expired)
        } else {
            Fate::Remove
        }
    }

    /// Tells both ends of all of them.
    pub(crate) fn tell(&mut self, switch: &Switch) {
        for connection in self.list.iter() {
            let bh = BottomHalf::disable();
            for direction in [Direction::Forward, Direction::Reply] {
                switch.probe(connection, direction, &bh);
            }
        }
        self.list.clear();
    }
}

impl Switch {
    /// Accounts for what became of an idle connection.
    pub(crate) fn settled<A: Address>(&self, done: &Settled<A>, bh: &BottomHalf) {
        let now = clock::coarse_milliseconds();
        match done {
            Settled::Removed(gone) => self.forget(gone, End::Idle(gone.idle(now)), bh),
            Settled::Turned { connection, from } => {
                let snapshot = self.config.current.read_bh(bh);
                let before = Connection {
                    state: *from,
                    ..*connection
                };
                trace::ended(snapshot, &before, End::Idle(before.idle(now)));
                snapshot.changed(connection.destination_id, *from, connection.state);
            }
        }
    }

    /// Sends a probe to one end of a connection, as if the other end had sent it.
    fn probe<A: Version + Probe>(
        &self,
        connection: &Connection<A>,
        direction: Direction,
        bh: &BottomHalf,
    ) {
        let snapshot = self.config.current.read_bh(bh);
        let destination = snapshot
            .destination_by_id(connection.destination_id)
            .map(|found| &**found);
        let (from, to, instead, method) = match (direction, connection.method) {
            (Direction::Forward, method) => (
                connection.client,
                connection.service,
                connection.destination,
                method,
            ),
            (Direction::Reply, Method::Nat) => (
                connection.destination,
                connection.client,
                connection.service,
                Method::Nat,
            ),
            // What the destination answers directly comes from the service's address already.
            (Direction::Reply, _) => (
                connection.service,
                connection.client,
                connection.service,
                Method::Nat,
            ),
        };
        let next = match (method, direction) {
            (Method::Nat, Direction::Forward) => Some(instead.address.into()),
            (Method::Nat, Direction::Reply) => Some(to.address.into()),
            _ => destination.map(|destination| destination.endpoint().address),
        };
        let yard = self.yard.read_bh(bh);
        let (Some(bytes), Some(next), Some(yard)) = (A::probe(from, to), next, yard.as_ref())
        else {
            return;
        };
        let Some(mut packet) = SkBuff::with_bytes(bytes.as_slice(), A::FAMILY, yard.device())
        else {
            return;
        };
        let segment = A::read(&mut packet).segment;
        let forward: Forward<'_, A> = Forward {
            segment,
            direction,
            method,
            instead: Endpoint::new(instead.address, instead.port),
            is_later_fragment: false,
            destination,
            next,
            encapsulation: destination.map_or_else(Default::default, |d| d.encapsulation()),
            service_id: connection.service_id,
            destination_id: connection.destination_id,
            is_new: false,
        };
        self.forward(packet, &forward, false, bh);
    }
}
