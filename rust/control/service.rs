// SPDX-License-Identifier: GPL-2.0

//! Services: asked for, listed, added, changed, removed.

use kernel::prelude::*;

use super::{
    notify,
    parse::{
        self,
        optional, //
    },
    stats, //
};
use crate::{
    config::{
        self,
        Draft,
        Fault,
        Service,
        ServiceChange, //
    },
    core::{
        scheduler::Scheduler,
        service_key::{
            Ports,
            ServiceKey, //
        }, //
    },
    net::genetlink::{
        uapi::{
            fallback,
            scheduler,
            service, //
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

/// Puts the attributes that tell `key` from other services.
pub(super) fn put_key(message: &mut Message<'_>, key: &ServiceKey) -> Result {
    message.put_u8(service::PROTOCOL, key.protocol.number())?;
    message.put_address(service::ADDRESS, key.prefix.address)?;
    message.put_be16(service::PORT, key.ports.first())?;
    if !key.prefix.is_single() {
        message.put_u8(service::PREFIX_LENGTH, key.prefix.length)?;
    }
    if let Ports::Range(_, last) = key.ports {
        message.put_be16(service::LAST_PORT, last)?;
    }
    Ok(())
}

/// Puts all that there is to tell of a service.
pub(super) fn put(message: &mut Message<'_>, of: &Service) -> Result {
    put_key(message, &of.key)?;
    let settings = &of.settings;
    message.put_u32(service::SCHEDULER, settings.scheduler as u32)?;
    message.put_u32(service::TIMEOUT, settings.timeout)?;
    message.put_u32(
        service::DESTINATIONS,
        u32::try_from(of.destinations.len()).map_err(|_| EOVERFLOW)?,
    )?;
    let rates = of.counters().rates();
    stats::put(message, service::STATS, &of.total(), &rates)?;
    message.put_u8(service::ONE_PACKET, u8::from(settings.one_packet))?;
    message.put_u8(service::RESET_AT_EXPIRY, u8::from(settings.reset_at_expiry))?;
    message.put_u32(
        service::FALLBACK,
        if settings.local_fallback {
            fallback::LOCAL
        } else {
            fallback::NONE
        },
    )?;
    message.put_u32(service::AFFINITY, settings.affinity)?;
    message.put_u8(service::AFFINITY_PREFIX4, settings.affinity_prefix4)?;
    message.put_u8(service::AFFINITY_PREFIX6, settings.affinity_prefix6)?;
    stats::put_drops(message, service::DROP, &of.drops(), false)
}

/// The scheduler in an attribute.
fn scheduler(attribute: Attribute<'_>) -> Result<Scheduler, Refusal<'_>> {
    // They are numbered as in the specification; the host's tests know their names.
    const { assert!(Scheduler::SourceHash as u32 == scheduler::SH) };
    Scheduler::from_value(attribute.u32()?)
        .ok_or_else(|| Refusal::new(EOPNOTSUPP, c"unknown scheduler").at(attribute))
}

/// Whether the fallback in an attribute is this machine.
fn is_local(attribute: Attribute<'_>) -> Result<bool, Refusal<'_>> {
    match attribute.u32()? {
        fallback::NONE => Ok(false),
        fallback::LOCAL => Ok(true),
        _ => Err(Refusal::new(EOPNOTSUPP, c"unknown fallback").at(attribute)),
    }
}

/// The length of the prefix that makes a client, `most` bits at most.
fn client_prefix(attribute: Attribute<'_>, most: u8) -> Result<u8, Refusal<'_>> {
    match attribute.u8()? {
        length if (1..=most).contains(&length) => Ok(length),
        _ => Err(Refusal::new(ERANGE, c"no length of a prefix").at(attribute)),
    }
}

/// What `attributes` say of a service.
fn settings(attributes: Attributes<'_>) -> Result<ServiceChange, Refusal<'_>> {
    Ok(ServiceChange {
        scheduler: optional(attributes, service::SCHEDULER, scheduler)?,
        timeout: attributes.u32(service::TIMEOUT)?,
        one_packet: optional(attributes, service::ONE_PACKET, parse::flag)?,
        reset_at_expiry: optional(attributes, service::RESET_AT_EXPIRY, parse::flag)?,
        local_fallback: optional(attributes, service::FALLBACK, is_local)?,
        affinity: attributes.u32(service::AFFINITY)?,
        affinity_prefix4: optional(attributes, service::AFFINITY_PREFIX4, |attribute| {
            client_prefix(attribute, 32)
        })?,
        affinity_prefix6: optional(attributes, service::AFFINITY_PREFIX6, |attribute| {
            client_prefix(attribute, 128)
        })?,
    })
}

/// The refusal for a fault in a change of the service that `attributes` describe.
fn refuse(fault: Fault, attributes: Attributes<'_>) -> Refusal<'_> {
    parse::refuse(fault, |fault| {
        let id = match fault {
            Fault::NotUdp => service::ONE_PACKET,
            Fault::NotTcp => service::RESET_AT_EXPIRY,
            Fault::RangeOverlaps => service::LAST_PORT,
            _ => service::ADDRESS,
        };
        attributes.get(id)
    })
}

/// Adds the service that `attributes` describe.
pub(super) fn draft_add<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    draft
        .add_service(key, &settings(attributes)?)
        .map_err(|fault| refuse(fault, attributes))
}

/// Changes what `attributes` give of the service that they name.
pub(super) fn draft_set<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    draft
        .set_service(&key, &settings(attributes)?)
        .map_err(|fault| refuse(fault, attributes))
}

/// Removes the service that `attributes` name.
pub(super) fn draft_del<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    draft
        .remove_service(&key)
        .map_err(|fault| refuse(fault, attributes))
}

/// Handles `service-get` for one service.
pub(crate) fn get<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let key = parse::service_key(attributes)?;
    let snapshot = switch::of(request.namespace()).map(|switch| switch.config.current.get());
    let service = snapshot
        .as_ref()
        .and_then(|snapshot| snapshot.service(&key))
        .ok_or_else(|| refuse(Fault::NoService, attributes))?;
    request.reply(|message| put(message, service))
}

/// Handles `service-get` for all services.
///
/// Cursor: the place of the next service.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let Some(switch) = switch::of(dump.namespace()) else {
        return Ok(());
    };
    let snapshot = switch.config.current.get();
    dump.set_generation(snapshot.generation());
    let [mut next, ..] = dump.cursor();
    for (place, service) in snapshot.services_from(next) {
        if !dump.entry(|message| put(message, service))? {
            next = place;
            dump.set_cursor([next, 0, 0, 0]);
            return Ok(());
        }
        next = place.saturating_add(1);
    }
    dump.set_cursor([next, 0, 0, 0]);
    Ok(())
}

/// Handles `service-add`.
pub(crate) fn add<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    change(request, draft_add)
}

/// Handles `service-set`.
pub(crate) fn set<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    change(request, draft_set)
}

/// Handles `service-del`.
pub(crate) fn del<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    change(request, draft_del)
}

/// Makes one change to the namespace's configuration and tells of it.
///
/// A change that is refused makes no switch where there was none.
pub(super) fn change<'a>(
    request: &Request<'a>,
    make: impl Fn(&mut Draft, Attributes<'a>) -> Result<(), Refusal<'a>>,
) -> Result<(), Refusal<'a>> {
    let namespace = request.namespace();
    let attributes = request.attributes();
    let (switch, rehearsed) = match switch::of(namespace) {
        Some(switch) => (switch, None),
        None => {
            let rehearsed = config::rehearse(|draft| make(draft, attributes))?;
            (switch::of_or_new(namespace)?, Some(rehearsed))
        }
    };
    let change = switch
        .config
        .edit(rehearsed, |draft| make(draft, attributes))?;
    notify::config(namespace, &change);
    Ok(())
}
