// SPDX-License-Identifier: GPL-2.0

//! Attributes turned into what they mean, or refused.

use kernel::prelude::*;

use crate::{
    config::Fault,
    core::{
        method::Method,
        service_key::{
            Ports,
            Prefix,
            ServiceKey, //
        },
        tuple::{
            IpAddress,
            Ipv4Address,
            Ipv6Address,
            Protocol, //
        }, //
    },
    net::genetlink::{
        uapi::{
            forwarding,
            service, //
        },
        Attribute,
        Attributes,
        Refusal, //
    },
};

/// An address of either family, whatever it may be good for.
pub(super) fn any_address(attribute: Attribute<'_>) -> Result<IpAddress, Refusal<'_>> {
    let payload = attribute.payload();
    if let Ok(octets) = <[u8; 4]>::try_from(payload) {
        Ok(Ipv4Address::from_octets(octets).into())
    } else if let Ok(octets) = <[u8; 16]>::try_from(payload) {
        Ok(Ipv6Address::from_octets(octets).into())
    } else {
        Err(Refusal::new(EINVAL, c"an address has four or sixteen bytes").at(attribute))
    }
}

/// The address of a host, or of a network of hosts.
pub(super) fn address(attribute: Attribute<'_>) -> Result<IpAddress, Refusal<'_>> {
    let address = any_address(attribute)?;
    let message = match address {
        IpAddress::V4(address) => match address.octets() {
            [0, ..] => c"the address is that of no host",
            [224..=239, ..] => c"the address is a multicast address",
            [255, 255, 255, 255] => c"the address is the broadcast address",
            _ => return Ok(address.into()),
        },
        IpAddress::V6(address) => match address.octets() {
            [0xff, ..] => c"the address is a multicast address",
            _ if address.bits() == 0 => c"the address is that of no host",
            _ if address.is_link_local() => c"the address means something on one link only",
            // ::ffff:0:0/96, RFC 4291, 2.5.5.2.
            _ if address.bits() >> 32 == 0xffff => {
                c"the address is an IPv4 address: give it as one"
            }
            _ => return Ok(address.into()),
        },
    };
    Err(Refusal::new(EINVAL, message).at(attribute))
}

/// The address in an attribute and how many of its leading bits count, told by another one.
/// `address` says which addresses will do.
pub(super) fn prefix<'a>(
    attribute: Attribute<'a>,
    length: Option<Attribute<'a>>,
    address: impl FnOnce(Attribute<'a>) -> Result<IpAddress, Refusal<'a>>,
) -> Result<Prefix, Refusal<'a>> {
    let address = address(attribute)?;
    let Some(of_length) = length else {
        return Ok(Prefix::single(address));
    };
    let length = of_length.u8()?;
    if length > address.length() {
        return Err(Refusal::new(ERANGE, c"the prefix is longer than the address").at(of_length));
    }
    if address.prefix(length) != address {
        return Err(Refusal::new(EINVAL, c"the address has bits beyond its prefix").at(attribute));
    }
    Ok(Prefix { address, length })
}

/// A port other than 0.
pub(super) fn port(attribute: Attribute<'_>) -> Result<u16, Refusal<'_>> {
    match attribute.be16()? {
        0 => Err(Refusal::new(EINVAL, c"port 0 is no port").at(attribute)),
        port => Ok(port),
    }
}

/// TCP, UDP or SCTP.
pub(super) fn protocol(attribute: Attribute<'_>) -> Result<Protocol, Refusal<'_>> {
    Protocol::from_number(attribute.u8()?).ok_or_else(|| {
        Refusal::new(
            EPROTONOSUPPORT,
            c"only TCP (6), UDP (17) and SCTP (132) are supported",
        )
        .at(attribute)
    })
}

/// The port or ports of a service.
fn ports(attributes: Attributes<'_>) -> Result<Ports, Refusal<'_>> {
    let first = match attributes.get(service::PORT) {
        Some(attribute) => attribute.be16()?,
        None => 0,
    };
    let Some(of_last) = attributes.get(service::LAST_PORT) else {
        return Ok(match first {
            0 => Ports::All,
            port => Ports::One(port),
        });
    };
    let message = match (first, port(of_last)?) {
        (0, _) => c"a range of ports needs its first one",
        (first, last) if first == last => return Ok(Ports::One(first)),
        (first, last) if first < last => return Ok(Ports::Range(first, last)),
        _ => c"the last port is below the first",
    };
    Err(Refusal::new(EINVAL, message).at(of_last))
}

/// The key of a service: protocol, address or prefix, port or ports.
pub(super) fn service_key(attributes: Attributes<'_>) -> Result<ServiceKey, Refusal<'_>> {
    Ok(ServiceKey {
        protocol: protocol(attributes.require(service::PROTOCOL)?)?,
        prefix: prefix(
            attributes.require(service::ADDRESS)?,
            attributes.get(service::PREFIX_LENGTH),
            address,
        )?,
        ports: ports(attributes)?,
    })
}

/// The forwarding method in an attribute.
pub(super) fn method(attribute: Attribute<'_>) -> Result<Method, Refusal<'_>> {
    // They are numbered as in the specification.
    const {
        assert!(Method::Nat as u32 == forwarding::NAT);
        assert!(Method::Direct as u32 == forwarding::DIRECT);
        assert!(Method::Tunnel as u32 == forwarding::TUNNEL);
        assert!(Method::Local as u32 == forwarding::LOCAL);
    }
    Method::from_value(attribute.u32()?)
        .ok_or_else(|| Refusal::new(EOPNOTSUPP, c"unknown forwarding method").at(attribute))
}

/// A `u8` that says yes or no.
pub(super) fn flag(attribute: Attribute<'_>) -> Result<bool, Refusal<'_>> {
    match attribute.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refusal::new(ERANGE, c"neither 0 nor 1").at(attribute)),
    }
}

/// What an attribute means, if it is there.
pub(super) fn optional<'a, T>(
    attributes: Attributes<'a>,
    id: u16,
    parse: impl FnOnce(Attribute<'a>) -> Result<T, Refusal<'a>>,
) -> Result<Option<T>, Refusal<'a>> {
    attributes.get(id).map(parse).transpose()
}

/// The refusal for a fault in a change of a service or destination, which points at the attribute
/// that `place` finds for it.
pub(super) fn refuse<'a>(
    fault: Fault,
    place: impl FnOnce(Fault) -> Option<Attribute<'a>>,
) -> Refusal<'a> {
    let (error, message) = match fault {
        Fault::ServiceExists => (EEXIST, c"there is such a service already"),
        Fault::NoService => (ENOENT, c"there is no such service"),
        Fault::RangeOverlaps => (EEXIST, c"another service's range has some of these ports"),
        Fault::NotUdp => (EINVAL, c"only UDP can be scheduled packet by packet"),
        Fault::NotTcp => (EINVAL, c"only TCP connections can be reset"),
        Fault::DestinationExists => (EEXIST, c"the service has such a destination already"),
        Fault::NoDestination => (ENOENT, c"the service has no such destination"),
        Fault::TooManyDestinations => (ENOSPC, c"the service has as many destinations as it can"),
        Fault::OwnDestination => (EINVAL, c"a service cannot be its own destination"),
        Fault::OtherFamily => (
            EAFNOSUPPORT,
            c"only a tunnel leads to an address of the other family",
        ),
        Fault::NotTunnel => (
            EINVAL,
            c"an encapsulation is for the forwarding method tunnel",
        ),
        Fault::NotGue => (EINVAL, c"a port is for the encapsulation gue"),
        Fault::NotDraining => (EINVAL, c"a deadline is for the state draining"),
        Fault::LowerLimit => (EINVAL, c"the lower limit is above the upper one"),
        Fault::Kernel(error) if error == ENOSPC => {
            return Refusal::new(error, c"there are as many as there can be");
        }
        Fault::Kernel(error) => return Refusal::from(error),
    };
    let refusal = Refusal::new(error, message);
    match place(fault) {
        Some(attribute) => refusal.at(attribute),
        None => refusal,
    }
}
