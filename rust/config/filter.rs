// SPDX-License-Identifier: GPL-2.0

//! The configuration as the filter consults it.

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};

use super::{
    destination::Destination,
    service::Service,
    snapshot::Snapshot, //
};
use crate::{
    core::{
        connection::Connection,
        connection_state::ConnectionState,
        drop_reason::DropReason,
        method::{
            Encapsulation,
            Method, //
        },
        service_key::Ports,
        tuple::{
            Address,
            Endpoint,
            IpAddress,
            Protocol, //
        }, //
    },
    filter, //
};

impl filter::Destination for Destination {
    #[inline]
    fn id(&self) -> u32 {
        self.id
    }

    #[inline]
    fn method(&self) -> Method {
        self.settings.method
    }

    #[inline]
    fn endpoint(&self) -> Endpoint<IpAddress> {
        self.key.endpoint
    }

    #[inline]
    fn encapsulation(&self) -> Encapsulation {
        self.settings.encapsulation
    }

    #[inline]
    fn is_there(&self) -> bool {
        self.is_there
    }

    #[inline]
    fn takes(&self) -> bool {
        Self::takes(self)
    }
}

impl filter::Service for Service {
    type Destination = Destination;

    #[inline]
    fn id(&self) -> u32 {
        self.id
    }

    #[inline]
    fn endpoint(&self) -> Option<Endpoint<IpAddress>> {
        let port = match self.key.ports {
            Ports::One(port) => port,
            Ports::All | Ports::Range(..) => 0,
        };
        self.key
            .prefix
            .is_single()
            .then_some(Endpoint::new(self.key.prefix.address, port))
    }

    #[inline]
    fn timeout(&self) -> u32 {
        self.settings.timeout.saturating_mul(1000)
    }

    #[inline]
    fn options(&self) -> filter::Options {
        let settings = &self.settings;
        filter::Options {
            one_packet: settings.one_packet,
            reset_at_expiry: settings.reset_at_expiry,
            local_fallback: settings.local_fallback,
            affinity: settings.affinity.saturating_mul(1000),
            affinity_prefix: (settings.affinity_prefix4, settings.affinity_prefix6),
            by_client: settings.scheduler.is_by_client(),
        }
    }

    #[inline(always)]
    fn is_simple(&self) -> bool {
        let settings = &self.settings;
        !settings.one_packet && settings.affinity == 0 && !settings.scheduler.takes_turns()
    }

    #[inline(always)]
    fn select(&self, hash: u32) -> Option<&Destination> {
        let first = self.selection.first(hash);
        match first.and_then(|index| self.destinations.get(usize::from(index))) {
            Some(destination) if destination.takes() => Some(destination),
            _ => self.select_further(hash),
        }
    }

    fn peek(&self, hash: u32) -> Option<&Destination> {
        let turn = AtomicU32::new(self.account.turn.load(Relaxed));
        let index = self.selection.select(&self.destinations, hash, &turn)?;
        self.destinations
            .get(usize::from(index))
            .map(|found| &**found)
    }

    #[inline]
    fn select_stateless(&self, hash: u32) -> Option<&Destination> {
        let index = self.selection.select_stateless(hash)?;
        self.destinations
            .get(usize::from(index))
            .map(|found| &**found)
    }

    fn refusal(&self) -> DropReason {
        if self.selection.is_empty() {
            DropReason::NoDestination
        } else {
            DropReason::ConnectionLimit
        }
    }
}

impl Service {
    /// Chooses as the scheduler does.
    #[inline(never)]
    fn select_further(&self, hash: u32) -> Option<&Destination> {
        let turn = &self.account.turn;
        let index = self.selection.select(&self.destinations, hash, turn)?;
        self.destinations
            .get(usize::from(index))
            .map(|found| &**found)
    }
}

impl Snapshot {
    /// The destination of this number, if packets for it are translated.
    fn translated(&self, id: u32) -> Option<&Destination> {
        self.destination_by_id(id)
            .map(|found| &**found)
            .filter(|found| found.settings.method == Method::Nat)
    }
}

impl filter::Services for Snapshot {
    type Destination = Destination;
    type Service = Service;

    #[inline(always)]
    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Service> {
        self.service_of(protocol, endpoint).map(|found| &**found)
    }

    #[inline]
    fn is_service_address(&self, address: IpAddress) -> bool {
        self.has_address(address)
    }

    #[inline]
    fn destination(&self, id: u32) -> Option<&Destination> {
        self.destination_by_id(id).map(|found| &**found)
    }

    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Service) -> bool,
    ) -> bool {
        self.places
            .at(endpoint)
            .filter_map(|id| self.translated(id))
            .filter_map(|destination| self.service_by_id(destination.key.service))
            .any(|service| service.key.protocol == protocol && f(service))
    }

    fn is_destination_address(&self, address: IpAddress) -> bool {
        self.places
            .of_address(address)
            .any(|id| self.translated(id).is_some())
    }

    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>> {
        filter::Service::endpoint(&**self.service_by_id(id)?)
    }

    fn is_tunnel_port(&self, port: u16) -> bool {
        self.tunnel_ports.contain(port)
    }

    fn opened<A: Address>(&self, connection: &Connection<A>) {
        if connection.template {
            return;
        }
        for counters in [
            self.service_counters(connection.service_id),
            self.destination_counters(connection.destination_id),
        ] {
            if let Some(traffic) = counters.and_then(|counters| counters.this()) {
                traffic.opened();
            }
        }
        if let Some(destination) = self.destination_by_id(connection.destination_id) {
            destination
                .load
                .opened(connection.state, destination.settings.limits);
        }
    }

    fn closed<A: Address>(&self, connection: &Connection<A>) {
        if connection.template {
            return;
        }
        if let Some(destination) = self.destination_by_id(connection.destination_id) {
            destination
                .load
                .closed(connection.state, destination.settings.limits);
        }
    }

    fn changed(&self, destination: u32, from: ConnectionState, to: ConnectionState) {
        if let Some(destination) = self.destination_by_id(destination) {
            destination.load.changed(from, to);
        }
    }

    fn dropped(&self, service: u32, reason: DropReason) {
        let service = self.service_by_id(service);
        if let Some(drops) = service.and_then(|service| service.account.drops.this()) {
            drops.add(reason);
        }
    }
}
