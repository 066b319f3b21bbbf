// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Destinations: the servers behind a service.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::service::{parse_address, parse_port, split_port};
use crate::spec::{destination, DestinationState, Encapsulation, Forwarding};
use crate::{ParseError, ServiceKey, Stats};

/// What identifies a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// The service that it is a destination of.
    pub service: ServiceKey,
    /// The server's address.
    pub address: IpAddr,
    /// The server's port, 0 for the one that a packet has; `None` is the
    /// service's.
    pub port: Option<u16>,
}

impl DestinationKey {
    /// The destination of `service` that is written `10.1.0.2:8080`,
    /// `10.1.0.2` if the port is the service's, `10.1.0.2:*` if it is that of
    /// each packet, or `local` for this machine.
    pub fn parse(service: ServiceKey, text: &str) -> Result<Self, ParseError> {
        if text == "local" {
            return Ok(Self::local(service));
        }
        let (address, port) = match split_port(text) {
            Some((address, port)) => (address, Some(port)),
            None => (text, None),
        };
        let port = match port {
            Some("*") => Some(0),
            Some(port) => Some(parse_port(port)?),
            None => None,
        };
        Ok(Self {
            service,
            address: parse_address(address)?,
            port,
        })
    }

    /// This machine as a destination: it needs an address to be told by, which
    /// is the service's.
    #[must_use]
    pub const fn local(service: ServiceKey) -> Self {
        Self {
            service,
            address: service.address,
            port: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        to.nest(destination::SERVICE, |to| self.service.encode(to));
        to.address(destination::ADDRESS, self.address);
        if let Some(port) = self.port {
            to.port(destination::PORT, port);
        }
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
    /// What a tunnelled packet travels in.
    pub encapsulation: Option<Encapsulation>,
    /// The UDP port of GUE.
    pub encapsulation_port: Option<u16>,
    /// What it is given.
    pub state: Option<DestinationState>,
    /// Seconds from now on after which what is left of a draining one is ended;
    /// 0 for never.
    pub drain_deadline: Option<u32>,
    /// At so many connections it takes no new ones; 0 for no limit.
    pub upper_limit: Option<u32>,
    /// Until there are fewer than this; 0 for three quarters of the upper one.
    pub lower_limit: Option<u32>,
}

impl DestinationSettings {
    /// Says nothing but which destination.
    #[must_use]
    pub const fn new(key: DestinationKey) -> Self {
        Self {
            key,
            weight: None,
            forwarding: None,
            encapsulation: None,
            encapsulation_port: None,
            state: None,
            drain_deadline: None,
            upper_limit: None,
            lower_limit: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        self.key.encode(to);
        let mut put = |kind, value: Option<u32>| {
            if let Some(value) = value {
                to.u32(kind, value);
            }
        };
        put(destination::WEIGHT, self.weight);
        put(
            destination::FORWARDING,
            self.forwarding.map(Forwarding::value),
        );
        put(
            destination::ENCAPSULATION,
            self.encapsulation.map(Encapsulation::value),
        );
        put(destination::STATE, self.state.map(DestinationState::value));
        put(destination::DRAIN_DEADLINE, self.drain_deadline);
        put(destination::UPPER_LIMIT, self.upper_limit);
        put(destination::LOWER_LIMIT, self.lower_limit);
        if let Some(port) = self.encapsulation_port {
            to.port(destination::ENCAPSULATION_PORT, port);
        }
    }
}

/// A destination as the module tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// The service that it is a destination of.
    pub service: ServiceKey,
    /// The server's address.
    pub address: IpAddr,
    /// The server's port; 0 for the one that a packet has.
    pub port: u16,
    /// Share of new connections; 0 takes none.
    pub weight: u32,
    /// How packets are taken there.
    pub forwarding: Forwarding,
    /// What a tunnelled packet travels in.
    pub encapsulation: Option<Encapsulation>,
    /// The UDP port of GUE.
    pub encapsulation_port: Option<u16>,
    /// What it is given.
    pub state: DestinationState,
    /// Seconds from the beginning of its draining to the deadline; 0 for none.
    pub drain_deadline: u32,
    /// Seconds that are left of them.
    pub drain_remaining: Option<u32>,
    /// At so many connections it takes no new ones; 0 for no limit.
    pub upper_limit: u32,
    /// Until there are fewer than this; 0 for three quarters of the upper one.
    pub lower_limit: u32,
    /// Whether its limits keep new connections away.
    pub overloaded: bool,
    /// Connections that are established, and UDP flows.
    pub active_connections: u64,
    /// Connections that begin or end.
    pub inactive_connections: u64,
    /// Counters.
    pub stats: Stats,
}

impl Destination {
    /// A destination of the module's defaults, that has carried nothing.
    #[must_use]
    pub fn new(service: ServiceKey, address: IpAddr, port: u16) -> Self {
        Self {
            service,
            address,
            port,
            weight: 1,
            forwarding: Forwarding::Nat,
            encapsulation: None,
            encapsulation_port: None,
            state: DestinationState::Active,
            drain_deadline: 0,
            drain_remaining: None,
            upper_limit: 0,
            lower_limit: 0,
            overloaded: false,
            active_connections: 0,
            inactive_connections: 0,
            stats: Stats::default(),
        }
    }

    /// Address and port in one.
    #[must_use]
    pub const fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Address and port as [`DestinationKey::parse`] reads them.
    #[must_use]
    pub fn name(&self) -> String {
        if self.forwarding == Forwarding::Local && self.address == self.service.address {
            return "local".to_owned();
        }
        match (self.port, self.address) {
            (0, IpAddr::V4(address)) => format!("{address}:*"),
            (0, IpAddr::V6(address)) => format!("[{address}]:*"),
            _ => self.endpoint().to_string(),
        }
    }
}

impl Decode for Destination {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut service, mut address) = (None, None);
        each(attributes, |kind, value| {
            match kind {
                destination::SERVICE => service = Some(value.nest::<ServiceKey>()?),
                destination::ADDRESS => address = Some(value.address()?),
                _ => (),
            }
            Ok(())
        })?;
        let service = service.ok_or_else(|| Malformed::missing("service"))?;
        let address = address.ok_or_else(|| Malformed::missing("address"))?;
        let mut this = Self::new(service, address, service.port);
        each(attributes, |kind, value| {
            match kind {
                destination::PORT => this.port = value.port()?,
                destination::WEIGHT => this.weight = value.u32()?,
                destination::FORWARDING => this.forwarding = Forwarding::from_value(value.u32()?),
                destination::ENCAPSULATION => {
                    this.encapsulation = Some(Encapsulation::from_value(value.u32()?));
                }
                destination::ENCAPSULATION_PORT => this.encapsulation_port = Some(value.port()?),
                destination::STATE => this.state = DestinationState::from_value(value.u32()?),
                destination::DRAIN_DEADLINE => this.drain_deadline = value.u32()?,
                destination::DRAIN_REMAINING => this.drain_remaining = Some(value.u32()?),
                destination::UPPER_LIMIT => this.upper_limit = value.u32()?,
                destination::LOWER_LIMIT => this.lower_limit = value.u32()?,
                destination::OVERLOADED => this.overloaded = value.u8()? != 0,
                destination::ACTIVE_CONNECTIONS => this.active_connections = value.uint()?,
                destination::INACTIVE_CONNECTIONS => this.inactive_connections = value.uint()?,
                destination::STATS => this.stats = value.nest()?,
                _ => (),
            }
            Ok(())
        })?;
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_may_be_left_to_the_service() {
        let service = "udp 10.0.0.1:53".parse().unwrap();
        for (text, address, port) in [
            ("10.1.0.2:5353", "10.1.0.2", Some(5353)),
            ("10.1.0.2", "10.1.0.2", None),
            ("10.1.0.2:*", "10.1.0.2", Some(0)),
            ("fe80::1", "fe80::1", None),
            ("[fe80::1]", "fe80::1", None),
            ("[fe80::1]:80", "fe80::1", Some(80)),
            ("::", "::", None),
            ("local", "10.0.0.1", None),
        ] {
            let key = DestinationKey::parse(service, text).unwrap();
            assert_eq!(
                (key.address.to_string().as_str(), key.port),
                (address, port)
            );
        }
        for text in [
            "10.1.0.2:",
            "",
            "10.1.0.2:0",
            "[10.1.0.2]:80",
            "remote",
            "10.1.0.0/24",
        ] {
            assert!(DestinationKey::parse(service, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let service = "udp 10.0.0.1:53".parse().unwrap();
        for text in ["10.1.0.2:5353", "10.1.0.2:*", "[fe80::1]:80", "[fe80::1]:*"] {
            let key = DestinationKey::parse(service, text).unwrap();
            let destination = Destination::new(service, key.address, key.port.unwrap());
            assert_eq!(destination.name(), text);
        }
        let local = Destination {
            forwarding: Forwarding::Local,
            ..Destination::new(service, service.address, 53)
        };
        assert_eq!(local.name(), "local");
    }
}
