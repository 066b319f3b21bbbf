// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Connections.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::service::NO_ADDRESS;
use crate::spec::{connection, ConnectionState, Forwarding};
use crate::{Protocol, ServiceKey};

/// A connection as the module tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Transport protocol.
    pub protocol: Protocol,
    /// The client's address.
    pub client_address: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The service's address, as its packets have it.
    pub service_address: IpAddr,
    /// The service's port, as its packets have it.
    pub service_port: u16,
    /// The destination's address.
    pub destination_address: IpAddr,
    /// The destination's port.
    pub destination_port: u16,
    /// Where it is in its life.
    pub state: ConnectionState,
    /// Milliseconds since the last packet.
    pub idle: u32,
    /// Milliseconds until it is forgotten if it stays idle.
    pub expires: u32,
    /// How its packets are taken to the destination.
    pub forwarding: Forwarding,
}

impl Connection {
    /// The client's address and port.
    #[must_use]
    pub const fn client(&self) -> SocketAddr {
        SocketAddr::new(self.client_address, self.client_port)
    }

    /// What of a service its packets show: protocol, address and port.
    #[must_use]
    pub const fn service(&self) -> ServiceKey {
        ServiceKey::new(self.protocol, self.service_address, self.service_port)
    }

    /// The destination's address and port.
    #[must_use]
    pub const fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.destination_address, self.destination_port)
    }
}

/// Which connections are meant: those that have all of what is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Those of this protocol.
    pub protocol: Option<Protocol>,
    /// Those of this service.
    pub service: Option<ServiceKey>,
    /// Those of this client, or of clients of this prefix.
    pub client: Option<(IpAddr, Option<u8>)>,
    /// Those from this port of the client.
    pub client_port: Option<u16>,
    /// Those that go to this address.
    pub destination_address: Option<IpAddr>,
    /// Those that go to this port.
    pub destination_port: Option<u16>,
    /// Those in this state.
    pub state: Option<ConnectionState>,
    /// Those that are forwarded in this way.
    pub forwarding: Option<Forwarding>,
}

impl ConnectionFilter {
    /// Whether every connection is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn encode(&self) -> Writer {
        let mut to = Writer::new();
        match self.service {
            // By what its packets show, so that a service is found that has been
            // removed while its connections live on.
            Some(service) if service.is_single() => {
                to.u8(connection::PROTOCOL, service.protocol.number());
                to.address(connection::SERVICE_ADDRESS, service.address);
                to.port(connection::SERVICE_PORT, service.port);
            }
            Some(service) => {
                to.nest(connection::SERVICE, |to| service.encode(to));
            }
            None => {}
        }
        if let Some(protocol) = self.protocol {
            to.u8(connection::PROTOCOL, protocol.number());
        }
        if let Some((address, length)) = self.client {
            to.address(connection::CLIENT_ADDRESS, address);
            if let Some(length) = length {
                to.u8(connection::CLIENT_PREFIX_LENGTH, length);
            }
        }
        if let Some(port) = self.client_port {
            to.port(connection::CLIENT_PORT, port);
        }
        if let Some(address) = self.destination_address {
            to.address(connection::DESTINATION_ADDRESS, address);
        }
        if let Some(port) = self.destination_port {
            to.port(connection::DESTINATION_PORT, port);
        }
        if let Some(state) = self.state {
            to.u32(connection::STATE, state.value());
        }
        if let Some(forwarding) = self.forwarding {
            to.u32(connection::FORWARDING, forwarding.value());
        }
        to
    }

    /// As [`Self::encode`], with what says that all are meant indeed if no filter
    /// is given.
    pub(crate) fn encode_for_end(&self) -> Writer {
        let mut to = self.encode();
        if self.is_empty() {
            to.flag(connection::ALL);
        }
        to
    }
}

/// How many connections were ended.
pub(crate) struct Ended(pub u64);

impl Decode for Ended {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut count = None;
        each(attributes, |kind, value| {
            if kind == connection::COUNT {
                count = Some(value.uint()?);
            }
            Ok(())
        })?;
        count.map(Self).ok_or_else(|| Malformed::missing("count"))
    }
}

impl Decode for Connection {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut protocol, mut client) = (None, None);
        let mut this = Self {
            protocol: Protocol::Tcp,
            client_address: NO_ADDRESS,
            client_port: 0,
            service_address: NO_ADDRESS,
            service_port: 0,
            destination_address: NO_ADDRESS,
            destination_port: 0,
            state: ConnectionState::None,
            idle: 0,
            expires: 0,
            forwarding: Forwarding::Nat,
        };
        each(attributes, |kind, value| {
            match kind {
                connection::PROTOCOL => protocol = Some(Protocol::from_number(value.u8()?)),
                connection::CLIENT_ADDRESS => client = Some(value.address()?),
                connection::CLIENT_PORT => this.client_port = value.port()?,
                connection::SERVICE_ADDRESS => this.service_address = value.address()?,
                connection::SERVICE_PORT => this.service_port = value.port()?,
                connection::DESTINATION_ADDRESS => this.destination_address = value.address()?,
                connection::DESTINATION_PORT => this.destination_port = value.port()?,
                connection::STATE => this.state = ConnectionState::from_value(value.u32()?),
                connection::IDLE => this.idle = value.u32()?,
                connection::EXPIRES => this.expires = value.u32()?,
                connection::FORWARDING => this.forwarding = Forwarding::from_value(value.u32()?),
                _ => (),
            }
            Ok(())
        })?;
        this.protocol = protocol.ok_or_else(|| Malformed::missing("protocol"))?;
        this.client_address = client.ok_or_else(|| Malformed::missing("client-address"))?;
        Ok(this)
    }
}
