// SPDX-License-Identifier: GPL-2.0

//! What packets get of a family's connections.

use ::core::sync::atomic::Ordering::Relaxed;

use super::{
    family::{
        Family,
        Held,
        View, //
    },
    keeper::LOW,
    shared::Shared, //
};
use crate::{
    core::{
        connection::Connection,
        connection_state::ConnectionState,
        connection_table::ConnectionTable,
        connections::{
            Connections,
            Found,
            Handle,
            Hit,
            Insertion,
            Missing,
            Reach,
            Sought,
            Steady,
            SteadyConnections, //
        },
        tuple::{
            Direction,
            Endpoint,
            Protocol, //
        },
    },
    net::bh::BottomHalf,
};

/// A family's connections, for as long as bottom halves are disabled: three pointers.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a, A: Held> {
    table: ConnectionTable<A, View<'a, A>>,
    family: &'a Family<A>,
    shared: &'a Shared,
}

impl<'a, A: Held> Table<'a, A> {
    #[inline(always)]
    pub(super) fn new(family: &'a Family<A>, shared: &'a Shared, bh: &'a BottomHalf) -> Self {
        Self {
            table: family.table(shared, bh),
            family,
            shared,
        }
    }
}

impl<A: Held> Table<'_, A> {
    /// Sees to it that there will be slots for more connections.
    #[inline(always)]
    fn look_after(&self) {
        if self.family.free() < LOW && !self.family.knows.load(Relaxed) {
            wake(self.family, self.shared);
        }
    }
}

/// Wakes the collector, unless another CPU does so.
#[cold]
#[inline(never)]
fn wake<A: Held>(family: &Family<A>, shared: &Shared) {
    if !family.knows.swap(true, Relaxed) {
        shared.wake();
    }
}

impl<A: Held> Connections<A> for Table<'_, A> {
    #[inline(always)]
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        self.table.hit(direction, protocol, client, other)
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.table.lookup(direction, protocol, client, other)
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.table.template(protocol, client, service)
    }

    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        let insertion = self.table.insert(connection);
        self.look_after();
        insertion
    }

    #[inline(always)]
    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)> {
        self.table.touch(handle, seen, now, next)
    }

    fn remove(&self, handle: Handle) -> Option<Connection<A>> {
        self.table.remove(handle)
    }

    #[inline(always)]
    fn half_open(&self) -> u32 {
        self.table.half_open()
    }
}

impl<A: Held> SteadyConnections<A> for Table<'_, A> {
    #[inline(always)]
    fn steady(
        &self,
        sought: Sought<A>,
        reach: Reach,
        now: impl FnOnce() -> u32,
    ) -> Result<Steady<A>, Missing> {
        self.table.steady(sought, reach, now)
    }

    #[inline(always)]
    fn has_none(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> bool {
        self.table.has_none(direction, protocol, client, other)
    }

    #[inline(always)]
    fn enter(&self, connection: &Connection<A>) -> bool {
        let entered = self.table.enter(connection);
        self.look_after();
        entered
    }
}
