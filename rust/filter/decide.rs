// SPDX-License-Identifier: GPL-2.0

//! The decision (Fig. 6) on packets of known connections, and on those that are no whole packets.

use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Hit, //
};
use crate::core::drop_reason::DropReason;
use crate::core::fragment::Fragment;
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::sctp_state;
use crate::core::tcp_state;
use crate::core::tuple::{
    Direction,
    IpAddress,
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
use super::open::LAST_RESORT;
use super::report::Report;
use super::segment::{
    Kind,
    Reading,
    Segment, //
};
use super::verdict::{
    Forward,
    Verdict, //
};
use super::version::Version;

/// A verdict by a configuration of this type.
pub(super) type VerdictOf<'a, A, C> = Verdict<'a, A, <C as Services>::Destination>;

/// Decides on one packet. It is not changed but for [`Verdict::Answer`] and [`Verdict::Message`].
///
/// In the kernel: bottom halves off, under RCU. Nothing here allocates or waits but for the
/// lock of a bucket, and that only for new connections.
#[inline(always)]
pub fn decide<'a, A, P, C, T4, T6>(
    context: &Context<'a, C, T4, T6>,
    packet: &mut P,
) -> VerdictOf<'a, A, C>
where
    A: Version,
    P: Packet,
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
    Context<'a, C, T4, T6>: Tables<A>,
{
    // Two ways through the same functions: compiled for a header of fixed length, the usual one
    // keeps what it has read in registers.
    match A::read_usual(packet) {
        Some(reading) if reading.kind == Kind::Whole => context.whole(packet, &reading.segment),
        Some(reading) if !packet.is_big() => context.unusual(packet, &reading),
        _ => context.long(packet),
    }
}

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// What becomes of a packet with IP options or extension headers, of one that is longer than its
    /// headers can say, or of what is no packet at all.
    #[cold]
    #[inline(never)]
    fn long<A: Version, P: Packet>(&self, packet: &mut P) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let reading = A::read(packet);
        match reading.kind {
            Kind::Whole => self.whole(packet, &reading.segment),
            _ => self.unusual(packet, &reading),
        }
    }

    /// What becomes of a whole packet with sound headers.
    #[inline(always)]
    pub(super) fn whole<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        if let Some(found) = self.find(Direction::Forward, segment) {
            return self.forward(packet, segment, Direction::Forward, &found);
        }
        if let Some(found) = self.find(Direction::Reply, segment) {
            return self.forward(packet, segment, Direction::Reply, &found);
        }
        self.unknown(packet, segment, None)
    }

    /// The connection that a packet belongs to if it goes this way.
    #[inline(always)]
    pub(super) fn find<A: Version>(
        &self,
        direction: Direction,
        segment: &Segment<A>,
    ) -> Option<Hit<A>>
    where
        Self: Tables<A>,
    {
        let (client, other) = match direction {
            Direction::Forward => (segment.source, segment.destination),
            Direction::Reply => (segment.destination, segment.source),
        };
        self.connections()
            .hit(direction, segment.protocol, client, other)
    }

    /// What becomes of a packet that is not a whole one with sound headers.
    #[cold]
    #[inline(never)]
    fn unusual<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        reading: &Reading<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let segment = &reading.segment;
        let to: IpAddress = segment.destination.address.into();
        let if_ours = |reason| {
            if self.services.is_service_address(to) {
                Verdict::Drop(reason)
            } else {
                Verdict::Pass
            }
        };
        match reading.kind {
            Kind::Foreign | Kind::Whole => Verdict::Pass,
            Kind::BadIp => Verdict::Drop(DropReason::IpHeader),
            Kind::NoMemory => Verdict::Drop(DropReason::NoMemory),
            // A first fragment that is too small tells nobody whose it is.
            Kind::BadTransport => if_ours(match reading.piece {
                Some(piece) if piece.kind() == Fragment::First => DropReason::Fragment,
                _ => DropReason::TransportHeader,
            }),
            Kind::UnknownExtension => if_ours(DropReason::UnknownExtension),
            Kind::LaterFragment => self.later_fragment(reading),
            Kind::FirstFragment => self.first_fragment(packet, reading),
            Kind::Icmp => self.icmp(packet, segment),
        }
    }

    /// Sends on a packet of a known connection, or has it choose again.
    #[inline(always)]
    pub(super) fn forward<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        direction: Direction,
        found: &Hit<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let destination = self.services.destination(found.destination_id);
        if matches!(direction, Direction::Forward) {
            let begins = segment.opens();
            // The client uses its port again; or what it has to do with is not there any more, and
            // nothing is lost by choosing again.
            if begins && (found.state.is_ending() || !destination.is_some_and(|d| d.is_there())) {
                return self.unknown(packet, segment, Some(found.handle));
            }
        }
        if found.state == ConnectionState::Expired {
            let verdict = self.refuse(packet, segment);
            if matches!(verdict, Verdict::Answer(_)) {
                self.services.told_expired();
            }
            return verdict;
        }
        if segment.ttl <= 1 && found.method != Method::Local {
            return Verdict::Report(Report::HopLimit);
        }
        let next_state = |state| match segment.protocol {
            Protocol::Tcp => tcp_state::next(state, segment.flags, direction),
            Protocol::Udp => state,
            Protocol::Sctp => sctp_state::next(state, segment.chunks, direction),
        };
        let step = self
            .connections()
            .touch(found.handle, found.state, self.now, next_state);
        if let Some((from, to)) = step {
            self.services.changed(found.destination_id, from, to);
        }
        let mut forward = Forward {
            segment: *segment,
            direction,
            method: found.method,
            instead: found.instead,
            is_later_fragment: false,
            destination,
            next: match direction {
                Direction::Forward => found.instead.address.into(),
                Direction::Reply => segment.destination.address.into(),
            },
            encapsulation: Default::default(),
            service_id: found.service_id,
            destination_id: found.destination_id,
            is_new: false,
        };
        if found.method != Method::Nat {
            // Where it goes is known to the configuration alone.
            match destination {
                Some(destination) => {
                    forward.next = destination.endpoint().address;
                    forward.encapsulation = destination.encapsulation();
                }
                // The last resort is none of the configuration's.
                None if found.destination_id == LAST_RESORT => {}
                None => return Verdict::Drop(DropReason::NoDestination),
            }
        }
        Verdict::Forward(forward)
    }
}
