// SPDX-License-Identifier: GPL-2.0

//! What this machine's own sockets get (Fig. 8), and what the ordinary stack does.

use super::Switch;
use crate::{
    core::drop_reason::DropReason,
    net::{
        bh::BottomHalf,
        percpu,
        route,
        rx_handler::Outcome,
        skb::SkBuff, //
    },
};

impl Switch {
    /// What is none of ours: for `yard0` if it has the address, else for the ordinary stack.
    #[inline(never)]
    pub(super) fn pass(&self, mut packet: SkBuff, polled: bool, bh: &BottomHalf) -> Outcome {
        if let Some(yard) = self.yard.read_bh(bh) {
            let net = packet.device(bh).namespace_bh(bh);
            let is_its = packet
                .destination_address()
                .is_some_and(|address| route::is_local_to(net, address, yard.device(), bh));
            if is_its && yard.device().is_up() {
                if !polled {
                    if let Some(counters) = self.counters.this() {
                        counters.local_in.add(1);
                    }
                    packet.redirect_to(yard.device());
                    // This is a control CPU: no need to hand it to another.
                    yard.count_received(&packet);
                    return Outcome::Another(packet);
                }
                self.deliver(packet, polled, bh);
                return Outcome::Consumed;
            }
        }
        if let Some(counters) = self.counters.this() {
            counters.passed.add(1);
        }
        Outcome::Pass(packet)
    }

    /// Hands a packet to the sockets behind `yard0`.
    #[inline(never)]
    pub(super) fn deliver(&self, mut packet: SkBuff, polled: bool, bh: &BottomHalf) {
        let Some(yard) = self
            .yard
            .read_bh(bh)
            .as_ref()
            .filter(|yard| yard.device().is_up())
        else {
            return self.drop_packet(packet, DropReason::NoLocal);
        };
        if let Some(counters) = self.counters.this() {
            counters.local_in.add(1);
        }
        packet.redirect_to(yard.device());
        if !polled {
            yard.count_received(&packet);
            return packet.receive_again(bh);
        }
        let cpu = percpu::this_cpu();
        match self.rings.deliver(cpu, packet) {
            Ok(Some(control)) => yard.notify(cpu, control),
            Ok(None) => {}
            Err(packet) => self.drop_packet(packet, DropReason::RingFull),
        }
    }
}
