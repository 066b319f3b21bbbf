// SPDX-License-Identifier: GPL-2.0

//! Listeners told of changes.
//!
//! A notification that cannot be made for lack of memory is lost, as one is whose listener's
//! buffer is full: whoever must not miss one lists everything when told so by `ENOBUFS`.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    claim,
    destination,
    service,
    switch, //
};
use crate::{
    config::{
        Change,
        Destination,
        Service,
        Snapshot, //
    },
    engine::types::QueueInfo,
    net::{
        genetlink::{
            notify,
            uapi::{
                claim as attribute,
                command, //
            },
            Group, //
        },
        namespace::Namespace, //
    },
    switch::Switch,
};

/// Tells of what `change` changed: removals first, a service before its destinations.
pub(super) fn config(namespace: &Namespace, change: &Change<'_>) {
    if Arc::ptr_eq(&change.old, &change.new) || !Group::Config.has_listeners(namespace) {
        return;
    }
    let (old, new) = (&change.old, &change.new);
    for destination in old.destinations() {
        let after = new.destination_by_id(destination.id);
        if after.is_none_or(|after| after.removed) {
            tell_destination(namespace, command::DESTINATION_DEL_NTF, old, destination);
        }
    }
    for service in old.services() {
        if new.service_by_id(service.id).is_none() {
            tell_service(namespace, command::SERVICE_DEL_NTF, service);
        }
    }
    for service in new.services() {
        let same = old.service_by_id(service.id).is_some_and(|before| {
            before.settings == service.settings
                && before.destinations.len() == service.destinations.len()
        });
        if !same {
            tell_service(namespace, command::SERVICE_NTF, service);
        }
    }
    for destination in new.destinations() {
        let same = old
            .destination_by_id(destination.id)
            .is_some_and(|before| before.settings == destination.settings);
        if !same {
            tell_destination(namespace, command::DESTINATION_NTF, new, destination);
        }
    }
}

fn tell_service(namespace: &Namespace, command: u8, service: &Service) {
    let _ = notify(namespace, Group::Config, command, |message| {
        service::put(message, service)
    });
}

fn tell_destination(
    namespace: &Namespace,
    command: u8,
    snapshot: &Snapshot,
    destination: &Destination,
) {
    if let Some(service) = snapshot.service_by_id(destination.key.service) {
        let _ = notify(namespace, Group::Config, command, |message| {
            destination::put(message, service, destination)
        });
    }
}

/// Tells that a destination that takes no new connections has none left. May sleep.
pub(crate) fn drained(namespace: &Namespace, snapshot: &Snapshot, destination: &Destination) {
    let command = command::DESTINATION_DRAINED_NTF;
    tell_destination(namespace, command, snapshot, destination);
}

/// Tells that the connections left at a destination's deadline were ended. May sleep.
pub(crate) fn deadline_met(namespace: &Namespace, snapshot: &Snapshot, destination: &Destination) {
    let command = command::DESTINATION_DEADLINE_NTF;
    tell_destination(namespace, command, snapshot, destination);
}

/// Tells that a value of the switch was set. May sleep.
pub(super) fn switch(namespace: &Namespace, of: &Switch) {
    let _ = notify(namespace, Group::Config, command::SWITCH_NTF, |message| {
        switch::put(message, Some(of))
    });
}

/// Tells that a queue was claimed. May sleep.
pub(crate) fn claimed(namespace: &Namespace, queue: &QueueInfo<'_>) {
    let _ = notify(namespace, Group::Claims, command::CLAIM_NTF, |message| {
        claim::put(message, queue)
    });
}

/// Tells that a device was released with all its queues. May sleep.
pub(crate) fn released(namespace: &Namespace, ifindex: u32, ifname: &CStr) {
    let _ = notify(
        namespace,
        Group::Claims,
        command::CLAIM_DEL_NTF,
        |message| {
            message.put_u32(attribute::IFINDEX, ifindex)?;
            message.put_string(attribute::IFNAME, ifname)
        },
    );
}
