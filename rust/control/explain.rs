// SPDX-License-Identifier: GPL-2.0

//! A packet explained: where it would go, and why.

use kernel::prelude::*;

use super::{
    destination,
    service, //
};
use crate::{
    config::Snapshot,
    net::genetlink::{
        uapi::{
            explain,
            verdict, //
        },
        Message,
        Refusal,
        Request, //
    },
    switch::{
        self,
        Explanation,
        Fate, //
    },
};

/// The shortest packet that there is: an IPv4 header.
const SHORTEST: usize = 20;

/// What the attributes other than packets take in a message, and then some.
const ROOM: usize = 4096;

/// Puts an explanation.
fn put(message: &mut Message<'_>, snapshot: &Snapshot, found: &Explanation) -> Result {
    message.put_u32(
        explain::VERDICT,
        match found.fate {
            Fate::Pass => verdict::PASS,
            Fate::Forward => verdict::FORWARD,
            Fate::Reply => verdict::REPLY,
            Fate::Local => verdict::LOCAL,
            Fate::Reset => verdict::RESET,
            Fate::Icmp => verdict::ICMP,
            Fate::Drop => verdict::DROP,
            Fate::Hold => verdict::HOLD,
        },
    )?;
    if let Some(reason) = found.drop_reason {
        message.put_u32(explain::DROP_REASON, reason as u32)?;
    }
    if let Some(service) = found.service_id.and_then(|id| snapshot.service_by_id(id)) {
        message.nest(explain::SERVICE, |message| {
            service::put_key(message, &service.key)
        })?;
    }
    if let Some(destination) = found
        .destination_id
        .and_then(|id| snapshot.destination_by_id(id))
    {
        message.nest(explain::DESTINATION, |message| {
            destination::put_endpoint(message, destination.key.endpoint)
        })?;
    }
    if let Some(method) = found.method {
        message.put_u32(explain::FORWARDING, method as u32)?;
    }
    if let Some(state) = found.state {
        message.put_u32(explain::CONNECTION_STATE, state.netlink())?;
    }
    if let Some(address) = found.next_hop {
        message.put_address(explain::NEXT_HOP, address)?;
    }
    if let Some(ifindex) = found.out_ifindex {
        message.put_u32(explain::OUT_IFINDEX, ifindex)?;
    }
    if !found.result.is_empty() {
        message.put(explain::RESULT, &found.result)?;
    }
    for step in &found.steps {
        message.put_string(explain::STEP, step)?;
    }
    Ok(())
}

/// Handles `explain`.
pub(crate) fn explain<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let attribute = attributes.require(explain::PACKET)?;
    let packet = attribute.payload();
    if packet.len() < SHORTEST {
        return Err(Refusal::new(EINVAL, c"a packet has 20 bytes at least").at(attribute));
    }
    let ifindex = attributes.get(explain::IFINDEX);
    let index = ifindex.map(|ifindex| ifindex.u32()).transpose()?;
    let namespace = request.namespace();
    let switch = switch::of(namespace)
        .ok_or_else(|| Refusal::new(ENOENT, c"the namespace has no switch"))?;
    let found = switch
        .explain(namespace, packet, index)
        .map_err(|error| match ifindex {
            Some(attribute) if error == ENODEV => {
                Refusal::new(error, c"there is no such device").at(attribute)
            }
            _ => Refusal::from(error),
        })?;
    let snapshot = switch.config.current.get();
    let room = found.result.len().saturating_add(ROOM);
    request.reply_of(room, |message| put(message, &snapshot, &found))
}
