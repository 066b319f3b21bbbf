// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Services: what clients connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::spec::{service, Scheduler};
use crate::{Error, Stats};

/// Text that is not what it should be; says so in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

impl ParseError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, 6.
    Tcp,
    /// UDP, 17.
    Udp,
    /// Another IP protocol number, from a newer module.
    Other(u8),
}

impl Protocol {
    /// The IP protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Other(number) => number,
        }
    }

    /// The protocol of this IP protocol number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.pad("tcp"),
            Self::Udp => f.pad("udp"),
            Self::Other(number) => f.pad(&format!("protocol-{number}")),
        }
    }
}

impl FromStr for Protocol {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => Err(ParseError::new(format!(
                "`{text}` is no protocol: tcp and udp are"
            ))),
        }
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What identifies a service; written `tcp 10.0.0.1:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ServiceKey {
    /// Transport protocol.
    pub protocol: Protocol,
    /// The address that clients connect to.
    pub address: IpAddr,
    /// The port that clients connect to.
    pub port: u16,
}

impl ServiceKey {
    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        to.u8(service::PROTOCOL, self.protocol.number());
        to.address(service::ADDRESS, self.address)?;
        to.port(service::PORT, self.port);
        Ok(())
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = SocketAddr::new(self.address, self.port);
        f.pad(&format!("{} {endpoint}", self.protocol))
    }
}

/// An IPv4 address, or a sentence that says why it is none.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr, ParseError> {
    match text.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => Ok(address.into()),
        Ok(IpAddr::V6(address)) => Err(ParseError::new(Error::Ipv6(address).to_string())),
        Err(_) => Err(ParseError::new(format!("`{text}` is no IPv4 address"))),
    }
}

/// A port from 1 to 65535.
pub(crate) fn parse_port(text: &str) -> Result<u16, ParseError> {
    match text.parse() {
        // `u16::from_str` takes a sign.
        Ok(port) if port != 0 && !text.starts_with('+') => Ok(port),
        _ => Err(ParseError::new(format!(
            "`{text}` is no port from 1 to 65535"
        ))),
    }
}

impl FromStr for ServiceKey {
    type Err = ParseError;

    /// Takes `tcp 10.0.0.1:80` and `tcp://10.0.0.1:80`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let split = text
            .split_once("://")
            .or_else(|| text.split_once(char::is_whitespace));
        let Some((protocol, endpoint)) = split else {
            return Err(ParseError::new(format!(
                "`{text}` is no service: write it as `tcp 10.0.0.1:80`"
            )));
        };
        let protocol = protocol.parse()?;
        let endpoint = endpoint.trim();
        let Some((address, port)) = endpoint.rsplit_once(':') else {
            return Err(ParseError::new(format!(
                "`{endpoint}` has no port: write it as `10.0.0.1:80`"
            )));
        };
        Ok(Self {
            protocol,
            address: parse_address(address)?,
            port: parse_port(port)?,
        })
    }
}

impl Decode for ServiceKey {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut protocol, mut address, mut port) = (None, None, None);
        each(attributes, |kind, value| {
            match kind {
                service::PROTOCOL => protocol = Some(Protocol::from_number(value.u8()?)),
                service::ADDRESS => address = Some(value.address()?),
                service::PORT => port = Some(value.port()?),
                _ => (),
            }
            Ok(())
        })?;
        Ok(Self {
            protocol: protocol.ok_or_else(|| Malformed::missing("protocol"))?,
            address: address.ok_or_else(|| Malformed::missing("address"))?,
            port: port.ok_or_else(|| Malformed::missing("port"))?,
        })
    }
}

/// What an operator says of a service; what is `None` stays as it is, or takes
/// the module's default when the service is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Which service.
    pub key: ServiceKey,
    /// How destinations are chosen.
    pub scheduler: Option<Scheduler>,
    /// Seconds after which an idle connection is forgotten; 0 stands for the
    /// protocol's default.
    pub timeout: Option<u32>,
}

impl ServiceSettings {
    /// Says nothing but which service.
    #[must_use]
    pub const fn new(key: ServiceKey) -> Self {
        Self {
            key,
            scheduler: None,
            timeout: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        self.key.encode(to)?;
        if let Some(scheduler) = self.scheduler {
            to.u32(service::SCHEDULER, scheduler.value());
        }
        if let Some(timeout) = self.timeout {
            to.u32(service::TIMEOUT, timeout);
        }
        Ok(())
    }
}

/// A service as the module tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Which service.
    #[serde(flatten)]
    pub key: ServiceKey,
    /// How destinations are chosen.
    pub scheduler: Scheduler,
    /// Seconds after which an idle connection is forgotten; 0 stands for the
    /// protocol's default.
    pub timeout: u32,
    /// How many destinations the service has.
    pub destinations: u32,
    /// Counters.
    pub stats: Stats,
}

impl Decode for Service {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut this = Self {
            key: ServiceKey::decode(attributes)?,
            scheduler: Scheduler::Maglev,
            timeout: 0,
            destinations: 0,
            stats: Stats::default(),
        };
        each(attributes, |kind, value| {
            match kind {
                service::SCHEDULER => this.scheduler = Scheduler::from_value(value.u32()?),
                service::TIMEOUT => this.timeout = value.u32()?,
                service::DESTINATIONS => this.destinations = value.u32()?,
                service::STATS => this.stats = value.nest()?,
                _ => (),
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// Stands for an address that a reply did not give.
pub(crate) const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_written_in_two_ways() {
        let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
        assert_eq!("tcp://10.0.0.1:80".parse(), Ok(key));
        assert_eq!(key.to_string(), "tcp 10.0.0.1:80");
        assert_eq!(key.protocol.number(), 6);
    }

    #[test]
    fn what_is_no_service_is_refused_in_words() {
        for (text, words) in [
            ("10.0.0.1:80", "write it as `tcp 10.0.0.1:80`"),
            ("sctp 10.0.0.1:80", "no protocol"),
            ("tcp 10.0.0.1", "has no port"),
            ("tcp 10.0.0.1:0", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:+80", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:65536", "no port from 1 to 65535"),
            ("tcp 10.0.0:80", "no IPv4 address"),
            ("tcp [2001:db8::1]:80", "IPv6"),
            ("udp://[::1]:53", "IPv6"),
        ] {
            let error = text.parse::<ServiceKey>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
