// SPDX-License-Identifier: GPL-2.0

//! A configuration being changed, unseen by packets: the patent's back-up buffer.
//!
//! It begins as a copy of the current snapshot. Services and destinations that no change touches
//! are shared with it; what a scheduler has to work out is worked out once, at the end, for the
//! services whose destinations or scheduler did change.

use ::core::sync::atomic::AtomicU32;
use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::Counters,
    destination::{
        Destination,
        DestinationKey,
        DestinationSettings,
        Forwarding, //
    },
    fault::Fault,
    index::Index,
    selection::Selection,
    service::{
        Service,
        ServiceKey,
        ServiceSettings, //
    },
    slots::Slots,
    snapshot::Snapshot, //
};
use crate::core::{
    scheduler::Scheduler,
    tuple::{
        Endpoint, //
        Ipv4Address,
    }, //
};

/// A service that a change has touched.
struct Edited {
    key: ServiceKey,
    settings: ServiceSettings,
    /// Numbers of the destinations, oldest first.
    members: KVVec<u32>,
    counters: Arc<Counters>,
    turn: Arc<AtomicU32>,
    /// What the scheduler had worked out, while that still holds.
    selection: Option<Arc<Selection>>,
}

enum Working {
    Kept(Arc<Service>),
    Edited(KBox<Edited>),
}

impl Working {
    /// The service, ready to be changed.
    fn edit(&mut self) -> Result<&mut Edited> {
        if let Self::Kept(service) = self {
            let mut members = KVVec::with_capacity(service.destinations.len(), GFP_KERNEL)?;
            for destination in &service.destinations {
                members.push(destination.id, GFP_KERNEL)?;
            }
            let edited = Edited {
                key: service.key,
                settings: service.settings,
                members,
                counters: service.counters.clone(),
                turn: service.turn.clone(),
                selection: Some(service.selection.clone()),
            };
            *self = Self::Edited(KBox::new(edited, GFP_KERNEL)?);
        }
        match self {
            Self::Edited(edited) => Ok(edited),
            Self::Kept(_) => Err(EINVAL),
        }
    }
}

/// A configuration being changed.
///
/// A method that fails may leave the draft half changed: it is then to be thrown away.
pub(crate) struct Draft {
    generation: u32,
    services: Slots<Working>,
    destinations: Slots<Arc<Destination>>,
    service_ids: Index<ServiceKey>,
    destination_ids: Index<DestinationKey>,
    addresses: Index<Ipv4Address>,
    changed: bool,
}

impl Draft {
    /// A copy of `snapshot`.
    pub(super) fn new(snapshot: &Snapshot) -> Result<Self> {
        Ok(Self {
            generation: snapshot.generation,
            services: snapshot
                .services
                .try_map(|service| Ok(Working::Kept(service.clone())))?,
            destinations: snapshot
                .destinations
                .try_map(|destination| Ok(destination.clone()))?,
            service_ids: snapshot.service_ids.try_clone()?,
            destination_ids: snapshot.destination_ids.try_clone()?,
            addresses: snapshot.addresses.try_clone()?,
            changed: false,
        })
    }

    /// Whether anything has been changed.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    fn service_id(&self, key: &ServiceKey) -> Result<u32, Fault> {
        self.service_ids.get(key).ok_or(Fault::NoService)
    }

    fn edit(&mut self, service: u32) -> Result<&mut Edited, Fault> {
        self.changed = true;
        let working = self.services.get_mut(service).ok_or(Fault::NoService)?;
        Ok(working.edit()?)
    }

    /// Adds a service without destinations.
    pub(crate) fn add_service(
        &mut self,
        key: ServiceKey,
        settings: ServiceSettings,
    ) -> Result<(), Fault> {
        if self.service_ids.get(&key).is_some() {
            return Err(Fault::ServiceExists);
        }
        let id = self.services.insert(|_| {
            let edited = Edited {
                key,
                settings,
                members: KVVec::new(),
                counters: Counters::new()?,
                turn: Arc::new(AtomicU32::new(0), GFP_KERNEL).map_err(Error::from)?,
                selection: None,
            };
            Ok(Working::Edited(KBox::new(edited, GFP_KERNEL)?))
        })?;
        self.service_ids.insert(key, id)?;
        let address = key.endpoint.address;
        let count = self.addresses.get(&address).unwrap_or(0);
        self.addresses.insert(address, count.saturating_add(1))?;
        self.changed = true;
        Ok(())
    }

    /// Changes what is given of a service's settings.
    pub(crate) fn set_service(
        &mut self,
        key: &ServiceKey,
        scheduler: Option<Scheduler>,
        timeout: Option<u32>,
    ) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        let edited = self.edit(id)?;
        if let Some(scheduler) = scheduler {
            if scheduler != edited.settings.scheduler {
                edited.settings.scheduler = scheduler;
                edited.selection = None;
            }
        }
        if let Some(timeout) = timeout {
            edited.settings.timeout = timeout;
        }
        Ok(())
    }

    /// Removes a service and its destinations.
    pub(crate) fn remove_service(&mut self, key: &ServiceKey) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        self.flush_service(key)?;
        self.services.remove(id);
        self.service_ids.remove(key);
        let address = key.endpoint.address;
        match self.addresses.get(&address) {
            Some(count @ 2..) => self.addresses.insert(address, count.wrapping_sub(1))?,
            _ => self.addresses.remove(&address),
        }
        Ok(())
    }

    /// Removes all destinations of a service.
    pub(crate) fn flush_service(&mut self, key: &ServiceKey) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        let edited = self.edit(id)?;
        let members = ::core::mem::replace(&mut edited.members, KVVec::new());
        edited.selection = None;
        for member in &members {
            self.forget_destination(*member);
        }
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        let mut keys = KVVec::with_capacity(self.services.len() as usize, GFP_KERNEL)?;
        for (_, working) in self.services.iter() {
            let key = match working {
                Working::Kept(service) => service.key,
                Working::Edited(edited) => edited.key,
            };
            keys.push(key, GFP_KERNEL)?;
        }
        for key in &keys {
            self.remove_service(key)?;
        }
        Ok(())
    }

    fn forget_destination(&mut self, id: u32) {
        if let Some(destination) = self.destinations.remove(id) {
            self.destination_ids.remove(&destination.key);
        }
    }

    fn destination_key(
        &self,
        service: &ServiceKey,
        endpoint: Endpoint,
    ) -> Result<DestinationKey, Fault> {
        Ok(DestinationKey {
            service: self.service_id(service)?,
            endpoint,
        })
    }

    fn destination_id(&self, key: &DestinationKey) -> Result<u32, Fault> {
        self.destination_ids.get(key).ok_or(Fault::NoDestination)
    }

    /// Adds a destination to a service.
    pub(crate) fn add_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint,
        settings: DestinationSettings,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        if self.destination_ids.get(&key).is_some() {
            return Err(Fault::DestinationExists);
        }
        if self.edit(key.service)?.members.len() >= Selection::MOST {
            return Err(Fault::TooManyDestinations);
        }
        let id = self
            .destinations
            .insert(|id| Destination::new(id, key, settings))?;
        self.destination_ids.insert(key, id)?;
        let edited = self.edit(key.service)?;
        edited.members.push(id, GFP_KERNEL)?;
        edited.selection = None;
        Ok(())
    }

    /// Changes what is given of a destination's settings.
    pub(crate) fn set_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint,
        weight: Option<u32>,
        forwarding: Option<Forwarding>,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        let id = self.destination_id(&key)?;
        let destination = self.destinations.get_mut(id).ok_or(Fault::NoDestination)?;
        let old = destination.settings;
        let new = DestinationSettings {
            weight: weight.unwrap_or(old.weight),
            forwarding: forwarding.unwrap_or(old.forwarding),
        };
        if new == old {
            return Ok(());
        }
        *destination = destination.with(new)?;
        let edited = self.edit(key.service)?;
        if new.weight != old.weight {
            edited.selection = None;
        }
        Ok(())
    }

    /// Removes a destination.
    pub(crate) fn remove_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        let id = self.destination_id(&key)?;
        self.forget_destination(id);
        let edited = self.edit(key.service)?;
        edited.members.retain(|member| *member != id);
        edited.selection = None;
        Ok(())
    }

    /// The finished configuration.
    pub(super) fn commit(self) -> Result<Snapshot> {
        let mut number = self.services.iter().map(|(id, _)| id);
        let destinations = &self.destinations;
        let services = self.services.try_map(|working| {
            let id = number.next().ok_or(EINVAL)?;
            match working {
                Working::Kept(service) => Ok(service.clone()),
                Working::Edited(edited) => finish(id, edited, destinations),
            }
        })?;
        drop(number);
        Ok(Snapshot {
            generation: self.generation.wrapping_add(1),
            services,
            destinations: self.destinations,
            service_ids: self.service_ids,
            destination_ids: self.destination_ids,
            addresses: self.addresses,
        })
    }
}

/// Makes a service of what has been edited.
fn finish(
    id: u32,
    edited: &Edited,
    destinations: &Slots<Arc<Destination>>,
) -> Result<Arc<Service>> {
    let mut members = KVVec::with_capacity(edited.members.len(), GFP_KERNEL)?;
    for member in &edited.members {
        members.push(destinations.get(*member).ok_or(EINVAL)?.clone(), GFP_KERNEL)?;
    }
    let selection = match &edited.selection {
        Some(selection) => selection.clone(),
        None => Selection::new(edited.settings.scheduler, &members)?,
    };
    let service = Service {
        id,
        key: edited.key,
        settings: edited.settings,
        destinations: members,
        selection,
        counters: edited.counters.clone(),
        turn: edited.turn.clone(),
    };
    Ok(Arc::new(service, GFP_KERNEL)?)
}
