// SPDX-License-Identifier: GPL-2.0

//! Claims: receive queues taken from the ordinary stack and given back.

use kernel::prelude::*;

use super::notify;
use crate::{
    engine::types::{
        ClaimError,
        ClaimRequest,
        Culprit,
        DeviceName,
        Policy,
        QueueInfo,
        QueueState, //
    },
    net::genetlink::{
        uapi::{
            claim,
            policy,
            queue_state, //
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

/// Microseconds that the adaptive policy waits if nothing is said.
const DEFAULT_IDLE_TIMEOUT: u32 = 10_000;

/// Puts all that there is to tell of a claimed queue.
pub(super) fn put(message: &mut Message<'_>, queue: &QueueInfo<'_>) -> Result {
    message.put_u32(claim::IFINDEX, queue.ifindex)?;
    message.put_string(claim::IFNAME, queue.ifname)?;
    message.put_u32(claim::QUEUE, queue.queue)?;
    if let Some(cpu) = queue.cpu {
        message.put_u32(claim::CPU, cpu)?;
    }
    message.put_u32(
        claim::POLICY,
        match queue.policy {
            Policy::Interrupt => policy::INTERRUPT,
            Policy::Adaptive => policy::ADAPTIVE,
            Policy::Busy => policy::BUSY,
        },
    )?;
    message.put_u32(claim::IDLE_TIMEOUT, queue.idle_timeout_us)?;
    message.put_u32(
        claim::STATE,
        match queue.state {
            QueueState::Interrupt => queue_state::INTERRUPT,
            QueueState::Polled => queue_state::POLLED,
            QueueState::Absent => queue_state::ABSENT,
        },
    )?;
    if queue.irq != 0 {
        message.put_u32(claim::IRQ, queue.irq)?;
    }
    message.put_uint(claim::POLLS, queue.polls)?;
    message.put_uint(claim::PACKETS, queue.packets)?;
    message.put_uint(claim::HANDOVERS, queue.handovers)
}

/// The device that `attributes` name, and the attribute that does.
fn device(attributes: Attributes<'_>) -> Result<(DeviceName<'_>, Attribute<'_>), Refusal<'_>> {
    match (
        attributes.get(claim::IFINDEX),
        attributes.get(claim::IFNAME),
    ) {
        (Some(index), None) => Ok((DeviceName::Index(index.u32()?), index)),
        (None, Some(name)) => Ok((DeviceName::Name(name.string()?), name)),
        (Some(_), Some(name)) => {
            Err(Refusal::new(EINVAL, c"give the device's index or its name, not both").at(name))
        }
        (None, None) => Err(Refusal::missing(attributes, claim::IFINDEX)),
    }
}

/// Whether `queue` is one of the device named.
fn is_of(queue: &QueueInfo<'_>, device: DeviceName<'_>) -> bool {
    match device {
        DeviceName::Index(index) => queue.ifindex == index,
        DeviceName::Name(name) => queue.ifname == name,
    }
}

/// The values of a repeated attribute.
fn list(attributes: Attributes<'_>, id: u16) -> Result<KVec<u32>, Refusal<'_>> {
    let mut values = KVec::new();
    for attribute in attributes.all(id) {
        values.push(attribute.u32()?, GFP_KERNEL)?;
    }
    Ok(values)
}

/// The refusal for an error of the switch, pointing at the attribute that it blames.
fn refuse<'a>(error: ClaimError, attributes: Attributes<'a>, device: Attribute<'a>) -> Refusal<'a> {
    let culprit = match error.culprit {
        Culprit::Device => Some(device),
        Culprit::Queue(index) => attributes.all(claim::QUEUE).nth(index),
        Culprit::Cpu(index) => attributes.all(claim::CPU).nth(index),
        Culprit::Policy => attributes.get(claim::POLICY),
        Culprit::None => None,
    };
    let refusal = Refusal::new(error.error, error.message);
    match culprit {
        Some(attribute) => refusal.at(attribute),
        None => refusal,
    }
}

/// Handles `claim-add`.
pub(crate) fn add<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let (device, device_attribute) = device(attributes)?;
    let queues = list(attributes, claim::QUEUE)?;
    let cpus = list(attributes, claim::CPU)?;
    let policy = match attributes.get(claim::POLICY) {
        None if cpus.is_empty() => Policy::Interrupt,
        None => Policy::Adaptive,
        Some(attribute) => match attribute.u32()? {
            policy::INTERRUPT => Policy::Interrupt,
            policy::ADAPTIVE | policy::BUSY if cpus.is_empty() => {
                return Err(
                    Refusal::new(EINVAL, c"a queue that is polled needs a CPU").at(attribute)
                );
            }
            policy::ADAPTIVE => Policy::Adaptive,
            policy::BUSY => Policy::Busy,
            _ => return Err(Refusal::new(EOPNOTSUPP, c"unknown policy").at(attribute)),
        },
    };
    let claim = ClaimRequest {
        device,
        queues: &queues,
        cpus: &cpus,
        policy,
        idle_timeout_us: attributes
            .u32(claim::IDLE_TIMEOUT)?
            .unwrap_or(DEFAULT_IDLE_TIMEOUT),
    };
    let namespace = request.namespace();
    let switch = switch::of_or_new(namespace)?;
    switch
        .claim(namespace, &claim)
        .map_err(|error| refuse(error, attributes, device_attribute))?;
    let _ = switch.queues(&mut |queue| {
        if is_of(queue, device) {
            notify::claimed(namespace, queue);
        }
        Ok(())
    });
    Ok(())
}

/// Handles `claim-del`.
pub(crate) fn del<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let (device, device_attribute) = device(attributes)?;
    let namespace = request.namespace();
    let switch = switch::of(namespace)
        .ok_or_else(|| Refusal::new(ENOENT, c"the device is not claimed").at(device_attribute))?;
    // Index and name have to be known before they are gone.
    let mut known: Option<(u32, [u8; 16])> = None;
    switch.queues(&mut |queue| {
        if is_of(queue, device) {
            let mut name = [0; 16];
            for (to, from) in name.iter_mut().zip(queue.ifname.to_bytes()) {
                *to = *from;
            }
            known = Some((queue.ifindex, name));
        }
        Ok(())
    })?;
    switch
        .release(namespace, device)
        .map_err(|error| refuse(error, attributes, device_attribute))?;
    if let Some((ifindex, name)) = known {
        if let Ok(name) = CStr::from_bytes_until_nul(&name) {
            notify::released(namespace, ifindex, name);
        }
    }
    Ok(())
}

/// Handles `claim-get`.
///
/// Cursor: how many queues have been told of.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let Some(switch) = switch::of(dump.namespace()) else {
        return Ok(());
    };
    let [told, ..] = dump.cursor();
    let mut place: u32 = 0;
    let mut full = false;
    let result = switch.queues(&mut |queue| {
        if place >= told && !dump.entry(|message| put(message, queue))? {
            full = true;
            // Ends the enumeration.
            return Err(EMSGSIZE);
        }
        place = place.saturating_add(1);
        Ok(())
    });
    dump.set_cursor([place, 0, 0, 0]);
    if !full {
        result?;
    }
    Ok(())
}
