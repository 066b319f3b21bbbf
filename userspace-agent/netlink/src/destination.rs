// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Destinations: the servers behind a service.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::service::{parse_address, parse_port};
use crate::spec::{destination, Forwarding};
use crate::{Error, ParseError, ServiceKey, Stats};

/// What identifies a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// The service that it is a destination of.
    pub service: ServiceKey,
    /// The server's address.
    pub address: IpAddr,
    /// The server's port; `None` is the service's.
    pub port: Option<u16>,
}

impl DestinationKey {
    /// The destination of `service` that is written `10.1.0.2:8080`, or
    /// `10.1.0.2` if the port is the service's.
    pub fn parse(service: ServiceKey, text: &str) -> Result<Self, ParseError> {
        // More than one colon is an IPv6 address, which has its own refusal.
        let (address, port) = match text.rsplit_once(':') {
            Some((address, port)) if !address.contains(':') || address.ends_with(']') => {
                (address, Some(port))
            }
            _ => (text, None),
        };
        Ok(Self {
            service,
            address: parse_address(address)?,
            port: port.map(parse_port).transpose()?,
        })
    }

    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        let mut service = Writer::new();
        self.service.encode(&mut service)?;
        to.nest(destination::SERVICE, service);
        to.address(destination::ADDRESS, self.address)?;
        if let Some(port) = self.port {
            to.port(destination::PORT, port);
        }
        Ok(())
    }
}

/// What an operator says of a destination; what is `None` stays as it is, or
/// takes the module's default when the destination is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
    /// Which destination.
    pub key: DestinationKey,
    /// Share of new connections; 0 takes none.
    pub weight: Option<u32>,
    /// How packets are taken there.
    pub forwarding: Option<Forwarding>,
}

impl DestinationSettings {
    /// Says nothing but which destination.
    #[must_use]
    pub const fn new(key: DestinationKey) -> Self {
        Self {
            key,
            weight: None,
            forwarding: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        self.key.encode(to)?;
        if let Some(weight) = self.weight {
            to.u32(destination::WEIGHT, weight);
        }
        if let Some(forwarding) = self.forwarding {
            to.u32(destination::FORWARDING, forwarding.value());
        }
        Ok(())
    }
}

/// A destination as the module tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// The service that it is a destination of.
    pub service: ServiceKey,
    /// The server's address.
    pub address: IpAddr,
    /// The server's port.
    pub port: u16,
    /// Share of new connections; 0 takes none.
    pub weight: u32,
    /// How packets are taken there.
    pub forwarding: Forwarding,
    /// Connections that live now.
    pub active_connections: u64,
    /// Counters.
    pub stats: Stats,
}

impl Destination {
    /// Address and port in one.
    #[must_use]
    pub const fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl Decode for Destination {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut service, mut address, mut port) = (None, None, None);
        let (mut weight, mut active_connections) = (0, 0);
        let mut forwarding = Forwarding::Nat;
        let mut stats = Stats::default();
        each(attributes, |kind, value| {
            match kind {
                destination::SERVICE => service = Some(value.nest::<ServiceKey>()?),
                destination::ADDRESS => address = Some(value.address()?),
                destination::PORT => port = Some(value.port()?),
                destination::WEIGHT => weight = value.u32()?,
                destination::FORWARDING => forwarding = Forwarding::from_value(value.u32()?),
                destination::ACTIVE_CONNECTIONS => active_connections = value.uint()?,
                destination::STATS => stats = value.nest()?,
                _ => (),
            }
            Ok(())
        })?;
        let service = service.ok_or_else(|| Malformed::missing("service"))?;
        Ok(Self {
            service,
            address: address.ok_or_else(|| Malformed::missing("address"))?,
            port: port.unwrap_or(service.port),
            weight,
            forwarding,
            active_connections,
            stats,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_may_be_left_to_the_service() {
        let service = "udp 10.0.0.1:53".parse().unwrap();
        let key = DestinationKey::parse(service, "10.1.0.2:5353").unwrap();
        assert_eq!(key.port, Some(5353));
        let key = DestinationKey::parse(service, "10.1.0.2").unwrap();
        assert_eq!(
            (key.address.to_string().as_str(), key.port),
            ("10.1.0.2", None)
        );
        for text in ["fe80::1", "[fe80::1]:80", "::"] {
            let error = DestinationKey::parse(service, text).unwrap_err();
            assert!(error.to_string().contains("IPv6"), "{text}: {error}");
        }
        assert!(DestinationKey::parse(service, "10.1.0.2:").is_err());
        assert!(DestinationKey::parse(service, "").is_err());
    }
}
