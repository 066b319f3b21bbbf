// SPDX-License-Identifier: GPL-2.0

//! What this machine's own sockets get (Fig. 8), and what the ordinary stack does.

use super::Switch;
use crate::{
    core::drop_reason::DropReason,
    net::{
        bh::BottomHalf,
        percpu,
        pseudo_device::PseudoDevice,
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
                    self.count_local_in();
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
        if polled {
            return self.hand_over(packet, yard);
        }
        self.count_local_in();
        packet.redirect_to(yard.device());
        yard.count_received(&packet);
        packet.receive_again(bh);
    }

    /// Puts a packet into this CPU's ring towards `yard0`. What is in no ring was not handed to the
    /// pseudo device.
    pub(super) fn hand_over(&self, mut packet: SkBuff, yard: &PseudoDevice<Switch>) {
        packet.redirect_to(yard.device());
        let cpu = percpu::this_cpu();
        match self.rings.deliver(cpu, packet) {
            Ok(control) => {
                self.count_local_in();
                if let Some(control) = control {
                    yard.notify(cpu, control);
                }
            }
            Err(packet) => {
                yard.count_lost();
                self.drop_packet(packet, DropReason::RingFull);
            }
        }
    }

    fn count_local_in(&self) {
        if let Some(counters) = self.counters.this() {
            counters.local_in.add(1);
        }
    }
}
