// SPDX-License-Identifier: GPL-2.0

//! The configuration as the filter consults it.

use super::{
    destination::{
        Destination,
        Forwarding, //
    },
    service::{
        Service,
        ServiceKey, //
    },
    snapshot::Snapshot, //
};
use crate::{
    core::{
        connection::Connection,
        method::{
            Encapsulation,
            Method, //
        },
        tuple::{
            Address,
            Endpoint,
            IpAddress,
            Ipv4Address,
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
        match self.settings.forwarding {
            Forwarding::Nat => Method::Nat,
        }
    }

    #[inline]
    fn endpoint(&self) -> Endpoint<IpAddress> {
        self.key.endpoint.any()
    }

    #[inline]
    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Ip
    }

    #[inline]
    fn is_there(&self) -> bool {
        true
    }
}

impl filter::Service for Service {
    type Destination = Destination;

    #[inline]
    fn id(&self) -> u32 {
        self.id
    }

    #[inline]
    fn endpoint(&self) -> Endpoint<IpAddress> {
        self.key.endpoint.any()
    }

    #[inline]
    fn timeout(&self) -> u32 {
        self.timeout_ms()
    }

    #[inline]
    fn options(&self) -> filter::Options {
        filter::Options::default()
    }

    #[inline]
    fn select(&self, hash: u32) -> Option<&Destination> {
        let index = self.selection.select(hash, &self.turn)?;
        self.destinations
            .get(usize::from(index))
            .map(|found| &**found)
    }

    #[inline]
    fn select_stateless(&self, hash: u32) -> Option<&Destination> {
        self.select(hash)
    }
}

impl filter::Services for Snapshot {
    type Destination = Destination;
    type Service = Service;

    #[inline]
    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Service> {
        let endpoint = Endpoint::new(Ipv4Address::from_ip(endpoint.address)?, endpoint.port);
        let key = ServiceKey { protocol, endpoint };
        Snapshot::service(self, &key).map(|service| &**service)
    }

    #[inline]
    fn is_service_address(&self, address: IpAddress) -> bool {
        Ipv4Address::from_ip(address).is_some_and(|address| self.has_address(address))
    }

    #[inline]
    fn destination(&self, id: u32) -> Option<&Destination> {
        self.destination_by_id(id).map(|found| &**found)
    }

    fn behind(
        &self,
        _protocol: Protocol,
        _endpoint: Endpoint<IpAddress>,
        _f: &mut dyn FnMut(&Service) -> bool,
    ) -> bool {
        false
    }

    fn is_destination_address(&self, _address: IpAddress) -> bool {
        false
    }

    fn opened<A: Address>(&self, connection: &Connection<A>) {
        for counters in [
            self.service_counters(connection.service_id),
            self.destination_counters(connection.destination_id),
        ] {
            if let Some(traffic) = counters.and_then(|counters| counters.this()) {
                traffic.opened();
            }
        }
    }

    fn closed<A: Address>(&self, connection: &Connection<A>) {
        for counters in [
            self.service_counters(connection.service_id),
            self.destination_counters(connection.destination_id),
        ] {
            if let Some(traffic) = counters.and_then(|counters| counters.this()) {
                traffic.closed();
            }
        }
    }
}
