// SPDX-License-Identifier: GPL-2.0

//! The way of the usual packet: what [`super::receive`] does in general is done here in a few
//! hundred instructions, for those of known connections about which nothing is special.

use super::Switch;
use crate::{
    config::Destination,
    connections::{
        Held,
        Table, //
    },
    core::{
        packet::{
            ChecksumState,
            Packet as _, //
        },
        tuple::{
            Direction,
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
        namespace::Namespace,
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

/// A packet that is ready to leave.
struct Ready<'a> {
    way: Way<'a>,
    destination: &'a Destination,
    direction: Direction,
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
        let len = packet.len();
        let Some(ready) = self.ready::<A>(&mut packet, len, bh) else {
            return Err(packet);
        };
        match packet.send_by(&ready.way, bh) {
            Ok(()) => {
                ready
                    .destination
                    .count(ready.direction, u64::from(len), &own.traffic, bh);
                own.forwarded.add(1);
            }
            Err(reason) => own.dropped(reason),
        }
        Ok(())
    }

    /// Makes a usual packet ready to leave; `None` for others, which are left as they were.
    #[inline(always)]
    fn ready<'a, A: Tabled>(
        &'a self,
        packet: &mut SkBuff,
        len: u32,
        bh: &'a BottomHalf,
    ) -> Option<Ready<'a>> {
        let state = packet.checksum_state();
        let net = packet.device(bh).namespace_bh(bh);
        let head = packet.usual_head(A::USUAL_HEAD as u32)?;
        let glance = A::glance(head, len as usize)?;
        let table = A::table(self, bh);
        let now = clock::coarse_milliseconds();
        let snapshot = self.config.current.read_bh(bh);
        let mut head = Head { head, len, state };
        if let Some(found) = express::<A, _, _, false>(snapshot, &table, glance, now) {
            return self.set_out(&mut head, &found, net, bh);
        }
        let found = express::<A, _, _, true>(snapshot, &table, glance, now)?;
        self.set_out(&mut head, &found, net, bh)
    }

    /// Finds a packet's way, and rewrites it if that takes it as it is.
    #[inline(always)]
    fn set_out<'a, A: Tabled, const REPLY: bool>(
        &'a self,
        head: &mut Head<'_>,
        found: &Express<'a, A, Destination, REPLY>,
        net: &Namespace,
        bh: &'a BottomHalf,
    ) -> Option<Ready<'a>> {
        let way = self.routes.own(bh)?.known(net, found.next().into(), bh)?;
        if head.len > way.mtu() || !found.rewrite(head.head, head.state) {
            return None;
        }
        Some(Ready {
            way,
            destination: found.destination,
            direction: found.direction(),
        })
    }
}

/// A packet's beginning and what else its rewriting depends on.
struct Head<'a> {
    head: &'a mut [u8],
    len: u32,
    state: ChecksumState,
}
