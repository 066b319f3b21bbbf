// SPDX-License-Identifier: GPL-2.0

//! What sockets send through `yard0`: routed, and sent by the right device (Fig. 8).

use super::Switch;
use crate::{
    core::{
        drop_reason::DropReason,
        packet::Packet,
        tuple::Ipv4Address, //
    },
    net::{
        bh::BottomHalf,
        skb::SkBuff, //
    },
};

impl Switch {
    /// Routes a packet, its data beginning at the link-layer header, and sends it.
    pub(crate) fn send_outgoing(&self, mut packet: SkBuff, bh: &BottomHalf) {
        if !packet.is_ipv4() || !packet.pull_link_header() {
            self.drop_packet(packet, DropReason::NoRoute);
            return;
        }
        let destination = packet
            .peek(20)
            .and_then(|header| header.get(16..20))
            .and_then(|address| <[u8; 4]>::try_from(address).ok());
        let Some(destination) = destination else {
            self.drop_packet(packet, DropReason::IpHeader);
            return;
        };
        match self.send(packet, Ipv4Address::from_octets(destination), bh) {
            Ok(()) => {
                if let Some(counters) = self.counters.this() {
                    counters.local_out.add(1);
                }
            }
            Err(reason) => self.count_drop(reason),
        }
    }
}
