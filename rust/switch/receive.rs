// SPDX-License-Identifier: GPL-2.0

//! The way of a received packet: filter, route, transmission (Figs. 5 and 6).

use super::{
    express::Tabled,
    trace,
    view::View,
    Switch, //
};
use crate::{
    connections::Table,
    core::{
        connections::Connections,
        drop_reason::DropReason,
        tuple::{
            Family,
            Ipv4Address,
            Ipv6Address, //
        },
    },
    filter::{
        decide,
        Context,
        Tables,
        Verdict, //
        Version,
    },
    net::{
        bh::BottomHalf,
        clock,
        rx_handler::Outcome,
        skb::{
            ReceiveQueue,
            SkBuff, //
        },
        trace::Dropped, //
    },
};

/// What the filter consults in the kernel.
pub(super) type KernelContext<'a> =
    Context<'a, View<'a>, Table<'a, Ipv4Address>, Table<'a, Ipv6Address>>;

impl Switch {
    /// Handles an IP packet of this family that a claimed device received, its data beginning at the
    /// IP header. Whether one of its queue is polled by an engine is asked if it
    /// matters.
    #[inline(always)]
    pub(crate) fn receive<A: Tabled>(
        &self,
        packet: SkBuff,
        polled: impl FnOnce(ReceiveQueue) -> bool,
        bh: &BottomHalf,
    ) -> Outcome {
        let packet = match self.express::<A>(packet, bh) {
            Ok(()) => return Outcome::Consumed,
            Err(packet) => packet,
        };
        if packet.is_of_parts() {
            return self.part(packet, bh);
        }
        if let Some(own) = self.counters.own(bh) {
            own.received.add(1);
        }
        let polled = polled(packet.receive_queue());
        self.handle(packet, A::FAMILY, polled, bh)
    }

    /// Receives a packet's segments, each by itself, in its place.
    #[cold]
    #[inline(never)]
    fn part(&self, packet: SkBuff, bh: &BottomHalf) -> Outcome {
        match packet.receive_segments(bh) {
            // They are counted in its stead.
            Ok(()) => {}
            Err(reason) => {
                if let Some(own) = self.counters.this() {
                    own.received.add(1);
                }
                self.count_drop(reason);
            }
        }
        Outcome::Consumed
    }

    /// Handles a packet that was counted when it was received, now or a while ago.
    #[inline(never)]
    pub(super) fn handle(
        &self,
        packet: SkBuff,
        family: Family,
        polled: bool,
        bh: &BottomHalf,
    ) -> Outcome {
        match family {
            Family::V4 => self.handle_as::<Ipv4Address>(packet, polled, bh),
            Family::V6 => self.handle_as::<Ipv6Address>(packet, polled, bh),
        }
    }

    #[inline(always)]
    fn handle_as<A: Version>(&self, mut packet: SkBuff, polled: bool, bh: &BottomHalf) -> Outcome
    where
        for<'a> KernelContext<'a>: Tables<A>,
    {
        let view = View {
            snapshot: self.config.current.read_bh(bh),
            switch: self,
        };
        let connections4 = self.connections.v4(bh);
        let connections6 = self.connections.v6(bh);
        let now = clock::coarse_milliseconds();
        let half_open_limit = self.tuning.half_open_limit();
        let half_open = connections4.half_open().max(connections6.half_open());
        let context = Context {
            services: &view,
            connections4: &connections4,
            connections6: &connections6,
            fragments: &self.waiting,
            now,
            half_open_limit,
            dry: false,
            stateless: self.is_stateless(half_open, half_open_limit, now),
        };
        match decide::<A, _, _, _, _>(&context, &mut packet) {
            Verdict::Forward(forward) => self.forward(packet, &forward, polled, bh),
            Verdict::First(forward, key) => {
                self.forward(packet, &forward, polled, bh);
                self.release_waiting(key, bh);
            }
            Verdict::Hold(key) => self.hold(packet, key, polled, bh),
            Verdict::Pass => return self.pass(packet, polled, bh),
            Verdict::Answer(reason) => self.answer(packet, reason, bh),
            Verdict::Message(to, reason) => self.message(packet, to, reason, bh),
            Verdict::Report(report) => self.report::<A>(packet, report, bh),
            Verdict::Drop(reason) => self.drop_packet(packet, reason),
        }
        Outcome::Consumed
    }

    /// Counts a packet that was lost on its way to us.
    pub(crate) fn lost(&self) {
        if let Some(counters) = self.counters.this() {
            counters.received.add(1);
            counters.dropped(DropReason::NoMemory);
            trace::dropped_noted(None, DropReason::NoMemory);
        }
    }

    /// Sends back what a packet was turned into.
    #[cold]
    pub(super) fn answer(&self, mut packet: SkBuff, reason: Option<DropReason>, bh: &BottomHalf) {
        let noted = trace::noted_answer(&mut packet);
        self.count_sent(packet.send_back(bh), reason, noted);
    }

    /// Counts a message that was sent or not: for `reason`, if there is one, else as sent on. What
    /// was `noted` of it is told.
    pub(super) fn count_sent(
        &self,
        result: Result<(), DropReason>,
        reason: Option<DropReason>,
        noted: Option<Dropped>,
    ) {
        match (result, reason) {
            (Err(reason), _) | (Ok(()), Some(reason)) => {
                trace::dropped_noted(noted, reason);
                self.count_drop(reason);
            }
            (Ok(()), None) => {
                if let Some(counters) = self.counters.this() {
                    counters.forwarded.add(1);
                }
            }
        }
    }
}
