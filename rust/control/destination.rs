// SPDX-License-Identifier: GPL-2.0

//! Destinations: asked for, listed, added, changed, removed.

use kernel::prelude::*;

use super::{
    parse,
    service,
    stats, //
};
use crate::{
    config::{
        Destination,
        DestinationSettings,
        Draft,
        Fault,
        Forwarding,
        Service,
        ServiceKey, //
    },
    core::tuple::Endpoint,
    net::genetlink::{
        uapi::{
            destination,
            forwarding, //
        },
        Attribute,
        Attributes,
        Dump,
        Message,
        Refusal,
        Request, //
    },
    switch, //
};

/// Puts all that there is to tell of a destination of `service`.
pub(super) fn put(
    message: &mut Message<'_>,
    service: &Service,
    destination: &Destination,
) -> Result {
    message.nest(destination::SERVICE, |message| {
        service::put_key(message, &service.key)
    })?;
    put_endpoint(message, destination.key.endpoint)?;
    message.put_u32(destination::WEIGHT, destination.settings.weight)?;
    message.put_u32(
        destination::FORWARDING,
        match destination.settings.forwarding {
            Forwarding::Nat => forwarding::NAT,
        },
    )?;
    let total = destination.counters.total();
    message.put_uint(destination::ACTIVE_CONNECTIONS, total.active)?;
    stats::put(message, destination::STATS, &total)
}

/// Puts where a destination is.
pub(super) fn put_endpoint(message: &mut Message<'_>, endpoint: Endpoint) -> Result {
    message.put(destination::ADDRESS, &endpoint.address.octets())?;
    message.put_be16(destination::PORT, endpoint.port)
}

/// What a request names.
struct Named<'a> {
    service: ServiceKey,
    endpoint: Endpoint,
    service_attribute: Attribute<'a>,
    address_attribute: Attribute<'a>,
}

impl<'a> Named<'a> {
    fn parse(attributes: Attributes<'a>) -> Result<Self, Refusal<'a>> {
        let service_attribute = attributes.require(destination::SERVICE)?;
        let service = parse::service_key(service_attribute.nest())?;
        let address_attribute = attributes.require(destination::ADDRESS)?;
        let address = parse::address(address_attribute)?;
        let port = match attributes.get(destination::PORT) {
            Some(attribute) => parse::port(attribute)?,
            None => service.endpoint.port,
        };
        Ok(Self {
            service,
            endpoint: Endpoint::new(address, port),
            service_attribute,
            address_attribute,
        })
    }

    fn refuse(&self, fault: Fault) -> Refusal<'a> {
        parse::refuse(
            fault,
            Some(self.service_attribute),
            Some(self.address_attribute),
        )
    }
}

/// The weight, if one is given.
fn weight(attributes: Attributes<'_>) -> Result<Option<u32>, Refusal<'_>> {
    attributes
        .get(destination::WEIGHT)
        .map(|attribute| match attribute.u32()? {
            weight @ 0..=65535 => Ok(weight),
            _ => Err(Refusal::new(ERANGE, c"a weight is 65535 at most").at(attribute)),
        })
        .transpose()
}

/// Adds the destination that `attributes` describe.
pub(super) fn draft_add<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let named = Named::parse(attributes)?;
    if named.endpoint == named.service.endpoint {
        return Err(
            Refusal::new(EINVAL, c"a service cannot be its own destination")
                .at(named.address_attribute),
        );
    }
    let settings = DestinationSettings {
        weight: weight(attributes)?.unwrap_or(1),
        forwarding: parse::forwarding(attributes)?.unwrap_or(Forwarding::Nat),
    };
    draft
        .add_destination(&named.service, named.endpoint, settings)
        .map_err(|fault| named.refuse(fault))
}

/// Changes what `attributes` give of the destination that they name.
pub(super) fn draft_set<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let named = Named::parse(attributes)?;
    let weight = weight(attributes)?;
    let forwarding = parse::forwarding(attributes)?;
    draft
        .set_destination(&named.service, named.endpoint, weight, forwarding)
        .map_err(|fault| named.refuse(fault))
}

/// Removes the destination that `attributes` name.
pub(super) fn draft_del<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let named = Named::parse(attributes)?;
    draft
        .remove_destination(&named.service, named.endpoint)
        .map_err(|fault| named.refuse(fault))
}

/// Handles `destination-get` for one destination.
pub(crate) fn get<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let named = Named::parse(request.attributes())?;
    let switch = switch::of(request.namespace()).ok_or_else(|| named.refuse(Fault::NoService))?;
    let snapshot = switch.config.current.get();
    let service = snapshot
        .service(&named.service)
        .ok_or_else(|| named.refuse(Fault::NoService))?;
    let destination = snapshot
        .destination(service.id, named.endpoint)
        .ok_or_else(|| named.refuse(Fault::NoDestination))?;
    request.reply(|message| put(message, service, destination))
}

/// Handles `destination-get` for all destinations, or those of one service.
///
/// Cursor: the place of the service, and the next of its destinations.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let wanted = dump
        .attributes()
        .get(destination::SERVICE)
        .map(|attribute| Ok::<_, Refusal<'_>>((attribute, parse::service_key(attribute.nest())?)))
        .transpose()?;
    let no_service = |attribute| parse::refuse(Fault::NoService, Some(attribute), None);
    let Some(switch) = switch::of(dump.namespace()) else {
        return wanted.map_or(Ok(()), |(attribute, _)| Err(no_service(attribute)));
    };
    let snapshot = switch.config.current.get();
    dump.set_generation(snapshot.generation());
    let [mut place, mut member, started, _] = dump.cursor();
    if let (Some((attribute, key)), 0) = (&wanted, started) {
        if snapshot.service(key).is_none() {
            return Err(no_service(*attribute));
        }
    }
    for (at, service) in snapshot.services_from(place) {
        if at != place {
            (place, member) = (at, 0);
        }
        if matches!(&wanted, Some((_, key)) if *key != service.key) {
            continue;
        }
        let rest = service
            .destinations
            .get(member as usize..)
            .unwrap_or_default();
        for destination in rest {
            if !dump.entry(|message| put(message, service, destination))? {
                dump.set_cursor([place, member, 1, 0]);
                return Ok(());
            }
            member = member.saturating_add(1);
        }
    }
    dump.set_cursor([u32::MAX, 0, 1, 0]);
    Ok(())
}

/// Handles `destination-add`.
pub(crate) fn add<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    service::change(request, draft_add)
}

/// Handles `destination-set`.
pub(crate) fn set<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    service::change(request, draft_set)
}

/// Handles `destination-del`.
pub(crate) fn del<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    service::change(request, draft_del)
}
