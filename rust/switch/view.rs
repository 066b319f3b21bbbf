// SPDX-License-Identifier: GPL-2.0

//! The configuration as the filter consults it, with what the switch keeps account of.

use super::{
    trace,
    Switch, //
};
use crate::{
    config::Snapshot,
    core::{
        connection::Connection,
        connection_state::ConnectionState,
        drop_reason::DropReason,
        tuple::{
            Address,
            Endpoint,
            IpAddress,
            Protocol, //
        },
    },
    filter::Services,
    net::trace::End, //
};

/// One state of the configuration, and the switch.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) switch: &'a Switch,
}

impl Services for View<'_> {
    type Destination = <Snapshot as Services>::Destination;
    type Service = <Snapshot as Services>::Service;

    #[inline(never)]
    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Self::Service> {
        Services::service(self.snapshot, protocol, endpoint)
    }

    #[inline]
    fn is_service_address(&self, address: IpAddress) -> bool {
        self.snapshot.is_service_address(address)
    }

    #[inline(always)]
    fn destination(&self, id: u32) -> Option<&Self::Destination> {
        Services::destination(self.snapshot, id)
    }

    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Self::Service) -> bool,
    ) -> bool {
        self.snapshot.behind(protocol, endpoint, f)
    }

    fn is_destination_address(&self, address: IpAddress) -> bool {
        self.snapshot.is_destination_address(address)
    }

    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>> {
        self.snapshot.service_endpoint(id)
    }

    fn is_tunnel_port(&self, port: u16) -> bool {
        self.snapshot.is_tunnel_port(port)
    }

    fn opened<A: Address>(&self, connection: &Connection<A>) {
        trace::opened(self.snapshot, connection);
        self.snapshot.opened(connection);
        if let Some(counters) = self.switch.counters.this() {
            counters.traffic.opened();
        }
    }

    fn closed<A: Address>(&self, connection: &Connection<A>) {
        trace::ended(self.snapshot, connection, End::Replaced);
        self.snapshot.closed(connection);
    }

    fn changed(&self, destination: u32, from: ConnectionState, to: ConnectionState) {
        self.snapshot.changed(destination, from, to);
    }

    fn told_expired(&self) {
        if let Some(counters) = self.switch.counters.this() {
            counters.expiry_resets.add(1);
        }
    }

    fn dropped(&self, service: u32, reason: DropReason) {
        self.snapshot.dropped(service, reason);
    }
}
