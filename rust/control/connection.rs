// SPDX-License-Identifier: GPL-2.0

//! Connections, listed.

use kernel::prelude::*;

use super::parse;
use crate::{
    core::{
        connection::Connection,
        connection_state::ConnectionState, //
    },
    net::genetlink::{
        uapi::{
            connection,
            connection_state, //
        },
        Dump,
        Message,
        Refusal,
        Request, //
    },
    switch, //
};

/// Puts all that there is to tell of a connection; `idle` and `expires` in milliseconds.
fn put(message: &mut Message<'_>, known: &Connection, idle: u32, expires: u32) -> Result {
    message.put_u8(connection::PROTOCOL, known.protocol.number())?;
    message.put(connection::CLIENT_ADDRESS, &known.client.address.octets())?;
    message.put_be16(connection::CLIENT_PORT, known.client.port)?;
    message.put(connection::SERVICE_ADDRESS, &known.service.address.octets())?;
    message.put_be16(connection::SERVICE_PORT, known.service.port)?;
    message.put(
        connection::DESTINATION_ADDRESS,
        &known.destination.address.octets(),
    )?;
    message.put_be16(connection::DESTINATION_PORT, known.destination.port)?;
    // The states are numbered as in the specification.
    const { assert!(ConnectionState::Udp.netlink() < connection_state::AFFINITY) };
    message.put_u32(connection::STATE, known.state.netlink())?;
    message.put_u32(connection::IDLE, idle)?;
    message.put_u32(connection::EXPIRES, expires)
}

/// Handles `connection-get`: the connections that have the protocol, service address and service
/// port that are given.
///
/// Connections come and go while the list is told; each that lasts as long is told of.
///
/// Cursor: that of the connection table.
pub(crate) fn dump<'a>(dump: &mut Dump<'a>) -> Result<(), Refusal<'a>> {
    let attributes = dump.attributes();
    let protocol = attributes
        .get(connection::PROTOCOL)
        .map(parse::protocol)
        .transpose()?;
    let address = attributes
        .get(connection::SERVICE_ADDRESS)
        .map(parse::any_address)
        .transpose()?;
    let port = attributes
        .get(connection::SERVICE_PORT)
        .map(parse::port)
        .transpose()?;
    let Some(switch) = switch::of(dump.namespace()) else {
        return Ok(());
    };
    let [mut cursor, ..] = dump.cursor();
    let mut result = Ok(());
    switch.connections(&mut cursor, &mut |known, idle, expires| {
        let wanted = protocol.is_none_or(|protocol| protocol == known.protocol)
            && address.is_none_or(|address| address == known.service.address)
            && port.is_none_or(|port| port == known.service.port);
        if !wanted {
            return true;
        }
        match dump.entry(|message| put(message, known, idle, expires)) {
            Ok(more) => more,
            Err(error) => {
                result = Err(error);
                false
            }
        }
    });
    dump.set_cursor([cursor, 0, 0, 0]);
    Ok(result?)
}

/// Handles `connection-del`.
pub(crate) fn del<'a>(_request: &Request<'a>) -> Result<(), Refusal<'a>> {
    Err(Refusal::from(EOPNOTSUPP))
}
