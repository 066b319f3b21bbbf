// SPDX-License-Identifier: GPL-2.0

//! The way of a received packet: filter, route, transmission (Figs. 5 and 6).

use super::Switch;
use crate::{
    config::Snapshot,
    core::{
        connection::Connection,
        drop_reason::DropReason,
        packet::Packet,
        tuple::{
            Address,
            Direction,
            Endpoint,
            Protocol, //
        },
    },
    filter::{
        self,
        Context,
        Forward,
        Services,
        Verdict, //
    },
    net::{
        bh::BottomHalf,
        percpu,
        route,
        rx_handler::Outcome,
        skb::SkBuff, //
    },
};

/// The configuration as the filter consults it, with what the switch keeps account of.
struct View<'a> {
    snapshot: &'a Snapshot,
    switch: &'a Switch,
}

impl Services for View<'_> {
    type Service = <Snapshot as Services>::Service;

    fn service(&self, protocol: Protocol, endpoint: Endpoint) -> Option<&Self::Service> {
        Services::service(self.snapshot, protocol, endpoint)
    }

    fn is_service_address(&self, address: Address) -> bool {
        self.snapshot.is_service_address(address)
    }

    fn opened(&self, connection: &Connection) {
        self.snapshot.opened(connection);
        if let Some(counters) = self.switch.counters.this() {
            counters.connections.add(1);
        }
    }

    fn closed(&self, connection: &Connection) {
        self.snapshot.closed(connection);
    }
}

impl Switch {
    /// Handles an IPv4 packet that a claimed device received, its data beginning at the IP header.
    pub(crate) fn receive(&self, mut packet: SkBuff, polled: bool, bh: &BottomHalf) -> Outcome {
        let Some(counters) = self.counters.this() else {
            return Outcome::Pass(packet);
        };
        counters.received.add(1);
        let snapshot = self.config.current.read_bh(bh);
        let view = View {
            snapshot,
            switch: self,
        };
        let verdict = filter::filter(
            &Context {
                services: &view,
                connections: self.connections.table(),
                now: route::coarse_milliseconds(),
            },
            &mut packet,
        );
        match verdict {
            Verdict::Forward(forward) => {
                count(snapshot, &forward);
                match self.send(packet, forward.next, bh) {
                    Ok(()) => counters.forwarded.add(1),
                    Err(reason) => counters.dropped(reason),
                }
            }
            Verdict::Pass => return self.pass(packet, polled, bh),
            Verdict::Reply(_) => match packet.send_back(bh) {
                Ok(()) => counters.dropped(DropReason::ResetSent),
                Err(reason) => counters.dropped(reason),
            },
            Verdict::Drop(reason) => self.drop_packet(packet, reason),
        }
        Outcome::Consumed
    }

    /// Counts a packet that was lost on its way to us.
    pub(crate) fn lost(&self) {
        if let Some(counters) = self.counters.this() {
            counters.received.add(1);
            counters.dropped(DropReason::NoMemory);
        }
    }

    /// Routes a packet and sends it.
    pub(super) fn send(
        &self,
        packet: SkBuff,
        next: Address,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        let net = packet.device(bh).namespace_bh(bh);
        let yard = self
            .yard
            .read_bh(bh)
            .as_ref()
            .map_or(0, |yard| yard.device().ifindex());
        let hop = self
            .routes
            .with(bh, |routes| routes.resolve(net, next, yard, bh))
            .unwrap_or(Err(DropReason::NoRoute));
        match hop {
            Ok(hop) => packet.send(&hop, bh),
            Err(reason) => {
                packet.discard(reason);
                Err(reason)
            }
        }
    }

    /// What is none of ours: for `yard0` if it has the address (Fig. 8), else for the ordinary
    /// stack.
    fn pass(&self, mut packet: SkBuff, polled: bool, bh: &BottomHalf) -> Outcome {
        let counters = self.counters.this();
        if let Some(yard) = self.yard.read_bh(bh) {
            let net = packet.device(bh).namespace_bh(bh);
            let address = packet
                .peek(20)
                .and_then(|header| header.get(16..20))
                .and_then(|address| <[u8; 4]>::try_from(address).ok());
            if address.is_some_and(|address| route::is_local_to(net, address, yard.device(), bh))
                && yard.device().is_up()
            {
                if let Some(counters) = counters {
                    counters.local_in.add(1);
                }
                packet.redirect_to(yard.device());
                if !polled {
                    // This is a control CPU: no need to hand it to another.
                    yard.count_received(&packet);
                    return Outcome::Another(packet);
                }
                let cpu = percpu::this_cpu();
                match self.rings.deliver(cpu, packet) {
                    Ok(Some(control)) => yard.notify(cpu, control),
                    Ok(None) => {}
                    Err(packet) => self.drop_packet(packet, DropReason::RingFull),
                }
                return Outcome::Consumed;
            }
        }
        if let Some(counters) = counters {
            counters.passed.add(1);
        }
        Outcome::Pass(packet)
    }
}

/// Counts a forwarded packet for its service and destination, if these still are.
fn count(snapshot: &Snapshot, forward: &Forward) {
    let bytes = u64::try_from(forward.length).unwrap_or(0);
    let both = [
        snapshot.service_counters(forward.service_id),
        snapshot.destination_counters(forward.destination_id),
    ];
    for traffic in both.into_iter().flatten().filter_map(|both| both.this()) {
        match forward.direction {
            Direction::Forward => traffic.inbound(bytes),
            Direction::Reply => traffic.outbound(bytes),
        }
    }
}
