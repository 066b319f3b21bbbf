// SPDX-License-Identifier: GPL-2.0

//! What is to be sent on: by which way, whether it fits, how it is counted.

use super::{
    trace,
    Switch, //
};
use crate::{
    config::Destination,
    core::{
        drop_reason::DropReason,
        method::Method,
        packet::Packet as _,
        tunnel::{
            self,
            Inner,
            Tunnel, //
        },
        tuple::{
            selection_hash,
            Family,
            IpAddress, //
        },
    },
    filter::{
        self,
        Report, //
        Version,
    },
    net::{
        bh::BottomHalf,
        clock,
        route,
        route_cache::NextHop,
        skb::SkBuff, //
    },
};

/// The longest packet that headers can say the length of: an IPv4 header and a UDP header less.
const MOST_INNER: usize = 65_535 - 20 - 8;

/// A packet to be sent on, in the kernel.
pub(super) type Forward<'a, A> = filter::Forward<'a, A, Destination>;

impl Switch {
    /// Rewrites a packet and sends it on.
    #[inline(always)]
    pub(super) fn forward<A: Version>(
        &self,
        mut packet: SkBuff,
        forward: &Forward<'_, A>,
        polled: bool,
        bh: &BottomHalf,
    ) {
        let length = forward.length();
        let result = match forward.method {
            Method::Local => {
                self.count(forward, length, bh);
                return self.deliver(packet, polled, bh);
            }
            Method::Nat => self.hop(&packet, forward.next, bh).and_then(|hop| {
                if !packet.fits(hop.mtu()) {
                    return self.too_big(packet, forward, &hop, 0, bh);
                }
                match forward.rewrite(&mut packet) {
                    Ok(()) => packet.send(&hop, bh),
                    Err(reason) => fail(packet, reason),
                }
            }),
            Method::Direct | Method::Tunnel => self.forward_whole(packet, forward, bh),
        };
        match result {
            Ok(()) => {
                self.count(forward, length, bh);
                if let Some(counters) = self.counters.this() {
                    counters.forwarded.add(1);
                }
            }
            Err(reason) => {
                trace::dropped_forward(forward, reason);
                self.count_drop(reason);
            }
        }
    }

    /// The way to an address, which is never through `yard0`.
    #[inline(always)]
    pub(super) fn hop<'a>(
        &self,
        packet: &SkBuff,
        next: IpAddress,
        bh: &'a BottomHalf,
    ) -> Result<NextHop<'a>, DropReason> {
        let net = packet.device(bh).namespace_bh(bh);
        self.routes
            .with(bh, |routes| {
                routes.resolve(net, next, self.yard_index(bh), bh)
            })
            .unwrap_or(Err(DropReason::NoRoute))
    }

    /// Sends a packet as it is, or inside another one, to a destination.
    #[inline(never)]
    fn forward_whole<A: Version>(
        &self,
        mut packet: SkBuff,
        forward: &Forward<'_, A>,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        let hop = match self.hop(&packet, forward.next, bh) {
            Ok(hop) => hop,
            Err(reason) => return fail(packet, reason),
        };
        let overhead = match forward.method {
            Method::Tunnel => tunnel::overhead(forward.next.family(), forward.encapsulation),
            _ => 0,
        };
        let room = hop.mtu().saturating_sub(overhead as u32);
        if !packet.fits(room) {
            return self.too_big(packet, forward, &hop, overhead as u32, bh);
        }
        if let Err(reason) = forward.rewrite(&mut packet) {
            return fail(packet, reason);
        }
        if forward.method != Method::Tunnel {
            return packet.send(&hop, bh);
        }
        if packet.is_big() {
            return self.send_segments_inside(packet, forward, &hop, bh);
        }
        self.send_inside(packet, forward, &hop, bh)
    }

    /// Sends each segment of a packet inside another one: no header outside could say how long all
    /// of it is.
    #[cold]
    #[inline(never)]
    fn send_segments_inside<A: Version>(
        &self,
        packet: SkBuff,
        forward: &Forward<'_, A>,
        hop: &NextHop<'_>,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        packet
            .into_segments()?
            .try_for_each(|segment| self.send_inside(segment, forward, hop, bh))
    }

    /// Sends a packet, which is otherwise complete, inside another one.
    #[inline(always)]
    fn send_inside<A: Version>(
        &self,
        mut packet: SkBuff,
        forward: &Forward<'_, A>,
        hop: &NextHop<'_>,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        if !self.encapsulate(&mut packet, forward, hop) {
            return fail(packet, DropReason::NoMemory);
        }
        packet.send(hop, bh)
    }

    /// Puts a packet into another one. False if that failed.
    fn encapsulate<A: Version>(
        &self,
        packet: &mut SkBuff,
        forward: &Forward<'_, A>,
        hop: &NextHop<'_>,
    ) -> bool {
        let segment = &forward.segment;
        let tunnel = Tunnel {
            source: hop.source(),
            destination: forward.next,
            encapsulation: forward.encapsulation,
        };
        let flow = selection_hash(segment.protocol, segment.source, segment.destination);
        // Another one for each packet of this CPU, which is enough for the few that may be
        // fragmented.
        let number = self.counters.this().map_or(0, |own| own.received.get());
        let headers = packet
            .peek(A::HEADER_LENGTH)
            .and_then(Inner::read)
            .and_then(|mut inner| {
                // What the device is to segment may be longer than a packet; the headers of each
                // segment are made from these.
                inner.length = inner.length.min(MOST_INNER);
                tunnel.headers(inner, flow, number as u16)
            });
        headers.is_some_and(|headers| {
            packet.encapsulate(
                headers.as_slice(),
                tunnel.destination.family(),
                A::FAMILY,
                segment.offset as u32,
            )
        })
    }

    /// What becomes of a packet that is longer than its way takes, less the overhead of a tunnel:
    /// it is sent in fragments if its sender allows that, else the sender is told.
    #[cold]
    #[inline(never)]
    fn too_big<A: Version>(
        &self,
        mut packet: SkBuff,
        forward: &Forward<'_, A>,
        hop: &NextHop<'_>,
        overhead: u32,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        let room = hop.mtu().saturating_sub(overhead);
        if forward.next.family() == Family::V4 && A::may_be_fragmented(&mut packet) {
            if let Err(reason) = forward.rewrite(&mut packet) {
                return fail(packet, reason);
            }
            // The end of a tunnel puts the fragments of what travels in it together.
            if overhead != 0 && !self.encapsulate(&mut packet, forward, hop) {
                return fail(packet, DropReason::NoMemory);
            }
            return packet.send_in_fragments(forward.next, hop, bh);
        }
        let report = Report::TooBig(room);
        self.tell_sender::<A>(packet, report, bh);
        Err(report.reason())
    }

    /// Tells a packet's sender that it cannot go on, and counts it.
    #[cold]
    pub(super) fn report<A: Version>(&self, mut packet: SkBuff, report: Report, bh: &BottomHalf) {
        trace::dropped(&mut packet, report.reason());
        self.tell_sender::<A>(packet, report, bh);
        self.count_drop(report.reason());
    }

    /// Tells a packet's sender that it cannot go on, as often as that is reasonable.
    fn tell_sender<A: Version>(&self, mut packet: SkBuff, report: Report, bh: &BottomHalf) {
        if !self.reports.take(clock::coarse_milliseconds()) {
            return packet.discard(report.reason());
        }
        // Our own address on the sender's side, which is the one that a message to that sender would
        // come from; without one, the receiver seems to say it.
        let segment = A::read(&mut packet).segment;
        let own = route::own_address(packet.device(bh), segment.source.address.into(), bh);
        let source = own
            .and_then(A::from_ip)
            .unwrap_or(segment.destination.address);
        let turned = report.turn(&mut packet, source);
        if turned {
            // What could not be sent is not missed.
            let _ = packet.send_back(bh);
        } else {
            packet.discard(report.reason());
        }
    }

    /// Routes a message of our own, which a packet was turned into.
    #[cold]
    pub(super) fn message(
        &self,
        mut packet: SkBuff,
        to: IpAddress,
        reason: Option<DropReason>,
        bh: &BottomHalf,
    ) {
        let noted = trace::noted(&mut packet);
        let result = match self.hop(&packet, to, bh) {
            Ok(hop) => packet.send(&hop, bh),
            Err(reason) => fail(packet, reason),
        };
        self.count_sent(result, reason, noted);
    }

    /// Counts a forwarded packet for its service and destination, if these still are.
    #[inline(always)]
    fn count<A: Version>(&self, forward: &Forward<'_, A>, length: usize, bh: &BottomHalf) {
        let bytes = length as u64;
        let Some(destination) = forward.destination else {
            return self.count_without_destination(forward, bytes, bh);
        };
        if let (Some(all), Some((own, _))) = (self.counters.own(bh), destination.own(bh)) {
            own.count(forward.direction, bytes);
            all.traffic.count(forward.direction, bytes);
        }
    }

    /// The same for the last resort, and for replies of a destination that is gone altogether: their
    /// service counts them as long as there is one.
    #[cold]
    #[inline(never)]
    fn count_without_destination<A: Version>(
        &self,
        forward: &Forward<'_, A>,
        bytes: u64,
        bh: &BottomHalf,
    ) {
        let snapshot = self.config.current.read_bh(bh);
        let service = snapshot.service_by_id(forward.service_id);
        let counters = service.and_then(|service| service.counters().this());
        let own = self.counters.own(bh).map(|own| &own.traffic);
        for traffic in [counters, own].into_iter().flatten() {
            traffic.count(forward.direction, bytes);
        }
    }
}

/// Frees a packet that cannot be sent.
#[cold]
fn fail(packet: SkBuff, reason: DropReason) -> Result<(), DropReason> {
    packet.discard(reason);
    Err(reason)
}
