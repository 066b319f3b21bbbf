// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Connections.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::service::NO_ADDRESS;
use crate::spec::{connection, ConnectionState};
use crate::{Error, Protocol, ServiceKey};

/// A connection as the module tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Transport protocol.
    pub protocol: Protocol,
    /// The client's address.
    pub client_address: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The service's address.
    pub service_address: IpAddr,
    /// The service's port.
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
}

impl Connection {
    /// The client's address and port.
    #[must_use]
    pub const fn client(&self) -> SocketAddr {
        SocketAddr::new(self.client_address, self.client_port)
    }

    /// The service's key.
    #[must_use]
    pub const fn service(&self) -> ServiceKey {
        ServiceKey {
            protocol: self.protocol,
            address: self.service_address,
            port: self.service_port,
        }
    }

    /// The destination's address and port.
    #[must_use]
    pub const fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.destination_address, self.destination_port)
    }
}

/// A dump request's filter: the connections of one service.
pub(crate) fn encode_filter(service: &ServiceKey, to: &mut Writer) -> Result<(), Error> {
    to.u8(connection::PROTOCOL, service.protocol.number());
    to.address(connection::SERVICE_ADDRESS, service.address)?;
    to.port(connection::SERVICE_PORT, service.port);
    Ok(())
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
                _ => (),
            }
            Ok(())
        })?;
        this.protocol = protocol.ok_or_else(|| Malformed::missing("protocol"))?;
        this.client_address = client.ok_or_else(|| Malformed::missing("client-address"))?;
        Ok(this)
    }
}
