// SPDX-License-Identifier: GPL-2.0

//! The configuration as the filter consults it.

use super::{
    service::{
        Service,
        ServiceKey, //
    },
    snapshot::Snapshot, //
};
use crate::{
    core::{
        connection::Connection,
        tuple::{
            Address,
            Endpoint,
            Protocol, //
        }, //
    },
    filter, //
};

impl filter::Service for Service {
    #[inline]
    fn id(&self) -> u32 {
        self.id
    }

    #[inline]
    fn timeout(&self) -> u32 {
        self.timeout_ms()
    }

    #[inline]
    fn select(&self, hash: u32) -> Option<filter::Choice> {
        let index = self.selection.select(hash, &self.turn)?;
        let destination = self.destinations.get(usize::from(index))?;
        Some(filter::Choice {
            destination_id: destination.id,
            destination: destination.key.endpoint,
        })
    }
}

impl filter::Services for Snapshot {
    type Service = Service;

    #[inline]
    fn service(&self, protocol: Protocol, endpoint: Endpoint) -> Option<&Service> {
        let key = ServiceKey { protocol, endpoint };
        Snapshot::service(self, &key).map(|service| &**service)
    }

    #[inline]
    fn is_service_address(&self, address: Address) -> bool {
        self.has_address(address)
    }

    fn opened(&self, connection: &Connection) {
        for counters in [
            self.service_counters(connection.service_id),
            self.destination_counters(connection.destination_id),
        ] {
            if let Some(traffic) = counters.and_then(|counters| counters.this()) {
                traffic.opened();
            }
        }
    }

    fn closed(&self, connection: &Connection) {
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
