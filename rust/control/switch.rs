// SPDX-License-Identifier: GPL-2.0

//! The switch at a glance.

use kernel::{
    prelude::*,
    sync::rcu, //
};

use crate::{
    net::genetlink::{
        uapi::switch as attribute,
        Refusal,
        Request, //
    },
    switch,
    VERSION, //
};

/// Handles `switch-get`. A namespace without a switch has an empty configuration and no more.
pub(crate) fn get<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let found = switch::of(request.namespace());
    request.reply(|message| {
        message.put_string(attribute::VERSION, VERSION)?;
        if let Some(ifindex @ 1..) = found.as_ref().map(|found| found.yard_ifindex()) {
            message.put_u32(attribute::YARD_IFINDEX, ifindex)?;
        }
        let (generation, services, destinations) = found.as_ref().map_or((0, 0, 0), |found| {
            let guard = rcu::read_lock();
            let snapshot = found.config.current.read(&guard);
            (
                snapshot.generation(),
                snapshot.service_count(),
                snapshot.destination_count(),
            )
        });
        message.put_u32(attribute::GENERATION, generation)?;
        message.put_u32(attribute::SERVICES, services)?;
        message.put_u32(attribute::DESTINATIONS, destinations)?;
        if let Some(found) = &found {
            message.put_uint(attribute::CONNECTIONS, found.connection_count())?;
            message.put_uint(attribute::CONNECTION_LIMIT, found.connection_limit())?;
        }
        Ok(())
    })
}
