// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Services: what clients connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::spec::{service, Fallback, Scheduler};
use crate::{Drop, Stats};

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
    /// SCTP, 132.
    Sctp,
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
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }

    /// The protocol of this IP protocol number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.pad("tcp"),
            Self::Udp => f.pad("udp"),
            Self::Sctp => f.pad("sctp"),
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
            "sctp" => Ok(Self::Sctp),
            _ => Err(ParseError::new(format!(
                "`{text}` is no protocol: tcp, udp and sctp are"
            ))),
        }
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What identifies a service; written `tcp 10.0.0.1:80`, `udp 10.0.0.0/24:*`,
/// `tcp [2001:db8::1]:8000-8999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ServiceKey {
    /// Transport protocol.
    pub protocol: Protocol,
    /// The address that clients connect to, or the first one of a prefix.
    pub address: IpAddr,
    /// How many leading bits of the address count; `None` if it is a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_length: Option<u8>,
    /// The port that clients connect to, or the first one of a range; 0 for
    /// every port.
    pub port: u16,
    /// The last port of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_port: Option<u16>,
}

impl ServiceKey {
    /// The service of one address and one port, or of every port as port 0.
    #[must_use]
    pub const fn new(protocol: Protocol, address: IpAddr, port: u16) -> Self {
        Self {
            protocol,
            address,
            prefix_length: None,
            port,
            last_port: None,
        }
    }

    /// Whether it is of one address and one port.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.prefix_length.is_none() && self.last_port.is_none() && self.port != 0
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        to.u8(service::PROTOCOL, self.protocol.number());
        to.address(service::ADDRESS, self.address);
        to.port(service::PORT, self.port);
        if let Some(length) = self.prefix_length {
            to.u8(service::PREFIX_LENGTH, length);
        }
        if let Some(last) = self.last_port {
            to.port(service::LAST_PORT, last);
        }
    }

    /// What follows the protocol.
    fn endpoint(&self) -> String {
        let prefix = match self.prefix_length {
            None => String::new(),
            Some(length) => format!("/{length}"),
        };
        let ports = match (self.port, self.last_port) {
            (0, _) => "*".to_owned(),
            (port, None) => port.to_string(),
            (first, Some(last)) => format!("{first}-{last}"),
        };
        match self.address {
            IpAddr::V4(address) => format!("{address}{prefix}:{ports}"),
            IpAddr::V6(address) => format!("[{address}{prefix}]:{ports}"),
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.protocol, self.endpoint()))
    }
}

/// An address, with or without the brackets of an IPv6 one.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr, ParseError> {
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let parsed = match inside {
        Some(inside) => inside.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| ParseError::new(format!("`{text}` is no IP address")))
}

/// An address and perhaps the length of its prefix, which is written within the
/// brackets of an IPv6 address or after them. A prefix of all bits is none.
pub fn parse_prefix(text: &str) -> Result<(IpAddr, Option<u8>), ParseError> {
    let (address, length) = match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some(inside) => match inside.split_once('/') {
            Some((address, length)) => (format!("[{address}]"), Some(length)),
            None => (text.to_owned(), None),
        },
        None => match text.split_once('/') {
            Some((address, length)) => (address.to_owned(), Some(length)),
            None => (text.to_owned(), None),
        },
    };
    let address = parse_address(&address)?;
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    let Some(text) = length else {
        return Ok((address, None));
    };
    let length = Some(text)
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|length| (1..=bits).contains(length))
        .ok_or_else(|| {
            ParseError::new(format!(
                "`/{text}` is no length of a prefix from 1 to {bits}"
            ))
        })?;
    if length == bits {
        return Ok((address, None));
    }
    let first = first_of(address, length);
    if first != address {
        return Err(ParseError::new(format!(
            "`{address}/{length}` has bits beyond its prefix: write it as `{first}/{length}`"
        )));
    }
    Ok((address, Some(length)))
}

/// The address with all but its first bits cleared.
fn first_of(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
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

/// Splits `address:port` or `[address]:port` before the last colon; `None` if
/// there is no port.
pub(crate) fn split_port(text: &str) -> Option<(&str, &str)> {
    let (address, port) = text.rsplit_once(':')?;
    // The colons of an IPv6 address without brackets are none before a port.
    let is_whole = !address.contains(':') || address.contains(']');
    is_whole.then_some((address, port))
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
        let Some((prefix, ports)) = split_port(endpoint) else {
            let advice = if endpoint.contains(':') {
                "[2001:db8::1]:80"
            } else {
                "10.0.0.1:80"
            };
            return Err(ParseError::new(format!(
                "`{endpoint}` has no port: write it as `{advice}`, with `*` for every port"
            )));
        };
        let (address, prefix_length) = parse_prefix(prefix)?;
        let (port, last_port) = match (ports, ports.split_once('-')) {
            ("*", _) => (0, None),
            (_, None) => (parse_port(ports)?, None),
            (_, Some((first, last))) => match (parse_port(first)?, parse_port(last)?) {
                (first, last) if first < last => (first, Some(last)),
                (first, last) if first == last => (first, None),
                _ => {
                    return Err(ParseError::new(format!(
                        "the range of ports `{ports}` runs backwards"
                    )));
                }
            },
        };
        Ok(Self {
            protocol,
            address,
            prefix_length,
            port,
            last_port,
        })
    }
}

impl Decode for ServiceKey {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut protocol, mut address, mut port) = (None, None, 0);
        let (mut prefix_length, mut last_port) = (None, None);
        each(attributes, |kind, value| {
            match kind {
                service::PROTOCOL => protocol = Some(Protocol::from_number(value.u8()?)),
                service::ADDRESS => address = Some(value.address()?),
                service::PORT => port = value.port()?,
                service::PREFIX_LENGTH => prefix_length = Some(value.u8()?),
                service::LAST_PORT => last_port = Some(value.port()?),
                _ => (),
            }
            Ok(())
        })?;
        Ok(Self {
            protocol: protocol.ok_or_else(|| Malformed::missing("protocol"))?,
            address: address.ok_or_else(|| Malformed::missing("address"))?,
            prefix_length,
            port,
            last_port,
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
    /// switch's timeouts.
    pub timeout: Option<u32>,
    /// Every UDP packet is scheduled by itself.
    pub one_packet: Option<bool>,
    /// Both ends of a TCP connection get a reset when it expires.
    pub reset_at_expiry: Option<bool>,
    /// What becomes of a connection that no destination can take.
    pub fallback: Option<Fallback>,
    /// Seconds for which a client keeps its destination; 0 stands for none.
    pub affinity: Option<u32>,
    /// How many leading bits of an IPv4 address make one client.
    pub affinity_prefix4: Option<u8>,
    /// How many leading bits of an IPv6 address make one client.
    pub affinity_prefix6: Option<u8>,
}

impl ServiceSettings {
    /// Says nothing but which service.
    #[must_use]
    pub const fn new(key: ServiceKey) -> Self {
        Self {
            key,
            scheduler: None,
            timeout: None,
            one_packet: None,
            reset_at_expiry: None,
            fallback: None,
            affinity: None,
            affinity_prefix4: None,
            affinity_prefix6: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        self.key.encode(to);
        if let Some(scheduler) = self.scheduler {
            to.u32(service::SCHEDULER, scheduler.value());
        }
        if let Some(timeout) = self.timeout {
            to.u32(service::TIMEOUT, timeout);
        }
        if let Some(yes) = self.one_packet {
            to.u8(service::ONE_PACKET, yes.into());
        }
        if let Some(yes) = self.reset_at_expiry {
            to.u8(service::RESET_AT_EXPIRY, yes.into());
        }
        if let Some(fallback) = self.fallback {
            to.u32(service::FALLBACK, fallback.value());
        }
        if let Some(affinity) = self.affinity {
            to.u32(service::AFFINITY, affinity);
        }
        if let Some(length) = self.affinity_prefix4 {
            to.u8(service::AFFINITY_PREFIX4, length);
        }
        if let Some(length) = self.affinity_prefix6 {
            to.u8(service::AFFINITY_PREFIX6, length);
        }
    }
}

/// A service as the module tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Which service.
    #[serde(flatten)]
    pub key: ServiceKey,
    /// How destinations are chosen.
    pub scheduler: Scheduler,
    /// Seconds after which an idle connection is forgotten; 0 stands for the
    /// switch's timeouts.
    pub timeout: u32,
    /// Every UDP packet is scheduled by itself.
    pub one_packet: bool,
    /// Both ends of a TCP connection get a reset when it expires.
    pub reset_at_expiry: bool,
    /// What becomes of a connection that no destination can take.
    pub fallback: Fallback,
    /// Seconds for which a client keeps its destination; 0 stands for none.
    pub affinity: u32,
    /// How many leading bits of an IPv4 address make one client.
    pub affinity_prefix4: u8,
    /// How many leading bits of an IPv6 address make one client.
    pub affinity_prefix6: u8,
    /// How many destinations the service has.
    pub destinations: u32,
    /// Counters.
    pub stats: Stats,
    /// Packets for the service that were dropped, by reasons that were met.
    pub drops: Vec<Drop>,
}

impl Service {
    /// A service of the module's defaults, that has carried nothing.
    #[must_use]
    pub fn new(key: ServiceKey) -> Self {
        Self {
            key,
            scheduler: Scheduler::Maglev,
            timeout: 0,
            one_packet: false,
            reset_at_expiry: false,
            fallback: Fallback::None,
            affinity: 0,
            affinity_prefix4: 32,
            affinity_prefix6: 128,
            destinations: 0,
            stats: Stats::default(),
            drops: Vec::new(),
        }
    }
}

impl Decode for Service {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut this = Self::new(ServiceKey::decode(attributes)?);
        each(attributes, |kind, value| {
            match kind {
                service::SCHEDULER => this.scheduler = Scheduler::from_value(value.u32()?),
                service::TIMEOUT => this.timeout = value.u32()?,
                service::DESTINATIONS => this.destinations = value.u32()?,
                service::STATS => this.stats = value.nest()?,
                service::ONE_PACKET => this.one_packet = value.u8()? != 0,
                service::RESET_AT_EXPIRY => this.reset_at_expiry = value.u8()? != 0,
                service::FALLBACK => this.fallback = Fallback::from_value(value.u32()?),
                service::AFFINITY => this.affinity = value.u32()?,
                service::AFFINITY_PREFIX4 => this.affinity_prefix4 = value.u8()?,
                service::AFFINITY_PREFIX6 => this.affinity_prefix6 = value.u8()?,
                service::DROP => this.drops.push(value.nest()?),
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
    use proptest::prelude::*;

    #[test]
    fn a_service_is_written_in_two_ways() {
        let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
        assert_eq!("tcp://10.0.0.1:80".parse(), Ok(key));
        assert_eq!(key.to_string(), "tcp 10.0.0.1:80");
        assert_eq!(key.protocol.number(), 6);
        assert!(key.is_single());
    }

    #[test]
    fn a_service_can_be_wide() {
        for (text, length, port, last, written) in [
            ("tcp 10.0.0.1:*", None, 0, None, "tcp 10.0.0.1:*"),
            ("udp 10.0.0.0/24:*", Some(24), 0, None, "udp 10.0.0.0/24:*"),
            ("tcp 10.0.0.1/32:80", None, 80, None, "tcp 10.0.0.1:80"),
            (
                "tcp 10.0.0.1:80-89",
                None,
                80,
                Some(89),
                "tcp 10.0.0.1:80-89",
            ),
            ("tcp 10.0.0.1:80-80", None, 80, None, "tcp 10.0.0.1:80"),
            (
                "sctp [2001:db8::1]:80",
                None,
                80,
                None,
                "sctp [2001:db8::1]:80",
            ),
            (
                "udp://[2001:db8::]/64:53",
                Some(64),
                53,
                None,
                "udp [2001:db8::/64]:53",
            ),
            (
                "udp [2001:db8::/64]:*",
                Some(64),
                0,
                None,
                "udp [2001:db8::/64]:*",
            ),
        ] {
            let key: ServiceKey = text.parse().unwrap();
            let found = (key.prefix_length, key.port, key.last_port);
            assert_eq!(found, (length, port, last), "{text}");
            assert_eq!(key.to_string(), written);
            assert_eq!(written.parse(), Ok(key));
        }
    }

    #[test]
    fn what_is_no_service_is_refused_in_words() {
        for (text, words) in [
            ("10.0.0.1:80", "write it as `tcp 10.0.0.1:80`"),
            ("icmp 10.0.0.1:80", "no protocol"),
            ("tcp 10.0.0.1", "has no port: write it as `10.0.0.1:80`"),
            ("tcp 2001:db8::1", "write it as `[2001:db8::1]:80`"),
            ("tcp 10.0.0.1:0", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:+80", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:65536", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:80-", "no port from 1 to 65535"),
            ("tcp 10.0.0.1:90-80", "runs backwards"),
            ("tcp 10.0.0:80", "no IP address"),
            ("tcp [10.0.0.1]:80", "no IP address"),
            ("tcp 10.0.0.0/33:80", "no length of a prefix from 1 to 32"),
            ("tcp 10.0.0.0/0:80", "no length of a prefix"),
            ("tcp 10.0.0.0/+8:80", "no length of a prefix"),
            ("tcp 10.0.0.1/24:80", "write it as `10.0.0.0/24`"),
            ("tcp [2001:db8::1/64]:80", "write it as `2001:db8::/64`"),
        ] {
            let error = text.parse::<ServiceKey>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bits: u128, length in 1_u8..=128, port: u16, more in 0_u16..9) {
            let length = Some(length).filter(|length| *length < 128);
            let address = first_of(Ipv6Addr::from_bits(bits).into(), length.unwrap_or(128));
            let last_port = port.checked_add(more).filter(|_| port != 0 && more != 0);
            let key = ServiceKey {
                protocol: Protocol::Sctp,
                address,
                prefix_length: length,
                port,
                last_port,
            };
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}
