// SPDX-License-Identifier: GPL-2.0

//! A configuration as packets see it: complete, consistent, never changed.
//!
//! The patent's configuration table 64, one of its buffers A and B.

use kernel::sync::Arc;

use super::{
    counters::Counters,
    destination::{
        Destination,
        DestinationKey, //
    },
    index::{
        spread,
        Index,
        Key, //
    },
    service::{
        Service,
        ServiceKey, //
    },
    slots::Slots, //
};
use crate::core::tuple::{
    Endpoint, //
    Ipv4Address,
};

impl Key for Ipv4Address {
    #[inline]
    fn hash(&self) -> u64 {
        spread(u64::from(self.bits()))
    }
}

/// A configuration.
///
/// All look-ups take constant time, allocate nothing and take no lock.
pub(crate) struct Snapshot {
    /// Counts the configurations that have been swapped in.
    pub(super) generation: u32,
    pub(super) services: Slots<Arc<Service>>,
    pub(super) destinations: Slots<Arc<Destination>>,
    pub(super) service_ids: Index<ServiceKey>,
    pub(super) destination_ids: Index<DestinationKey>,
    /// Addresses of services, and how many services each has.
    pub(super) addresses: Index<Ipv4Address>,
}

impl Snapshot {
    /// The configuration without services.
    pub(super) fn empty() -> Self {
        Self {
            generation: 0,
            services: Slots::new(),
            destinations: Slots::new(),
            service_ids: Index::new(),
            destination_ids: Index::new(),
            addresses: Index::new(),
        }
    }

    /// Counts the configurations that have been swapped in.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The service of this key.
    #[inline]
    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.service_by_id(self.service_ids.get(key)?)
    }

    /// The service of this number; `None` once it has been removed.
    #[inline]
    pub(crate) fn service_by_id(&self, id: u32) -> Option<&Arc<Service>> {
        self.services.get(id)
    }

    /// The destination at `endpoint` of the service of number `service`.
    pub(crate) fn destination(
        &self,
        service: u32,
        endpoint: Endpoint,
    ) -> Option<&Arc<Destination>> {
        let key = DestinationKey { service, endpoint };
        self.destination_by_id(self.destination_ids.get(&key)?)
    }

    /// The destination of this number; `None` once it has been removed.
    #[inline]
    pub(crate) fn destination_by_id(&self, id: u32) -> Option<&Arc<Destination>> {
        self.destinations.get(id)
    }

    /// Whether any service has this address.
    #[inline]
    pub(crate) fn has_address(&self, address: Ipv4Address) -> bool {
        self.addresses.get(&address).is_some()
    }

    /// All services in a stable order.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.iter().map(|(_, service)| service)
    }

    /// The services from the place `first` on, each with its place, which it has for life.
    pub(crate) fn services_from(&self, first: u32) -> impl Iterator<Item = (u32, &Arc<Service>)> {
        self.services.iter_from(first)
    }

    /// All destinations in a stable order.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.destinations.iter().map(|(_, destination)| destination)
    }

    /// How many services there are.
    pub(crate) fn service_count(&self) -> u32 {
        self.services.len()
    }

    /// How many destinations there are.
    pub(crate) fn destination_count(&self) -> u32 {
        self.destinations.len()
    }

    /// The traffic counts of the service of number `id`; `None` once it has been removed.
    #[inline]
    pub(crate) fn service_counters(&self, id: u32) -> Option<&Counters> {
        self.service_by_id(id).map(|service| &*service.counters)
    }

    /// The traffic counts of the destination of number `id`; `None` once it has been removed.
    #[inline]
    pub(crate) fn destination_counters(&self, id: u32) -> Option<&Counters> {
        self.destination_by_id(id)
            .map(|destination| &*destination.counters)
    }
}
