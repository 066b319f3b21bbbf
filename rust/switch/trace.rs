// SPDX-License-Identifier: GPL-2.0

//! What the trace points are told: connections that begin and end, and packets that do not leave.
//!
//! Nothing here is on the way of a known connection's packet that is sent on.

use super::forward::Forward;
use crate::{
    config::Snapshot,
    core::{
        connection::Connection,
        connection_state::ConnectionState,
        drop_reason::DropReason,
        known::Known,
        method::Method,
        tuple::{
            Address,
            Endpoint,
            Family,
            IpAddress,
            Ipv4Address,
            Ipv6Address, //
        }, //
    },
    filter::{
        segment::{
            Kind,
            Reading, //
        },
        Version, //
    },
    net::{
        skb::SkBuff,
        trace::{
            self,
            Dropped,
            End, //
        }, //
    },
};

/// Tells that a connection began.
#[inline]
pub(super) fn opened<A: Address>(snapshot: &Snapshot, connection: &Connection<A>) {
    trace::connection_new(|| described(snapshot, connection));
}

/// Tells that a connection is over, unless that was told when its ends were.
#[inline]
pub(super) fn ended<A: Address>(snapshot: &Snapshot, connection: &Connection<A>, end: End) {
    if connection.template || connection.state == ConnectionState::Expired {
        return;
    }
    trace::connection_expire(end, || described(snapshot, connection));
}

/// A connection, and the endpoint of its destination.
fn described<A: Address>(
    snapshot: &Snapshot,
    connection: &Connection<A>,
) -> (Known, Endpoint<IpAddress>) {
    let known = Known::from(connection);
    // Only with address translation does the connection say to whom its packets go.
    let endpoint = match connection.method {
        Method::Nat => known.destination,
        _ => snapshot
            .destination_by_id(connection.destination_id)
            .map_or(known.destination, |found| found.key.endpoint),
    };
    (known, endpoint)
}

/// Tells that a packet is dropped, its data beginning at the IP header.
#[inline]
pub(super) fn dropped(packet: &mut SkBuff, reason: DropReason) {
    trace::packet_drop(reason, || read(packet));
}

/// Tells that a packet was dropped on its way out, after it was decided on.
#[inline]
pub(super) fn dropped_forward<A: Version>(forward: &Forward<'_, A>, reason: DropReason) {
    trace::packet_drop(reason, || {
        let segment = &forward.segment;
        Dropped {
            source: segment.source.any(),
            target: segment.destination.any(),
            family: Some(A::FAMILY),
            protocol: segment.protocol.number(),
            length: segment.length,
            ifindex: 0,
        }
    });
}

/// What is to be told of a packet if it should be dropped; nothing if nobody listens.
#[inline]
pub(super) fn noted(packet: &mut SkBuff) -> Option<Dropped> {
    trace::wants_drops().then(|| read(packet))
}

/// The same of a packet that was turned into an answer to its sender.
#[inline]
pub(super) fn noted_answer(packet: &mut SkBuff) -> Option<Dropped> {
    noted(packet).map(|answer| Dropped {
        source: answer.target,
        target: answer.source,
        // That of the answer says nothing.
        length: 0,
        ..answer
    })
}

/// Tells that a packet of which this was [noted] was dropped.
#[inline]
pub(super) fn dropped_noted(noted: Option<Dropped>, reason: DropReason) {
    trace::packet_drop(reason, || noted.unwrap_or_default());
}

/// Reads what is told of a packet.
#[cold]
#[inline(never)]
fn read(packet: &mut SkBuff) -> Dropped {
    match packet.family() {
        Some(Family::V4) => read_as::<Ipv4Address>(packet, 1),
        Some(Family::V6) => read_as::<Ipv6Address>(packet, 58),
        None => Dropped::default(),
    }
}

/// The same, of a packet of this family, whose ICMP has that protocol number.
fn read_as<A: Version>(packet: &mut SkBuff, icmp: u8) -> Dropped {
    let reading: Reading<A> = A::read(packet);
    let segment = &reading.segment;
    let mut dropped = Dropped {
        source: segment.source.any(),
        target: segment.destination.any(),
        family: Some(A::FAMILY),
        protocol: segment.protocol.number(),
        length: packet.len() as usize,
        ifindex: packet.received_by(),
    };
    match reading.kind {
        Kind::Whole | Kind::FirstFragment | Kind::LaterFragment | Kind::BadTransport => {}
        Kind::Icmp => dropped.protocol = icmp,
        Kind::UnknownExtension => dropped.protocol = 0,
        // Nothing that stands in it can be relied upon.
        Kind::Foreign | Kind::BadIp | Kind::NoMemory => {
            dropped.family = None;
            dropped.protocol = 0;
        }
    }
    dropped
}
