// SPDX-License-Identifier: GPL-2.0

//! The way of the usual packet: what [`super::receive`] does in general is done here in a few
//! hundred instructions, for those of known connections about which nothing is special.

use super::{
    trace,
    Switch, //
};
use crate::{
    config::Destination,
    connections::{
        Held,
        Table, //
    },
    core::{
        packet::Packet as _,
        tuple::{
            IpAddress,
            Ipv4Address,
            Ipv6Address, //
        },
    },
    filter::{
        express,
        Express,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
        route_cache::Way,
        skb::SkBuff, //
    },
    stats::CpuCounters, //
};

/// A family whose connections the switch has a table of.
pub(super) trait Tabled: Version + Held {
    /// The connections of its clients.
    fn table<'a>(switch: &'a Switch, bh: &'a BottomHalf) -> Table<'a, Self>;
}

impl Tabled for Ipv4Address {
    #[inline(always)]
    fn table<'a>(switch: &'a Switch, bh: &'a BottomHalf) -> Table<'a, Self> {
        switch.connections.v4(bh)
    }
}

impl Tabled for Ipv6Address {
    #[inline(always)]
    fn table<'a>(switch: &'a Switch, bh: &'a BottomHalf) -> Table<'a, Self> {
        switch.connections.v6(bh)
    }
}

impl Switch {
    /// Sends a packet on that is a usual one; else gives it back as it was.
    #[inline(always)]
    pub(super) fn express<A: Tabled>(
        &self,
        mut packet: SkBuff,
        own: &CpuCounters,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        match packet.usual_head(A::USUAL_HEAD as u32) {
            Some(head) if A::seems_tcp(head) => self.express_of::<A, true>(packet, own, bh),
            Some(_) => self.express_of::<A, false>(packet, own, bh),
            None => Err(packet),
        }
    }

    /// The same for one of TCP, or of UDP.
    #[inline(always)]
    fn express_of<A: Tabled, const TCP: bool>(
        &self,
        mut packet: SkBuff,
        own: &CpuCounters,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len() as usize;
        let head = packet.usual_head(A::USUAL_HEAD as u32);
        let Some(glance) = head.and_then(|head| A::glance::<TCP>(head, len)) else {
            return Err(packet);
        };
        let table = A::table(self, bh);
        let now = clock::coarse_milliseconds();
        let snapshot = self.config.current.read_bh(bh);
        if let Some(found) = express::<A, _, _, TCP, false>(snapshot, &table, glance, now) {
            return self.set_out(packet, &found, own, bh);
        }
        match express::<A, _, _, TCP, true>(snapshot, &table, glance, now) {
            Some(found) => self.set_out(packet, &found, own, bh),
            None => Err(packet),
        }
    }

    /// Rewrites a packet and sends it, if its way is known and takes it as it is.
    #[inline(always)]
    fn set_out<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        mut packet: SkBuff,
        found: &Express<'_, A, Destination, TCP, REPLY>,
        own: &CpuCounters,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len();
        let Some(way) = self.known_way(&packet, found.next().into(), bh) else {
            return Err(packet);
        };
        let state = packet.checksum_state();
        let head = packet.usual_head(A::USUAL_HEAD as u32);
        if len > way.mtu() || !head.is_some_and(|head| found.rewrite(head, state)) {
            return Err(packet);
        }
        match packet.send_by(&way, bh) {
            Ok(()) => {
                let (destination, direction) = (found.destination, found.direction());
                destination.count(direction, u64::from(len), &own.traffic, bh);
                own.forwarded.add(1);
            }
            Err(reason) => {
                trace::dropped_express(found, len, reason);
                own.dropped(reason);
            }
        }
        Ok(())
    }

    /// The way to an address, if this CPU remembers it.
    #[inline(always)]
    fn known_way<'a>(
        &self,
        packet: &SkBuff,
        next: IpAddress,
        bh: &'a BottomHalf,
    ) -> Option<Way<'a>> {
        let net = packet.device(bh).namespace_bh(bh);
        self.routes.own(bh)?.known(net, next, bh)
    }
}
