// SPDX-License-Identifier: GPL-2.0

//! Packets of which nothing is remembered: those of services that schedule each packet by
//! itself, and of connections that begin while too many are half open (a SYN flood).
//!
//! Such a packet's destination follows from its addresses alone. Its answer comes back from the
//! destination's endpoint: the service is then the one that would have chosen just this
//! destination for this client. A destination that answers more than SYN has heard from a
//! client that exists, so the connection is remembered from then on.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Insertion, //
};
use crate::core::drop_reason::DropReason;
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::tcp::Flags;
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
    Service,
    Services,
    Tables, //
};
use super::decide::VerdictOf;
use super::open::{
    first,
    hash_of,
    hash_of_packet,
    translated, //
};
use super::report::Report;
use super::segment::Segment;
use super::verdict::{
    Forward,
    Verdict, //
};
use super::version::Version;

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// Sends a packet to the destination that its addresses alone choose.
    #[cold]
    #[inline(never)]
    pub(super) fn stateless<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        service: &'a C::Service,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        if segment.ttl <= 1 {
            return Verdict::Report(Report::HopLimit);
        }
        match service.select_stateless(hash_of_packet(service, segment)) {
            Some(destination) => self.unremembered(segment, service, destination),
            None => self.without_destination(packet, segment, service),
        }
    }

    /// Sends a packet to a destination and remembers nothing.
    pub(super) fn unremembered<A: Version>(
        &self,
        segment: &Segment<A>,
        service: &'a C::Service,
        destination: &'a C::Destination,
    ) -> VerdictOf<'a, A, C> {
        match translated(segment, destination) {
            Some(instead) => Verdict::Forward(first(segment, service, destination, instead)),
            None => Verdict::Drop(DropReason::NoDestination),
        }
    }

    /// What becomes of a packet that is not for a service: it may be the answer to one that nobody
    /// remembers.
    pub(super) fn unknown_reply<A: Version>(
        &self,
        segment: &Segment<A>,
    ) -> Option<VerdictOf<'a, A, C>>
    where
        Self: Tables<A>,
    {
        let from = segment.source.any();
        let mut found = None;
        self.services
            .behind(segment.protocol, from, &mut |service| {
                let options = service.options();
                let unremembered =
                    options.one_packet && segment.protocol == Protocol::Udp || self.stateless;
                // Of a prefix nobody can tell which address it was.
                let Some(endpoint) = service.endpoint() else {
                    return false;
                };
                let Some(address) = A::from_ip(endpoint.address) else {
                    return false;
                };
                let port = match endpoint.port {
                    0 => segment.source.port,
                    port => port,
                };
                let seen = Endpoint::new(address, port);
                let hash = hash_of(service, segment.protocol, segment.destination, seen);
                let chosen = service.select_stateless(hash);
                let answers = unremembered
                    && (options.one_packet || chosen.is_some_and(|d| d.endpoint() == from));
                if answers {
                    found = Some((
                        seen,
                        service.id(),
                        service.timeout(),
                        chosen.map(|d| d.id()),
                    ));
                }
                answers
            });
        let (seen, service_id, timeout, destination_id) = found?;
        let destination_id = destination_id.unwrap_or(0);
        if segment.ttl <= 1 {
            return Some(Verdict::Drop(DropReason::Ttl));
        }
        let answered = segment.protocol == Protocol::Tcp
            && segment.flags.has(Flags::ACK)
            && !segment.flags.has(Flags::SYN)
            && !segment.resets();
        if answered {
            let connection = Connection {
                protocol: segment.protocol,
                state: ConnectionState::Established,
                method: Method::Nat,
                client: segment.destination,
                service: seen,
                destination: segment.source,
                service_id,
                destination_id,
                timeout,
                last_seen: self.now,
                template: false,
            };
            if matches!(self.connections().insert(&connection), Insertion::Made(_)) {
                self.services.opened(&connection);
            }
        }
        Some(Verdict::Forward(Forward {
            segment: *segment,
            direction: Direction::Reply,
            method: Method::Nat,
            instead: seen,
            is_later_fragment: false,
            destination: self.services.destination(destination_id),
            next: segment.destination.address.into(),
            encapsulation: Default::default(),
            service_id,
            destination_id,
            is_new: false,
        }))
    }
}
