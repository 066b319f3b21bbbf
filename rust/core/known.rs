// SPDX-License-Identifier: GPL-2.0

//! A connection of either family, for whoever lists them.

use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::method::Method;
use super::tuple::{
    Address,
    Endpoint,
    IpAddress,
    Protocol, //
};

/// What a [`Connection`] says, whichever family its client is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The transport protocol.
    pub protocol: Protocol,
    /// Whether it is a template.
    pub template: bool,
    /// How far it has got.
    pub state: ConnectionState,
    /// How packets get to the destination.
    pub method: Method,
    /// Who opened it.
    pub client: Endpoint<IpAddress>,
    /// The service that the client sees.
    pub service: Endpoint<IpAddress>,
    /// The server that does the work, for [`Method::Nat`].
    pub destination: Endpoint<IpAddress>,
    /// The number of the service.
    pub service_id: u32,
    /// The number of the destination.
    pub destination_id: u32,
}

impl<A: Address> From<&Connection<A>> for Known {
    fn from(connection: &Connection<A>) -> Self {
        Self {
            protocol: connection.protocol,
            template: connection.template,
            state: connection.state,
            method: connection.method,
            client: connection.client.any(),
            service: connection.service.any(),
            destination: connection.destination.any(),
            service_id: connection.service_id,
            destination_id: connection.destination_id,
        }
    }
}
