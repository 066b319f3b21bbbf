// SPDX-License-Identifier: GPL-2.0

//! Destinations: asked for, listed, added, changed, removed.

use kernel::prelude::*;

use super::{
    parse::{
        self,
        optional, //
    },
    service,
    stats, //
};
use crate::{
    config::{
        Destination,
        DestinationChange,
        Draft,
        Fault,
        Service,
        State, //
    },
    core::{
        method::{
            Encapsulation,
            Method, //
        },
        service_key::{
            Ports,
            ServiceKey, //
        },
        tuple::{
            Endpoint,
            IpAddress, //
        }, //
    },
    net::{
        clock::coarse_milliseconds, //
        genetlink::{
            uapi::{
                destination,
                destination_state,
                encapsulation, //
            },
            Attribute,
            Attributes,
            Dump,
            Message,
            Refusal,
            Request, //
        },
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
    let settings = &destination.settings;
    message.put_u32(destination::WEIGHT, settings.weight)?;
    message.put_u32(destination::FORWARDING, settings.method as u32)?;
    if settings.method == Method::Tunnel {
        const { assert!(Encapsulation::Ip.value() == encapsulation::IP) };
        message.put_u32(destination::ENCAPSULATION, settings.encapsulation.value())?;
        if let Encapsulation::Gue { port } = settings.encapsulation {
            message.put_be16(destination::ENCAPSULATION_PORT, port)?;
        }
    }
    // They are numbered as in the specification.
    const {
        assert!(State::Active as u32 == destination_state::ACTIVE);
        assert!(State::Draining as u32 == destination_state::DRAINING);
        assert!(State::Down as u32 == destination_state::DOWN);
    }
    message.put_u32(destination::STATE, settings.state as u32)?;
    message.put_u32(destination::DRAIN_DEADLINE, settings.drain_deadline)?;
    if let Some(remaining) = destination.remaining(coarse_milliseconds()) {
        message.put_u32(destination::DRAIN_REMAINING, remaining.div_ceil(1000))?;
    }
    message.put_u32(destination::UPPER_LIMIT, settings.limits.upper)?;
    message.put_u32(destination::LOWER_LIMIT, settings.limits.lower)?;
    let load = &destination.load;
    message.put_uint(destination::ACTIVE_CONNECTIONS, u64::from(load.active()))?;
    message.put_uint(
        destination::INACTIVE_CONNECTIONS,
        u64::from(load.inactive()),
    )?;
    message.put_u8(
        destination::OVERLOADED,
        u8::from(load.is_overloaded(settings.limits)),
    )?;
    let counters = &destination.counters;
    stats::put(
        message,
        destination::STATS,
        &counters.total(),
        &counters.rates(),
    )
}

/// Puts where a destination is.
pub(super) fn put_endpoint(message: &mut Message<'_>, endpoint: Endpoint<IpAddress>) -> Result {
    message.put_address(destination::ADDRESS, endpoint.address)?;
    message.put_be16(destination::PORT, endpoint.port)
}

/// What a request names.
struct Named<'a> {
    service: ServiceKey,
    endpoint: Endpoint<IpAddress>,
    attributes: Attributes<'a>,
}

impl<'a> Named<'a> {
    fn parse(attributes: Attributes<'a>) -> Result<Self, Refusal<'a>> {
        let service = parse::service_key(attributes.require(destination::SERVICE)?.nest())?;
        let address = parse::address(attributes.require(destination::ADDRESS)?)?;
        let port = match (attributes.get(destination::PORT), service.ports) {
            (Some(attribute), _) => attribute.be16()?,
            (None, Ports::One(port)) => port,
            (None, Ports::All | Ports::Range(..)) => 0,
        };
        Ok(Self {
            service,
            endpoint: Endpoint::new(address, port),
            attributes,
        })
    }

    fn refuse(&self, fault: Fault) -> Refusal<'a> {
        parse::refuse(fault, |fault| {
            let id = match fault {
                Fault::NoService => destination::SERVICE,
                Fault::NotTunnel if self.attributes.get(destination::ENCAPSULATION).is_some() => {
                    destination::ENCAPSULATION
                }
                Fault::NotTunnel | Fault::NotGue => destination::ENCAPSULATION_PORT,
                Fault::NotDraining => destination::DRAIN_DEADLINE,
                Fault::LowerLimit if self.attributes.get(destination::LOWER_LIMIT).is_some() => {
                    destination::LOWER_LIMIT
                }
                Fault::LowerLimit => destination::UPPER_LIMIT,
                _ => destination::ADDRESS,
            };
            self.attributes.get(id)
        })
    }
}

/// The weight in an attribute.
fn weight(attribute: Attribute<'_>) -> Result<u32, Refusal<'_>> {
    match attribute.u32()? {
        weight @ 0..=65535 => Ok(weight),
        _ => Err(Refusal::new(ERANGE, c"a weight is 65535 at most").at(attribute)),
    }
}

/// Whether the encapsulation in an attribute is GUE.
fn is_gue(attribute: Attribute<'_>) -> Result<bool, Refusal<'_>> {
    match attribute.u32()? {
        encapsulation::IP => Ok(false),
        encapsulation::GUE => Ok(true),
        _ => Err(Refusal::new(EOPNOTSUPP, c"unknown encapsulation").at(attribute)),
    }
}

/// The state in an attribute.
fn state(attribute: Attribute<'_>) -> Result<State, Refusal<'_>> {
    State::from_value(attribute.u32()?)
        .ok_or_else(|| Refusal::new(EOPNOTSUPP, c"unknown state").at(attribute))
}

/// What `attributes` say of a destination.
fn settings(attributes: Attributes<'_>) -> Result<DestinationChange, Refusal<'_>> {
    Ok(DestinationChange {
        weight: optional(attributes, destination::WEIGHT, weight)?,
        method: optional(attributes, destination::FORWARDING, parse::method)?,
        gue: optional(attributes, destination::ENCAPSULATION, is_gue)?,
        gue_port: optional(attributes, destination::ENCAPSULATION_PORT, parse::port)?,
        state: optional(attributes, destination::STATE, state)?,
        drain_deadline: attributes.u32(destination::DRAIN_DEADLINE)?,
        upper_limit: attributes.u32(destination::UPPER_LIMIT)?,
        lower_limit: attributes.u32(destination::LOWER_LIMIT)?,
    })
}

/// Adds the destination that `attributes` describe.
pub(super) fn draft_add<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let named = Named::parse(attributes)?;
    draft
        .add_destination(&named.service, named.endpoint, &settings(attributes)?)
        .map_err(|fault| named.refuse(fault))
}

/// Changes what `attributes` give of the destination that they name.
pub(super) fn draft_set<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let named = Named::parse(attributes)?;
    draft
        .set_destination(&named.service, named.endpoint, &settings(attributes)?)
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
    let no_service = |attribute| parse::refuse(Fault::NoService, |_| Some(attribute));
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
