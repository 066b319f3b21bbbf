// SPDX-License-Identifier: GPL-2.0

//! The switch at a glance, and what of it can be set.

use kernel::{
    prelude::*,
    sync::rcu, //
};

use super::{
    notify,
    stats, //
};
use crate::{
    net::genetlink::{
        uapi::{
            state_timeout,
            switch as attribute, //
        },
        Attribute,
        Message,
        Refusal,
        Request, //
    },
    switch::{
        self,
        Switch, //
    },
    VERSION, //
};

/// Puts all that there is to tell of a switch, or of a namespace without one.
pub(super) fn put(message: &mut Message<'_>, found: Option<&Switch>) -> Result {
    message.put_string(attribute::VERSION, VERSION)?;
    if let Some(ifindex @ 1..) = found.map(|found| found.yard_ifindex()) {
        message.put_u32(attribute::YARD_IFINDEX, ifindex)?;
    }
    let (generation, services, destinations) = found.map_or((0, 0, 0), |found| {
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
    if let Some(found) = found {
        message.put_uint(attribute::CONNECTIONS, found.connection_count())?;
        put_more(message, found)?;
    }
    Ok(())
}

/// Puts what can be set, and what was done.
fn put_more(message: &mut Message<'_>, found: &Switch) -> Result {
    let tuning = &found.tuning;
    message.put_uint(
        attribute::CONNECTION_LIMIT,
        u64::from(tuning.connection_limit()),
    )?;
    message.put_u32(
        attribute::HALF_OPEN_LIMIT,
        match tuning.half_open_limit() {
            u32::MAX => 0,
            limit => limit,
        },
    )?;
    for state in 0.. {
        let Some(timeout) = tuning.timeout_of(state) else {
            break;
        };
        if !is_settable(state) {
            continue;
        }
        message.nest(attribute::TIMEOUT, |message| {
            message.put_u32(state_timeout::STATE, state)?;
            message.put_u32(state_timeout::MILLISECONDS, timeout)
        })?;
    }
    message.put_u32(
        attribute::FRAGMENT_MEMORY_LIMIT,
        tuning.fragment_memory_limit(),
    )?;
    message.put_u32(attribute::FRAGMENT_TIMEOUT, tuning.fragment_timeout())?;
    let counts = found.connection_counts();
    message.put_uint(attribute::HALF_OPEN, counts.half_open)?;
    message.put_uint(attribute::CONNECTIONS_IPV4, counts.v4)?;
    message.put_uint(attribute::CONNECTIONS_IPV6, counts.v6)?;
    message.put_uint(attribute::TABLE_BYTES, counts.bytes)?;
    message.put_uint(attribute::FRAGMENT_MEMORY, found.fragment_bytes())?;
    let (traffic, rates, drops) = found.totals();
    stats::put(message, attribute::STATS, &traffic, &rates)?;
    stats::put_drops(message, attribute::DROP, &drops, true)
}

/// Whether the state of this number has a timeout that means anything: neither what is not known
/// nor affinity, whose time the service sets.
fn is_settable(state: u32) -> bool {
    use crate::net::genetlink::uapi::connection_state::{
        AFFINITY,
        NONE, //
    };
    state != NONE && state != AFFINITY
}

/// Handles `switch-get`. A namespace without a switch has an empty configuration and no more.
pub(crate) fn get<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let found = switch::of(request.namespace());
    request.reply(|message| put(message, found.as_deref()))
}

/// The state and the milliseconds of a `timeout` nest.
fn timeout(attribute: Attribute<'_>) -> Result<(u32, u32), Refusal<'_>> {
    let attributes = attribute.nest();
    let of = attributes.require(state_timeout::STATE)?;
    let state = of.u32()?;
    if !is_settable(state) {
        return Err(Refusal::new(EINVAL, c"the state has no timeout that could be set").at(of));
    }
    let milliseconds = attributes.require(state_timeout::MILLISECONDS)?.u32()?;
    Ok((state, milliseconds))
}

/// Handles `switch-set`: all of it, or nothing if any of it is refused.
pub(crate) fn set<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let connections = attributes
        .get(attribute::CONNECTION_LIMIT)
        .map(|attribute| {
            u32::try_from(attribute.uint()?).map_err(|_| {
                Refusal::new(ERANGE, c"more connections than there can be").at(attribute)
            })
        })
        .transpose()?;
    let half_open = attributes.u32(attribute::HALF_OPEN_LIMIT)?;
    let memory = attributes.u32(attribute::FRAGMENT_MEMORY_LIMIT)?;
    let patience = attributes.u32(attribute::FRAGMENT_TIMEOUT)?;
    for attribute in attributes.all(attribute::TIMEOUT) {
        timeout(attribute)?;
    }
    let namespace = request.namespace();
    let switch = switch::of_or_new(namespace)?;
    let tuning = &switch.tuning;
    if let Some(connections) = connections {
        tuning.set_connection_limit(connections);
    }
    if let Some(half_open) = half_open {
        tuning.set_half_open_limit(half_open);
    }
    if let Some(memory) = memory {
        tuning.set_fragment_memory_limit(memory);
    }
    if let Some(patience) = patience {
        tuning.set_fragment_timeout(patience);
    }
    for attribute in attributes.all(attribute::TIMEOUT) {
        let (state, milliseconds) = timeout(attribute)?;
        tuning.set_timeout(state, milliseconds);
    }
    switch.retune();
    notify::switch(namespace, &switch);
    Ok(())
}
