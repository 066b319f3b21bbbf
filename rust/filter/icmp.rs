// SPDX-License-Identifier: GPL-2.0

//! ICMP and ICMPv6: errors about packets of connections reach the end that sent these, and echo to
//! a service's address is answered.

use crate::core::connections::Connections;
use crate::core::drop_reason::DropReason;
use crate::core::icmp::{
    is_sound,
    parse,
    Meaning,
    Quote, //
};
use crate::core::icmp_rewrite::{
    answer_echo,
    translate_error, //
};
use crate::core::method::Method;
use crate::core::network::End;
use crate::core::packet::Packet;
use crate::core::tuple::{
    Direction,
    Endpoint,
    IpAddress, //
    Ipv4Address,
    Ipv6Address,
};

use super::context::{
    Context,
    Destination as _,
    Services,
    Tables, //
};
use super::decide::VerdictOf;
use super::open::LAST_RESORT;
use super::segment::Segment;
use super::verdict::{
    Forward,
    Verdict, //
};
use super::version::Version;

/// Hops that an answer may take.
const HOPS: u8 = 64;

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// What becomes of an ICMP message; of its segment the addresses and lengths are known.
    #[cold]
    #[inline(never)]
    pub(super) fn icmp<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let to: IpAddress = segment.destination.address.into();
        let Some(bytes) = packet.peek(segment.length) else {
            return Verdict::Drop(DropReason::NoMemory);
        };
        let message = bytes.get(segment.offset..).unwrap_or_default();
        let Some(read) = parse::<A>(bytes, segment.offset) else {
            return Verdict::Pass;
        };
        let sound = is_sound(message, segment.source.address, segment.destination.address);
        match read.meaning {
            Meaning::EchoRequest if self.services.is_service_address(to) => {
                if sound && segment.source.address.may_be_answered() {
                    self.answer_echo(packet, segment)
                } else {
                    Verdict::Drop(DropReason::TransportHeader)
                }
            }
            // What is not about anything of ours is checked by whom it is for.
            Meaning::Error(cause) => match self.tunnel_error(packet, segment, cause, sound) {
                Some(verdict) => verdict,
                None => match read.quote {
                    Some(quote) => self.error(packet, segment, &quote, sound),
                    None => Verdict::Pass,
                },
            },
            _ => Verdict::Pass,
        }
    }

    fn answer_echo<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
    ) -> VerdictOf<'a, A, C> {
        // What there is no memory for is dropped even so: it has an owner, which has none.
        let head = match packet.trim(segment.length) {
            true => packet.head(segment.length),
            false => None,
        };
        match head.map(|head| answer_echo::<A>(head, segment.offset, HOPS)) {
            Some(true) => Verdict::Answer(None),
            // With options, say: left to the stack, if that has the address.
            Some(false) => Verdict::Pass,
            None => Verdict::Drop(DropReason::NoMemory),
        }
    }

    /// What becomes of an error that quotes a transport header.
    fn error<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        quote: &Quote<A>,
        sound: bool,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        // What the error is about was sent by the one that it is sent to.
        if quote.source.address != segment.destination.address {
            return Verdict::Pass;
        }
        let hit = |direction, client, other| {
            self.connections()
                .hit(direction, quote.protocol, client, other)
        };
        // About a packet to a destination, for the client: as it left here, it was translated.
        if let Some(found) = hit(Direction::Reply, quote.source, quote.destination) {
            return self.translate_error(
                packet,
                segment,
                quote,
                End::Destination,
                found.instead,
                sound,
            );
        }
        // About a packet to a client, for the destination, which is behind the service's address.
        let Some(found) = hit(Direction::Forward, quote.destination, quote.source) else {
            let known = self
                .services
                .service(quote.protocol, quote.source.any())
                .is_some();
            return if known {
                Verdict::Drop(DropReason::IcmpErrorUnknown)
            } else {
                Verdict::Pass
            };
        };
        if found.method == Method::Nat {
            return self.translate_error(packet, segment, quote, End::Source, found.instead, sound);
        }
        if !sound {
            return Verdict::Drop(DropReason::TransportHeader);
        }
        let destination = self.services.destination(found.destination_id);
        if destination.is_none() && found.destination_id != LAST_RESORT {
            return Verdict::Drop(DropReason::NoDestination);
        }
        if segment.ttl <= 1 && found.method != Method::Local {
            return Verdict::Drop(DropReason::Ttl);
        }
        Verdict::Forward(Forward {
            segment: *segment,
            direction: Direction::Forward,
            method: found.method,
            instead: segment.destination,
            is_later_fragment: false,
            destination,
            next: destination.map_or(segment.destination.address.into(), |destination| {
                destination.endpoint().address
            }),
            encapsulation: destination.map_or_else(Default::default, |d| d.encapsulation()),
            service_id: found.service_id,
            destination_id: found.destination_id,
            is_new: false,
        })
    }

    /// Translates an error about a translated packet, outside and inside. `end` is the end of the
    /// quoted packet that had been exchanged, and `to` what stood there.
    fn translate_error<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        quote: &Quote<A>,
        end: End,
        to: Endpoint<A>,
        sound: bool,
    ) -> VerdictOf<'a, A, C> {
        if !sound {
            return Verdict::Drop(DropReason::TransportHeader);
        }
        if segment.ttl <= 1 {
            return Verdict::Drop(DropReason::Ttl);
        }
        let done = packet.trim(segment.length)
            && packet
                .head(segment.length)
                .is_some_and(|head| translate_error(head, quote, end, to, 1));
        if !done {
            return Verdict::Drop(DropReason::NoMemory);
        }
        let next = match end {
            End::Destination => segment.destination.address,
            End::Source => to.address,
        };
        Verdict::Message(next.into(), None)
    }
}
