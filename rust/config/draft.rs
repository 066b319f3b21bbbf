// SPDX-License-Identifier: GPL-2.0

//! A configuration being changed, unseen by packets: the patent's back-up buffer.
//!
//! It begins as a copy of the current snapshot. Services and destinations that no change touches
//! are shared with it; what a scheduler has to work out is worked out once, at the end, for the
//! services whose destinations or scheduler did change.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::Total,
    destination::{
        Destination,
        DestinationChange,
        DestinationKey,
        DestinationSettings, //
    },
    fault::Fault,
    index::Index,
    listeners::ListenerTable,
    places::{
        NewPlaces,
        Places, //
    },
    selection::Selection,
    service::{
        Account,
        Service,
        ServiceChange,
        ServiceSettings, //
    },
    slots::Slots,
    snapshot::Snapshot,
    tunnel_ports::TunnelPorts, //
};
use crate::{
    core::{
        method::Method,
        service_key::ServiceKey,
        tuple::{
            Endpoint,
            IpAddress, //
        }, //
    },
    net::clock::coarse_milliseconds, //
};

/// A service that a change has touched.
struct Edited {
    key: ServiceKey,
    settings: ServiceSettings,
    /// Numbers of the destinations, oldest first.
    members: KVVec<u32>,
    /// Numbers of those that have been removed and are still there.
    leaving: KVVec<u32>,
    /// What those counted that are not there any more.
    gone: Total,
    account: Arc<Account>,
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
            let mut leaving = KVVec::new();
            for destination in &service.leaving {
                leaving.push(destination.id, GFP_KERNEL)?;
            }
            let edited = Edited {
                key: service.key,
                settings: service.settings,
                members,
                leaving,
                gone: service.gone,
                account: service.account.clone(),
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
    removed: u32,
    listeners: ListenerTable,
    /// Those of the snapshot, until they are changed.
    old_ids: Arc<Index<DestinationKey>>,
    new_ids: Option<Index<DestinationKey>>,
    /// Where the destinations that have come are.
    come: NewPlaces,
    old_places: Arc<Places>,
    /// Those of the snapshot, while they still hold.
    tunnel_ports: Option<Arc<TunnelPorts>>,
    /// Something that is told of has been changed.
    changed: bool,
    /// Something that is not told of has been taken out.
    purged: bool,
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
            removed: snapshot.removed,
            listeners: snapshot.listeners.try_clone()?,
            old_ids: snapshot.destination_ids.clone(),
            new_ids: None,
            come: NewPlaces::new(),
            old_places: snapshot.places.clone(),
            tunnel_ports: Some(snapshot.tunnel_ports.clone()),
            changed: false,
            purged: false,
        })
    }

    /// Whether anything has been changed.
    pub(super) fn is_changed(&self) -> bool {
        self.changed || self.purged
    }

    /// The numbers of the destinations, ready to be changed.
    fn ids(&mut self) -> Result<&mut Index<DestinationKey>> {
        if self.new_ids.is_none() {
            self.new_ids = Some(self.old_ids.try_clone()?);
        }
        self.new_ids.as_mut().ok_or(EINVAL)
    }

    fn id_of(&self, key: &DestinationKey) -> Option<u32> {
        match &self.new_ids {
            Some(ids) => ids.get(key),
            None => self.old_ids.get(key),
        }
    }

    fn service_id(&self, key: &ServiceKey) -> Result<u32, Fault> {
        self.listeners.get(key).ok_or(Fault::NoService)
    }

    fn edit(&mut self, service: u32) -> Result<&mut Edited, Fault> {
        self.changed = true;
        let working = self.services.get_mut(service).ok_or(Fault::NoService)?;
        Ok(working.edit()?)
    }

    /// Adds a service without destinations, with what `change` says of it.
    pub(crate) fn add_service(
        &mut self,
        key: ServiceKey,
        change: &ServiceChange,
    ) -> Result<(), Fault> {
        if self.listeners.get(&key).is_some() {
            return Err(Fault::ServiceExists);
        }
        let settings = change.apply(&ServiceSettings::default(), key.protocol)?;
        let id = self.services.insert(|_| {
            let edited = Edited {
                key,
                settings,
                members: KVVec::new(),
                leaving: KVVec::new(),
                gone: Total::default(),
                account: Account::new()?,
                selection: None,
            };
            Ok(Working::Edited(KBox::new(edited, GFP_KERNEL)?))
        })?;
        self.listeners.insert(&key, id)?;
        self.changed = true;
        Ok(())
    }

    /// Changes what is given of a service's settings.
    pub(crate) fn set_service(
        &mut self,
        key: &ServiceKey,
        change: &ServiceChange,
    ) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        let edited = self.edit(id)?;
        let settings = change.apply(&edited.settings, key.protocol)?;
        if settings.scheduler != edited.settings.scheduler {
            edited.selection = None;
        }
        edited.settings = settings;
        Ok(())
    }

    /// Removes a service and its destinations.
    pub(crate) fn remove_service(&mut self, key: &ServiceKey) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        self.flush_service(key)?;
        self.services.remove(id);
        self.listeners.remove(key)?;
        Ok(())
    }

    /// Removes all destinations of a service.
    pub(crate) fn flush_service(&mut self, key: &ServiceKey) -> Result<(), Fault> {
        let id = self.service_id(key)?;
        let edited = self.edit(id)?;
        let members = ::core::mem::replace(&mut edited.members, KVVec::new());
        edited.selection = None;
        for member in &members {
            edited.leaving.push(*member, GFP_KERNEL)?;
        }
        for member in &members {
            self.forget_destination(*member)?;
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

    /// Makes a destination one that has been removed. It stays, to be found by its number, until
    /// [`Self::purge`] finds that its connections have ended.
    fn forget_destination(&mut self, id: u32) -> Result<(), Fault> {
        let Some(destination) = self.destinations.get(id) else {
            return Ok(());
        };
        let (key, removed) = (destination.key, destination.removed()?);
        self.ids()?.remove(&key);
        if let Some(destination) = self.destinations.get_mut(id) {
            *destination = removed;
            self.removed = self.removed.saturating_add(1);
        }
        Ok(())
    }

    /// Takes out those of `deserted` that have been removed and have no connections any more.
    ///
    /// Nothing may open a connection to one: since they were seen to be removed a grace period has
    /// gone by, so that the configurations in which they could be chosen are out of use.
    pub(crate) fn purge(&mut self, deserted: &[u32]) -> Result<(), Fault> {
        for id in deserted {
            if !self.destinations.get(*id).is_some_and(|d| d.is_deserted()) {
                continue;
            }
            if let Some(destination) = self.destinations.remove(*id) {
                // Its service, if it is still there, keeps what it has counted.
                if let Some(service) = self.services.get_mut(destination.key.service) {
                    let edited = service.edit()?;
                    edited.leaving.retain(|leaving| leaving != id);
                    edited.gone.add_traffic(&destination.counters.total());
                }
                if TunnelPorts::of(&destination.settings).is_some() {
                    self.tunnel_ports = None;
                }
            }
            self.removed = self.removed.saturating_sub(1);
            self.purged = true;
        }
        Ok(())
    }

    fn destination_key(
        &self,
        service: &ServiceKey,
        endpoint: Endpoint<IpAddress>,
    ) -> Result<DestinationKey, Fault> {
        Ok(DestinationKey {
            service: self.service_id(service)?,
            endpoint,
        })
    }

    fn destination_id(&self, key: &DestinationKey) -> Result<u32, Fault> {
        self.id_of(key).ok_or(Fault::NoDestination)
    }

    /// Adds a destination to a service, with what `change` says of it.
    pub(crate) fn add_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint<IpAddress>,
        change: &DestinationChange,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        if self.id_of(&key).is_some() {
            return Err(Fault::DestinationExists);
        }
        let settings = change.apply(&DestinationSettings {
            weight: 1,
            ..DestinationSettings::default()
        })?;
        suits(service, endpoint, settings.method)?;
        if self.edit(key.service)?.members.len() >= Selection::MOST {
            return Err(Fault::TooManyDestinations);
        }
        let now = coarse_milliseconds();
        let id = self
            .destinations
            .insert(|id| Destination::new(id, key, settings, now))?;
        self.ids()?.insert(key, id)?;
        self.come.insert(endpoint, id)?;
        if TunnelPorts::of(&settings).is_some() {
            self.tunnel_ports = None;
        }
        let edited = self.edit(key.service)?;
        edited.members.push(id, GFP_KERNEL)?;
        edited.selection = None;
        Ok(())
    }

    /// Changes what is given of a destination's settings.
    pub(crate) fn set_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint<IpAddress>,
        change: &DestinationChange,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        let id = self.destination_id(&key)?;
        let destination = self.destinations.get_mut(id).ok_or(Fault::NoDestination)?;
        let old = destination.settings;
        let new = change.apply(&old)?;
        suits(service, endpoint, new.method)?;
        // A deadline that is given again begins again.
        if new == old && change.drain_deadline.is_none() {
            return Ok(());
        }
        *destination = destination.with(new, change, coarse_milliseconds())?;
        if TunnelPorts::of(&new) != TunnelPorts::of(&old) {
            self.tunnel_ports = None;
        }
        let edited = self.edit(key.service)?;
        if new.effective_weight() != old.effective_weight() {
            edited.selection = None;
        }
        Ok(())
    }

    /// Removes a destination.
    pub(crate) fn remove_destination(
        &mut self,
        service: &ServiceKey,
        endpoint: Endpoint<IpAddress>,
    ) -> Result<(), Fault> {
        let key = self.destination_key(service, endpoint)?;
        let id = self.destination_id(&key)?;
        self.forget_destination(id)?;
        let edited = self.edit(key.service)?;
        edited.members.retain(|member| *member != id);
        edited.leaving.push(id, GFP_KERNEL)?;
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
        let tunnel_ports = match self.tunnel_ports {
            Some(ports) => ports,
            None => TunnelPorts::new(&self.destinations)?,
        };
        let places = if self.come.is_empty() && !self.purged {
            self.old_places
        } else {
            let places = self
                .old_places
                .changed(|id| destinations.get(id).is_some(), self.come)?;
            Arc::new(places, GFP_KERNEL)?
        };
        let destination_ids = match self.new_ids {
            Some(ids) => Arc::new(ids, GFP_KERNEL)?,
            None => self.old_ids,
        };
        Ok(Snapshot {
            tunnel_ports,
            generation: self.generation.wrapping_add(u32::from(self.changed)),
            services,
            destinations: self.destinations,
            removed: self.removed,
            listeners: self.listeners,
            destination_ids,
            places,
        })
    }
}

/// Whether packets for `service` can be taken to `endpoint` in this way.
fn suits(service: &ServiceKey, endpoint: Endpoint<IpAddress>, method: Method) -> Result<(), Fault> {
    if matches!(method, Method::Nat | Method::Direct)
        && endpoint.address.family() != service.prefix.address.family()
    {
        return Err(Fault::OtherFamily);
    }
    // What is rewritten may go to another port of the address, the rest goes by the address alone.
    let comes_back = match method {
        Method::Nat => {
            service.prefix.contains(endpoint.address)
                && (endpoint.port == 0 || service.ports.contain(endpoint.port))
        }
        Method::Direct | Method::Tunnel => service.prefix.contains(endpoint.address),
        Method::Local => false,
    };
    if comes_back {
        return Err(Fault::OwnDestination);
    }
    Ok(())
}

/// Makes a service of what has been edited.
fn finish(
    id: u32,
    edited: &Edited,
    destinations: &Slots<Arc<Destination>>,
) -> Result<Arc<Service>> {
    let of = |ids: &KVVec<u32>| {
        let mut found = KVVec::with_capacity(ids.len(), GFP_KERNEL)?;
        for id in ids {
            found.push(destinations.get(*id).ok_or(EINVAL)?.clone(), GFP_KERNEL)?;
        }
        Ok::<_, Error>(found)
    };
    let members = of(&edited.members)?;
    let selection = match &edited.selection {
        Some(selection) => selection.clone(),
        None => Selection::new(edited.settings.scheduler, &members)?,
    };
    let service = Service {
        id,
        key: edited.key,
        settings: edited.settings,
        destinations: members,
        leaving: of(&edited.leaving)?,
        gone: edited.gone,
        selection,
        account: edited.account.clone(),
    };
    Ok(Arc::new(service, GFP_KERNEL)?)
}
