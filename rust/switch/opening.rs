// SPDX-License-Identifier: GPL-2.0

//! The express way of packets that open a connection.

use super::{
    express::{
        Tabled,
        Usual, //
    },
    Switch, //
};
use crate::{
    core::{
        connections::{
            Connections as _,
            Treatment, //
        },
        tuple::Protocol,
    },
    filter::{
        opening::{
            is_no_reply,
            Opening, //
        },
        AsItIs, //
    },
    net::{
        bh::BottomHalf,
        clock,
        skb::SkBuff,
        skb_head::WithHead,
        trace, //
    },
};

impl Switch {
    /// Opens the connection that a usual packet of no known one asks for and sends the packet on; else
    /// gives it back as it was, and nothing has become of it.
    #[inline(never)]
    pub(super) fn express_opening<A: Tabled, const TCP: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        // The general way can tell of each.
        if trace::wants_connections() {
            return Err(packet.into_packet());
        }
        let table = A::table(self, bh);
        // Whether a UDP packet is one was looked up.
        if TCP
            && (table.half_open() >= self.tuning.half_open_limit()
                || !is_no_reply::<A, _>(&table, packet.head(), Protocol::Tcp))
        {
            return Err(packet.into_packet());
        }
        let services = self.config.current.read_bh(bh);
        let Some(opening) = Opening::new::<_, TCP>(services, packet.head()) else {
            return Err(packet.into_packet());
        };
        let (found, destination) = (opening.express::<TCP>(), opening.destination);
        let Some((counters, kept)) = destination.own(bh) else {
            return Err(packet.into_packet());
        };
        let net = packet.device(bh).namespace_bh(bh);
        let Some(way) = kept.way(net, A::FAMILY, bh) else {
            // For the next one.
            self.keep_way(net, found.next::<A>(packet.head()), kept, bh);
            return Err(packet.into_packet());
        };
        // From here on nothing can go wrong.
        if packet.len() > way.mtu()
            || !opening.enter::<_, TCP>(&table, clock::coarse_milliseconds())
        {
            return Err(packet.into_packet());
        }
        destination.opened(counters, opening.state::<TCP>());
        if let Some((service, _)) = opening.service.counters().own(bh) {
            service.opened();
        }
        if let Some(own) = self.counters.own(bh) {
            own.traffic.opened();
        }
        match opening.treatment() {
            Treatment::Translated(to) => self.leave(packet, found, to, counters, &way, bh),
            _ => self.leave(packet, found, AsItIs, counters, &way, bh),
        }
    }
}
