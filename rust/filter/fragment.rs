// SPDX-License-Identifier: GPL-2.0

//! Fragments: the first one is decided on as a whole packet is, since it has the ports, and later
//! ones follow it.

use crate::core::drop_reason::DropReason;
use crate::core::fragment::Piece;
use crate::core::fragment_table::{
    Key,
    Later, //
};
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::tuple::{
    Direction,
    Endpoint,
    Ipv4Address,
    Ipv6Address,
    Protocol, //
};

use super::context::{
    Context,
    Destination as _,
    Services,
    Tables, //
};
use super::decide::VerdictOf;
use super::open::{
    translated,
    LAST_RESORT, //
};
use super::segment::{
    Reading,
    Segment, //
};
use super::verdict::{
    Forward,
    Verdict, //
};
use super::version::Version;
use crate::core::connections::Connections;

/// What was decided about a first fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was left to the ordinary stack.
    Pass,
    /// It went no further.
    Drop,
    /// It was sent on.
    Forward(Course),
}

/// How a first fragment was sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// The sender's port and the receiver's.
    ports: (u16, u16),
    direction: Direction,
    /// The numbers of service and destination, for what no connection remembers.
    service_id: u32,
    destination_id: u32,
}

/// What is known of fragmented packets.
pub trait Fragments {
    /// Remembers what was decided about a first fragment.
    fn first(&self, key: Key, piece: &Piece, decision: Decision);

    /// What was decided about the first fragment of the packet that a later one is of.
    fn later(&self, key: Key, piece: &Piece) -> Later<Decision>;
}

/// Nothing is known.
impl Fragments for () {
    fn first(&self, _key: Key, _piece: &Piece, _decision: Decision) {}

    fn later(&self, _key: Key, _piece: &Piece) -> Later<Decision> {
        Later::Unknown
    }
}

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// Whether a packet may be of a connection, by its addresses.
    fn may_be_ours<A: Version>(&self, segment: &Segment<A>) -> bool {
        let services = self.services;
        services.is_service_address(segment.destination.address.into())
            || services.is_destination_address(segment.source.address.into())
    }

    fn key<A: Version>(segment: &Segment<A>, piece: &Piece) -> Key {
        Key::new(
            segment.source.address.into(),
            segment.destination.address.into(),
            segment.protocol.number(),
            piece,
        )
    }

    /// What becomes of a first fragment.
    pub(super) fn first_fragment<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        reading: &Reading<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let segment = &reading.segment;
        let Some(piece) = reading.piece else {
            return Verdict::Pass;
        };
        let ours = self.may_be_ours(segment);
        if ours && piece.check(Some(segment.protocol)).is_err() {
            return Verdict::Drop(DropReason::Fragment);
        }
        let verdict = self.whole(packet, segment);
        let decision = match &verdict {
            Verdict::Pass => Decision::Pass,
            Verdict::Forward(forward) => {
                // SCTP's checksum covers what is still to come, if ports change.
                let ports_change = match forward.direction {
                    Direction::Forward => forward.instead.port != segment.destination.port,
                    Direction::Reply => forward.instead.port != segment.source.port,
                };
                if segment.protocol == Protocol::Sctp
                    && forward.method == Method::Nat
                    && ports_change
                {
                    return Verdict::Drop(DropReason::Fragment);
                }
                Decision::Forward(Course {
                    ports: (segment.source.port, segment.destination.port),
                    direction: forward.direction,
                    service_id: forward.service_id,
                    destination_id: forward.destination_id,
                })
            }
            _ => Decision::Drop,
        };
        if !ours && decision == Decision::Pass {
            return verdict;
        }
        let key = Self::key(segment, &piece);
        self.fragments.first(key, &piece, decision);
        match verdict {
            Verdict::Forward(forward) => Verdict::First(forward, key),
            other => other,
        }
    }

    /// What becomes of a later fragment.
    pub(super) fn later_fragment<A: Version>(&self, reading: &Reading<A>) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let segment = &reading.segment;
        let Some(piece) = reading.piece else {
            return Verdict::Pass;
        };
        let ours = self.may_be_ours(segment);
        if ours && piece.check(Some(segment.protocol)).is_err() {
            return Verdict::Drop(DropReason::Fragment);
        }
        let key = Self::key(segment, &piece);
        match self.fragments.later(key, &piece) {
            Later::Follow(Decision::Pass) => Verdict::Pass,
            Later::Follow(Decision::Drop) => Verdict::Drop(DropReason::Fragment),
            Later::Follow(Decision::Forward(course)) => self.follow(segment, course),
            Later::Unknown if ours => Verdict::Hold(key),
            Later::Unknown => Verdict::Pass,
            Later::Fault(_) => Verdict::Drop(DropReason::Fragment),
        }
    }

    /// Sends a later fragment where the first one went.
    fn follow<A: Version>(&self, segment: &Segment<A>, course: Course) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let mut segment = *segment;
        (segment.source.port, segment.destination.port) = course.ports;
        let destination = self.services.destination(course.destination_id);
        let known = self.find(course.direction, &segment);
        let (method, instead) = match (known, destination, course.direction) {
            (Some(found), ..) => (found.method, found.instead),
            (None, Some(destination), Direction::Forward) => {
                let instead = translated(&segment, destination);
                (destination.method(), instead.unwrap_or_default())
            }
            // The answer of a connection that nobody remembers: the service seems to send it.
            (None, _, Direction::Reply) => {
                let seen = self.services.service_endpoint(course.service_id);
                let address = seen.and_then(|seen| A::from_ip(seen.address));
                let Some(address) = address else {
                    return Verdict::Drop(DropReason::Fragment);
                };
                (Method::Nat, Endpoint::new(address, 0))
            }
            (None, None, Direction::Forward) if course.destination_id == LAST_RESORT => {
                (Method::Local, Endpoint::default())
            }
            (None, None, Direction::Forward) => return Verdict::Drop(DropReason::Fragment),
        };
        if segment.ttl <= 1 && method != Method::Local {
            return Verdict::Drop(DropReason::Ttl);
        }
        let next = match (method, course.direction) {
            (Method::Nat, Direction::Forward) => instead.address.into(),
            (Method::Nat, Direction::Reply) => segment.destination.address.into(),
            _ => match destination {
                Some(destination) => destination.endpoint().address,
                None if method == Method::Local => segment.destination.address.into(),
                None => return Verdict::Drop(DropReason::NoDestination),
            },
        };
        Verdict::Forward(Forward {
            segment,
            direction: course.direction,
            method,
            instead,
            is_later_fragment: true,
            destination,
            next,
            encapsulation: destination.map_or_else(Default::default, |d| d.encapsulation()),
            service_id: course.service_id,
            destination_id: course.destination_id,
            is_new: false,
        })
    }
}
