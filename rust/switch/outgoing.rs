// SPDX-License-Identifier: GPL-2.0

//! What sockets send through `yard0`: routed, and sent by the right device (Fig. 8).

use kernel::sync::rcu;

use super::{
    trace,
    Switch, //
};
use crate::{
    core::drop_reason::DropReason,
    net::{
        bh::BottomHalf,
        skb::SkBuff, //
    },
};

impl Switch {
    /// Routes a packet, its data beginning at the link-layer header, and sends it.
    pub(crate) fn send_outgoing(&self, mut packet: SkBuff, bh: &BottomHalf) {
        // The stack calls packet handlers under it, but nobody does for an engine; the neighbour
        // table wants it in name, though disabled bottom halves are as good.
        let _guard = rcu::read_lock();
        if packet.family().is_none() || !packet.pull_link_header() {
            self.drop_packet(packet, DropReason::NoRoute);
            return;
        }
        let Some(destination) = packet.destination_address() else {
            self.drop_packet(packet, DropReason::IpHeader);
            return;
        };
        let hop = match self.hop(&packet, destination, bh) {
            Ok(hop) => hop,
            Err(reason) => return self.drop_packet(packet, reason),
        };
        if !packet.fits(hop.mtu()) {
            // The sockets' own route has to know the way's MTU; see the guide.
            return self.drop_packet(packet, DropReason::TooBig);
        }
        let noted = trace::noted(&mut packet);
        match packet.send(&hop, bh) {
            Ok(()) => {
                if let Some(counters) = self.counters.this() {
                    counters.local_out.add(1);
                }
            }
            Err(reason) => {
                trace::dropped_noted(noted, reason);
                self.count_drop(reason);
            }
        }
    }
}
