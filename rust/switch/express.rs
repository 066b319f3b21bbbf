// SPDX-License-Identifier: GPL-2.0

//! The way of the usual packet: what [`super::receive`] does in general is done here in a few
//! hundred instructions, for those of known connections about which nothing is special.

use super::Switch;
use crate::{
    connections::{
        Held,
        Table, //
    },
    core::{
        packet::Packet as _,
        tuple::{
            Direction,
            Ipv4Address,
            Ipv6Address, //
        },
    },
    filter::{
        express,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
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
        packet: SkBuff,
        own: &CpuCounters,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let packet = match self.express_to::<A>(packet, Direction::Forward, own, bh) {
            Err(packet) => packet,
            done => return done,
        };
        self.express_to::<A>(packet, Direction::Reply, own, bh)
    }

    /// The same for one that goes this way.
    #[inline(always)]
    fn express_to<A: Tabled>(
        &self,
        mut packet: SkBuff,
        direction: Direction,
        own: &CpuCounters,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len();
        let state = packet.checksum_state();
        let net = packet.device(bh).namespace_bh(bh);
        let snapshot = self.config.current.read_bh(bh);
        let prepare = |packet: &mut SkBuff| {
            let head = packet.usual_head(A::USUAL_HEAD as u32)?;
            let glance = A::glance(head, len as usize)?;
            let now = clock::coarse_milliseconds();
            let table = A::table(self, bh);
            let express = express(snapshot, &table, direction, glance, now)?;
            let next = express.next().into();
            let way = self.routes.with(bh, |routes| routes.known(net, next, bh))??;
            if len > way.mtu() || !express.rewrite(head, state) {
                return None;
            }
            Some((way, express.destination))
        };
        let Some((way, destination)) = prepare(&mut packet) else {
            return Err(packet);
        };
        match packet.send_by(&way, bh) {
            Ok(()) => {
                destination.count(direction, u64::from(len), &own.traffic, bh);
                own.forwarded.add(1);
            }
            Err(reason) => own.dropped(reason),
        }
        Ok(())
    }
}
