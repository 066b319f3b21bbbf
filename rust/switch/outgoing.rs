// SPDX-License-Identifier: GPL-2.0

//! What sockets send through `yard0`: routed, and sent by the right device (Fig. 8).

use super::{
    trace,
    Switch, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        tuple::{
            Family,
            IpAddress,
            Ipv4Address,
            Ipv6Address, //
        },
    },
    filter::{
        Report,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
        route_cache::NextHop,
        skb::SkBuff, //
    },
};

impl Switch {
    /// Routes a packet, its data beginning at the link-layer header, and sends it.
    pub(crate) fn send_outgoing(&self, mut packet: SkBuff, bh: &BottomHalf) {
        let family = match packet.family() {
            Some(family) if packet.pull_link_header() => family,
            _ => return self.drop_packet(packet, DropReason::NoRoute),
        };
        let Some(destination) = packet.destination_address() else {
            self.drop_packet(packet, DropReason::IpHeader);
            return;
        };
        let hop = match self.hop(&packet, destination, bh) {
            Ok(hop) => hop,
            Err(reason) => return self.drop_packet(packet, reason),
        };
        let noted = trace::noted(&mut packet);
        let result = if packet.fits(hop.mtu()) {
            packet.send(&hop, bh)
        } else {
            match family {
                Family::V4 => self.too_big_outgoing::<Ipv4Address>(packet, destination, &hop, bh),
                Family::V6 => self.too_big_outgoing::<Ipv6Address>(packet, destination, &hop, bh),
            }
        };
        match result {
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

    /// What becomes of a packet that is longer than its way takes: fragments if its sender allows
    /// that; else the socket is told as by a router on the way, so that the kernel remembers the
    /// path's MTU for it.
    #[cold]
    #[inline(never)]
    fn too_big_outgoing<A: Version>(
        &self,
        mut packet: SkBuff,
        destination: IpAddress,
        hop: &NextHop<'_>,
        bh: &BottomHalf,
    ) -> Result<(), DropReason> {
        if A::may_be_fragmented(&mut packet) {
            return packet.send_in_fragments(destination, hop, bh);
        }
        let report = Report::TooBig(hop.mtu());
        // A message that seemed to come from an address of this machine's own would not be
        // believed.
        let turned = self.reports.take(clock::coarse_milliseconds())
            && A::from_ip(destination).is_some_and(|from| report.turn(&mut packet, from));
        match self.yard.read_bh(bh) {
            Some(yard) if turned => {
                packet.forget_sender();
                // Through the ring, as the sender's socket may be locked now.
                self.hand_over(packet, yard);
            }
            _ => packet.discard(report.reason()),
        }
        Err(report.reason())
    }
}
