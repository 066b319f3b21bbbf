// SPDX-License-Identifier: GPL-2.0

//! A configuration as packets see it: complete, consistent, never changed.
//!
//! The patent's configuration table 64, one of its buffers A and B.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::Counters,
    destination::{
        Destination,
        DestinationKey, //
    },
    index::Index,
    listeners::ListenerTable,
    places::Places,
    service::Service,
    slots::Slots,
    tunnel_ports::TunnelPorts, //
};
use crate::core::{
    service_key::ServiceKey,
    tuple::{
        Endpoint,
        IpAddress,
        Protocol, //
    }, //
};

/// A configuration.
///
/// All look-ups take constant time, or logarithmic with ranges of ports, allocate nothing and take
/// no lock.
pub(crate) struct Snapshot {
    /// Counts the configurations that have been swapped in.
    pub(super) generation: u32,
    pub(super) services: Slots<Arc<Service>>,
    /// With those that have been removed and still have connections.
    pub(super) destinations: Slots<Arc<Destination>>,
    /// How many of them have been removed.
    pub(super) removed: u32,
    pub(super) listeners: ListenerTable,
    /// Shared with configurations before and after that have the same destinations.
    pub(super) destination_ids: Arc<Index<DestinationKey>>,
    /// Where the destinations are, those that have been removed included. Shared likewise.
    pub(super) places: Arc<Places>,
    pub(super) tunnel_ports: Arc<TunnelPorts>,
}

impl Snapshot {
    /// The configuration without services. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn empty() -> Result<Self> {
        Ok(Self {
            generation: 0,
            services: Slots::new(),
            destinations: Slots::new(),
            removed: 0,
            listeners: ListenerTable::new()?,
            destination_ids: Arc::new(Index::new(), GFP_KERNEL)?,
            places: Arc::new(Places::new(), GFP_KERNEL)?,
            tunnel_ports: TunnelPorts::new(&Slots::new())?,
        })
    }

    /// Whether there has never been anything in it: it is then like every other such one, and a
    /// draft of any is a draft of all.
    pub(super) fn is_untouched(&self) -> bool {
        self.generation == 0 && self.services.is_untouched() && self.destinations.is_untouched()
    }

    /// Counts the configurations that have been swapped in.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The service of this key.
    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.service_by_id(self.listeners.get(key)?)
    }

    /// The service that a packet to `endpoint` is for.
    #[inline(always)]
    pub(crate) fn service_of(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
    ) -> Option<&Arc<Service>> {
        self.service_by_id(self.listeners.find(protocol, endpoint)?)
    }

    /// The service of this number; `None` once it has been removed.
    #[inline(always)]
    pub(crate) fn service_by_id(&self, id: u32) -> Option<&Arc<Service>> {
        self.services.get(id)
    }

    /// The destination at `endpoint` of the service of number `service`.
    pub(crate) fn destination(
        &self,
        service: u32,
        endpoint: Endpoint<IpAddress>,
    ) -> Option<&Arc<Destination>> {
        let key = DestinationKey { service, endpoint };
        self.destination_by_id(self.destination_ids.get(&key)?)
    }

    /// The destination of this number, also if it has been removed, as long as it has
    /// connections.
    #[inline]
    pub(crate) fn destination_by_id(&self, id: u32) -> Option<&Arc<Destination>> {
        self.destinations.get(id)
    }

    /// Whether any service has this address.
    #[inline]
    pub(crate) fn has_address(&self, address: IpAddress) -> bool {
        self.listeners.has_address(address)
    }

    /// All services in a stable order.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.iter().map(|(_, service)| service)
    }

    /// The services from the place `first` on, each with its place, which it has for life.
    pub(crate) fn services_from(&self, first: u32) -> impl Iterator<Item = (u32, &Arc<Service>)> {
        self.services.iter_from(first)
    }

    /// All destinations in a stable order, but for those that have been removed.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.all_destinations()
            .filter(|destination| !destination.removed)
    }

    /// All destinations, with those that have been removed and still have connections.
    pub(crate) fn all_destinations(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.destinations.iter().map(|(_, destination)| destination)
    }

    /// How many services and destinations there are, those that have been removed included.
    pub(super) fn size(&self) -> usize {
        (self.services.len() as usize).saturating_add(self.destinations.len() as usize)
    }

    /// How many services there are.
    pub(crate) fn service_count(&self) -> u32 {
        self.services.len()
    }

    /// How many destinations there are, but for those that have been removed.
    pub(crate) fn destination_count(&self) -> u32 {
        self.destinations.len().saturating_sub(self.removed)
    }

    /// The numbers of the destinations that have been removed and have no connections any more.
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn deserted(&self) -> Result<KVVec<u32>> {
        let mut deserted = KVVec::new();
        if self.removed > 0 {
            for (id, destination) in self.destinations.iter() {
                if destination.is_deserted() {
                    deserted.push(id, GFP_KERNEL)?;
                }
            }
        }
        Ok(deserted)
    }

    /// The traffic counts of the service of number `id`; `None` once it has been removed.
    #[inline]
    pub(crate) fn service_counters(&self, id: u32) -> Option<&Counters> {
        self.service_by_id(id).map(|service| service.counters())
    }

    /// The traffic counts of the destination of number `id`; `None` once it is gone.
    #[inline]
    pub(crate) fn destination_counters(&self, id: u32) -> Option<&Counters> {
        self.destination_by_id(id)
            .map(|destination| &*destination.counters)
    }
}
