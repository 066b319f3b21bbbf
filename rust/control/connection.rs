// SPDX-License-Identifier: GPL-2.0

//! Connections, listed and ended.

use kernel::prelude::*;

use super::parse::{
    self,
    optional, //
};
use crate::{
    config::{
        Fault,
        Snapshot, //
    },
    core::{
        connection_state::ConnectionState,
        known::Known,
        method::Method,
        service_key::Prefix,
        tuple::{
            Endpoint,
            IpAddress,
            Protocol, //
        }, //
    },
    net::genetlink::{
        uapi::{
            connection,
            connection_state, //
        },
        Attributes,
        Dump,
        Message,
        Refusal,
        Request, //
    },
    switch, //
};

/// Which connections are meant: those that have all of what is given.
#[derive(Default)]
struct Filter {
    protocol: Option<Protocol>,
    client: Option<Prefix>,
    client_port: Option<u16>,
    service_id: Option<u32>,
    service_address: Option<IpAddress>,
    service_port: Option<u16>,
    destination_address: Option<IpAddress>,
    destination_port: Option<u16>,
    state: Option<u32>,
    method: Option<Method>,
}

impl Filter {
    /// What `attributes` ask for.
    fn parse<'a>(
        attributes: Attributes<'a>,
        snapshot: Option<&Snapshot>,
    ) -> Result<Self, Refusal<'a>> {
        let client = attributes.get(connection::CLIENT_ADDRESS);
        let length = attributes.get(connection::CLIENT_PREFIX_LENGTH);
        let client = match (client, length) {
            (Some(address), length) => Some(parse::prefix(address, length, parse::any_address)?),
            (None, Some(_)) => {
                return Err(Refusal::missing(attributes, connection::CLIENT_ADDRESS))
            }
            (None, None) => None,
        };
        let service_id = optional(attributes, connection::SERVICE, |attribute| {
            let key = parse::service_key(attribute.nest())?;
            snapshot
                .and_then(|snapshot| snapshot.service(&key))
                .map(|service| service.id)
                .ok_or_else(|| parse::refuse(Fault::NoService, |_| Some(attribute)))
        })?;
        let address = |id| optional(attributes, id, parse::any_address);
        let port = |id| optional(attributes, id, parse::port);
        Ok(Self {
            protocol: optional(attributes, connection::PROTOCOL, parse::protocol)?,
            client,
            client_port: port(connection::CLIENT_PORT)?,
            service_id,
            service_address: address(connection::SERVICE_ADDRESS)?,
            service_port: port(connection::SERVICE_PORT)?,
            destination_address: address(connection::DESTINATION_ADDRESS)?,
            destination_port: port(connection::DESTINATION_PORT)?,
            state: attributes.u32(connection::STATE)?,
            method: optional(attributes, connection::FORWARDING, parse::method)?,
        })
    }

    /// Whether a connection is meant.
    fn matches(&self, known: &Known, there: &There) -> bool {
        fn fits<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        let (client, service) = (known.client, known.service);
        fits(self.protocol, known.protocol)
            && self
                .client
                .is_none_or(|prefix| prefix.contains(client.address))
            && fits(self.client_port, client.port)
            && fits(self.service_id, known.service_id)
            && fits(self.service_address, service.address)
            && fits(self.service_port, service.port)
            && fits(self.destination_address, there.endpoint.address)
            && fits(self.destination_port, there.endpoint.port)
            && fits(self.state, state_of(known))
            && fits(self.method, there.method)
    }
}

/// The number of a connection's state, or of what is none.
fn state_of(known: &Known) -> u32 {
    // They are numbered as in the specification; the host's tests know their names.
    const { assert!(ConnectionState::Expired.netlink() + 1 == connection_state::AFFINITY) };
    if known.template {
        connection_state::AFFINITY
    } else {
        known.state.netlink()
    }
}

/// Where a connection's packets go.
struct There {
    method: Method,
    endpoint: Endpoint<IpAddress>,
}

impl There {
    /// Where those of `known` go: what is not translated goes to the destination that is
    /// configured, to the port that it has.
    fn of(known: &Known, snapshot: &Snapshot) -> Self {
        let method = known.method;
        let configured = || snapshot.destination_by_id(known.destination_id);
        let endpoint = match method {
            Method::Nat if !known.template => known.destination,
            _ => configured().map_or(known.destination, |destination| {
                Endpoint::new(destination.key.endpoint.address, known.service.port)
            }),
        };
        Self { method, endpoint }
    }
}

/// Puts all that there is to tell of a connection; `idle` and `expires` in milliseconds.
fn put(message: &mut Message<'_>, known: &Known, there: &There, idle: u32, expires: u32) -> Result {
    message.put_u8(connection::PROTOCOL, known.protocol.number())?;
    message.put_address(connection::CLIENT_ADDRESS, known.client.address)?;
    message.put_be16(connection::CLIENT_PORT, known.client.port)?;
    message.put_address(connection::SERVICE_ADDRESS, known.service.address)?;
    message.put_be16(connection::SERVICE_PORT, known.service.port)?;
    message.put_address(connection::DESTINATION_ADDRESS, there.endpoint.address)?;
    message.put_be16(connection::DESTINATION_PORT, there.endpoint.port)?;
    message.put_u32(connection::STATE, state_of(known))?;
    message.put_u32(connection::IDLE, idle)?;
    message.put_u32(connection::EXPIRES, expires)?;
    message.put_u32(connection::FORWARDING, there.method as u32)
}

/// Handles `connection-get`.
///
/// Connections come and go while the list is told; each that lasts as long is told of.
///
/// Cursor: those of the connection tables of both families.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let switch = switch::of(dump.namespace());
    let snapshot = switch.as_ref().map(|switch| switch.config.current.get());
    let filter = Filter::parse(dump.attributes(), snapshot.as_deref())?;
    let (Some(switch), Some(snapshot)) = (switch, snapshot) else {
        return Ok(());
    };
    let [v4, v6, ..] = dump.cursor();
    let mut cursor = [v4, v6];
    let mut result = Ok(());
    switch.connections(&mut cursor, &mut |known, idle, expires| {
        let there = There::of(known, &snapshot);
        if !filter.matches(known, &there) {
            return true;
        }
        match dump.entry(|message| put(message, known, &there, idle, expires)) {
            Ok(more) => more,
            Err(error) => {
                result = Err(error);
                false
            }
        }
    });
    let [v4, v6] = cursor;
    dump.set_cursor([v4, v6, 0, 0]);
    Ok(result?)
}

/// Handles `connection-del`.
pub(crate) fn del<'a>(request: &Request<'a>) -> Result<(), Refusal<'a>> {
    let attributes = request.attributes();
    let all = attributes.get(connection::ALL);
    let filters = attributes
        .iter()
        .filter(|attribute| attribute.id() != connection::ALL)
        .count();
    match (all, filters) {
        (None, 0) => {
            return Err(Refusal::new(
                EINVAL,
                c"say which connections are to end, or that all are",
            ))
        }
        (Some(all), 1..) => {
            return Err(Refusal::new(EINVAL, c"either all or some are to end").at(all))
        }
        _ => {}
    }
    let switch = switch::of(request.namespace());
    let snapshot = switch.as_ref().map(|switch| switch.config.current.get());
    let filter = Filter::parse(attributes, snapshot.as_deref())?;
    let count = match (&switch, &snapshot) {
        (Some(switch), Some(snapshot)) => {
            switch.end_connections(&mut |known| filter.matches(known, &There::of(known, snapshot)))
        }
        _ => 0,
    };
    request.reply(|message| message.put_uint(connection::COUNT, count))
}
