// SPDX-License-Identifier: GPL-2.0

//! Services: asked for, listed, added, changed, removed.

use kernel::prelude::*;

use super::{
    notify,
    parse,
    stats, //
};
use crate::{
    config::{
        self,
        Draft,
        Fault,
        Service,
        ServiceKey,
        ServiceSettings, //
    },
    core::scheduler::Scheduler,
    net::genetlink::{
        uapi::service,
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
    message.put(service::ADDRESS, &key.endpoint.address.octets())?;
    message.put_be16(service::PORT, key.endpoint.port)
}

/// Puts all that there is to tell of a service.
pub(super) fn put(message: &mut Message<'_>, service: &Service) -> Result {
    put_key(message, &service.key)?;
    message.put_u32(service::SCHEDULER, service.settings.scheduler as u32)?;
    message.put_u32(service::TIMEOUT, service.settings.timeout)?;
    message.put_u32(
        service::DESTINATIONS,
        u32::try_from(service.destinations.len()).map_err(|_| EOVERFLOW)?,
    )?;
    stats::put(message, service::STATS, &service.counters.total())
}

/// Adds the service that `attributes` describe.
pub(super) fn draft_add<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    let settings = ServiceSettings {
        scheduler: parse::scheduler(attributes)?.unwrap_or(Scheduler::Maglev),
        timeout: attributes.u32(service::TIMEOUT)?.unwrap_or(0),
    };
    draft
        .add_service(key, settings)
        .map_err(|fault| parse::refuse(fault, attributes.get(service::ADDRESS), None))
}

/// Changes what `attributes` give of the service that they name.
pub(super) fn draft_set<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    let scheduler = parse::scheduler(attributes)?;
    let timeout = attributes.u32(service::TIMEOUT)?;
    draft
        .set_service(&key, scheduler, timeout)
        .map_err(|fault| parse::refuse(fault, attributes.get(service::ADDRESS), None))
}

/// Removes the service that `attributes` name.
pub(super) fn draft_del<'a>(
    draft: &mut Draft,
    attributes: Attributes<'a>,
) -> Result<(), Refusal<'a>> {
    let key = parse::service_key(attributes)?;
    draft
        .remove_service(&key)
        .map_err(|fault| parse::refuse(fault, attributes.get(service::ADDRESS), None))
}

/// Handles `service-get` for one service.
pub(crate) fn get<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let key = parse::service_key(attributes)?;
    let snapshot = switch::of(request.namespace()).map(|switch| switch.config.current.get());
    let service = snapshot
        .as_ref()
        .and_then(|snapshot| snapshot.service(&key))
        .ok_or_else(|| parse::refuse(Fault::NoService, attributes.get(service::ADDRESS), None))?;
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
    let switch = match switch::of(namespace) {
        Some(switch) => switch,
        None => {
            config::rehearse(|draft| make(draft, attributes))?;
            switch::of_or_new(namespace)?
        }
    };
    let change = switch.config.edit(|draft| make(draft, attributes))?;
    notify::config(namespace, &change);
    Ok(())
}
