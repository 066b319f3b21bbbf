// SPDX-License-Identifier: GPL-2.0

//! Attributes turned into what they mean, or refused.

use kernel::prelude::*;

use crate::{
    config::{
        Fault,
        Forwarding,
        ServiceKey, //
    },
    core::{
        scheduler::Scheduler,
        tuple::{
            Endpoint,
            Ipv4Address,
            Protocol, //
        }, //
    },
    net::genetlink::{
        uapi,
        Attribute,
        Attributes,
        Refusal, //
    },
};

/// An IPv4 address, whatever it may be good for.
pub(super) fn any_address(attribute: Attribute<'_>) -> Result<Ipv4Address, Refusal<'_>> {
    match *attribute.payload() {
        [a, b, c, d] => Ok(Ipv4Address::from_octets([a, b, c, d])),
        ref payload => Err(if payload.len() == 16 {
            Refusal::new(EAFNOSUPPORT, c"only IPv4 is supported")
        } else {
            Refusal::new(EINVAL, c"an IPv4 address has four bytes")
        }
        .at(attribute)),
    }
}

/// The IPv4 address of a host.
pub(super) fn address(attribute: Attribute<'_>) -> Result<Ipv4Address, Refusal<'_>> {
    let address = any_address(attribute)?;
    let message = match address.octets() {
        [0, ..] => c"the address is that of no host",
        [224..=239, ..] => c"the address is a multicast address",
        [255, 255, 255, 255] => c"the address is the broadcast address",
        _ => return Ok(address),
    };
    Err(Refusal::new(EINVAL, message).at(attribute))
}

/// A port other than 0.
pub(super) fn port(attribute: Attribute<'_>) -> Result<u16, Refusal<'_>> {
    match attribute.be16()? {
        0 => Err(Refusal::new(EINVAL, c"port 0 is no port").at(attribute)),
        port => Ok(port),
    }
}

/// TCP or UDP.
pub(super) fn protocol(attribute: Attribute<'_>) -> Result<Protocol, Refusal<'_>> {
    Protocol::from_number(attribute.u8()?)
        .filter(|protocol| *protocol != Protocol::Sctp)
        .ok_or_else(|| {
            Refusal::new(EPROTONOSUPPORT, c"only TCP (6) and UDP (17) are supported").at(attribute)
        })
}

/// The key of a service: all of protocol, address and port.
pub(super) fn service_key(attributes: Attributes<'_>) -> Result<ServiceKey, Refusal<'_>> {
    Ok(ServiceKey {
        protocol: protocol(attributes.require(uapi::service::PROTOCOL)?)?,
        endpoint: Endpoint::new(
            address(attributes.require(uapi::service::ADDRESS)?)?,
            port(attributes.require(uapi::service::PORT)?)?,
        ),
    })
}

/// The scheduler, if one is given.
pub(super) fn scheduler(attributes: Attributes<'_>) -> Result<Option<Scheduler>, Refusal<'_>> {
    // They are numbered as in the specification.
    const {
        assert!((Scheduler::RoundRobin as u32) < uapi::scheduler::SH);
    }
    attributes
        .get(uapi::service::SCHEDULER)
        .map(|attribute| {
            Scheduler::from_value(attribute.u32()?)
                .ok_or_else(|| Refusal::new(EOPNOTSUPP, c"unknown scheduler").at(attribute))
        })
        .transpose()
}

/// The forwarding method, if one is given.
pub(super) fn forwarding(attributes: Attributes<'_>) -> Result<Option<Forwarding>, Refusal<'_>> {
    attributes
        .get(uapi::destination::FORWARDING)
        .map(|attribute| match attribute.u32()? {
            uapi::forwarding::NAT => Ok(Forwarding::Nat),
            _ => Err(Refusal::new(EOPNOTSUPP, c"unknown forwarding method").at(attribute)),
        })
        .transpose()
}

/// The refusal for a fault in a change of a service or destination.
///
/// `service` is what names the service, `destination` what names the destination.
pub(super) fn refuse<'a>(
    fault: Fault,
    service: Option<Attribute<'a>>,
    destination: Option<Attribute<'a>>,
) -> Refusal<'a> {
    let (error, message, place) = match fault {
        Fault::ServiceExists => (EEXIST, c"there is such a service already", service),
        Fault::NoService => (ENOENT, c"there is no such service", service),
        Fault::DestinationExists => (
            EEXIST,
            c"the service has such a destination already",
            destination,
        ),
        Fault::NoDestination => (ENOENT, c"the service has no such destination", destination),
        Fault::TooManyDestinations => (
            ENOSPC,
            c"the service has as many destinations as it can",
            destination,
        ),
        Fault::Kernel(error) if error == ENOSPC => {
            (error, c"there are as many as there can be", None)
        }
        Fault::Kernel(error) => return Refusal::from(error),
    };
    let refusal = Refusal::new(error, message);
    match place {
        Some(attribute) => refusal.at(attribute),
        None => refusal,
    }
}
