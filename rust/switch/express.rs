// SPDX-License-Identifier: GPL-2.0

//! The way of the usual packet: what [`super::receive`] does in general is done here in a few
//! hundred instructions, for those of known connections about which nothing is special.

use ::core::marker::PhantomData;

use super::Switch;
use crate::{
    config::{
        Destination,
        Traffic, //
    },
    connections::{
        Held,
        Table, //
    },
    core::{
        connections::{
            Missing,
            Reach,
            Steady,
            Treatment, //
        },
        drop_reason::DropReason,
        packet::Packet as _,
        tuple::{
            IpAddress,
            Ipv4Address,
            Ipv6Address,
            Protocol, //
        },
    },
    filter::{
        express::{
            goes_on,
            look, //
        },
        opening::may_open,
        AsItIs,
        Change,
        Express,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
        namespace::Namespace,
        route_cache::{
            Kept,
            Way, //
        },
        skb::SkBuff,
        skb_head::{
            Length,
            WithHead, //
        },
        trace, //
    }, //
};

/// A family whose connections the switch has a table of.
pub(crate) trait Tabled: Version + Held {
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

const TCP: u8 = Protocol::Tcp.number();
const UDP: u8 = Protocol::Udp.number();

/// What the express way looks at of a packet.
pub(super) struct Usual<A>(PhantomData<A>);

impl<A: Version> Length for Usual<A> {
    const LENGTH: u32 = A::USUAL_HEAD as u32;
}

impl Switch {
    /// Sends a packet on that is a usual one, and counts it; else gives it back as it was.
    #[inline(always)]
    pub(super) fn express<A: Tabled>(&self, packet: SkBuff, bh: &BottomHalf) -> Result<(), SkBuff> {
        // The general way can tell of each packet that does not leave.
        if trace::wants_drops() {
            return Err(packet);
        }
        let mut packet = WithHead::new(packet)?;
        match A::next_protocol(packet.head()) {
            Some(TCP) => self.express_of::<A, true>(packet, bh),
            Some(UDP) => self.express_of::<A, false>(packet, bh),
            _ => Err(packet.into_packet()),
        }
    }

    /// The same for one of TCP, or of UDP.
    #[inline(always)]
    fn express_of<A: Tabled, const TCP: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len() as usize;
        if !A::is_usual(packet.head(), len, goes_on::<TCP>) {
            return self.express_unusual::<A, TCP>(packet, bh);
        }
        match self.look::<A, TCP, false>(packet.head(), Reach::Home, bh) {
            Ok(steady) => self.set_out::<A, TCP, false>(packet, steady, bh),
            Err(missing) => self.express_reply::<A, TCP>(packet, missing, bh),
        }
    }

    /// The same for one that does not just go on.
    #[cold]
    #[inline(never)]
    fn express_unusual<A: Tabled, const TCP: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len() as usize;
        if TCP && A::is_usual(packet.head(), len, may_open::<TCP>) {
            return self.express_opening::<A, TCP>(packet, bh);
        }
        Err(packet.into_packet())
    }

    /// The same for one to a client. Apart, so that neither has to keep anything for the other.
    #[inline(never)]
    fn express_reply<A: Tabled, const TCP: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        forward: Missing,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        match self.look::<A, TCP, true>(packet.head(), Reach::Home, bh) {
            Ok(steady) => self.set_out::<A, TCP, true>(packet, steady, bh),
            Err(reply) if forward.beyond || reply.beyond => self.express_far::<A, TCP>(packet, bh),
            Err(_) if !TCP => self.express_opening::<A, TCP>(packet, bh),
            Err(_) => Err(packet.into_packet()),
        }
    }

    /// The same for one whose connection is not where it usually is.
    #[cold]
    #[inline(never)]
    fn express_far<A: Tabled, const TCP: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        if let Ok(steady) = self.look::<A, TCP, false>(packet.head(), Reach::All, bh) {
            return self.set_out::<A, TCP, false>(packet, steady, bh);
        }
        match self.look::<A, TCP, true>(packet.head(), Reach::All, bh) {
            Ok(steady) => self.set_out::<A, TCP, true>(packet, steady, bh),
            Err(_) => Err(packet.into_packet()),
        }
    }

    /// Looks for the connection of a usual packet that begins with `head`.
    #[inline(always)]
    fn look<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        head: &[u8],
        reach: Reach,
        bh: &BottomHalf,
    ) -> Result<Steady<A>, Missing> {
        let table = A::table(self, bh);
        let now = clock::coarse_milliseconds;
        look::<A, _, TCP, REPLY>(&table, head, reach, now)
    }

    /// Changes a packet of a connection and sends it, if its way is known and takes it as it is.
    #[inline(always)]
    fn set_out<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        packet: WithHead<Usual<A>>,
        steady: Steady<A>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        // Each of the two compiled for itself.
        let id = steady.destination_id;
        match steady.treatment() {
            Treatment::Translated(to) => self.set_out_by::<A, TCP, REPLY>(packet, id, to, bh),
            Treatment::Direct => self.set_out_by::<A, TCP, REPLY>(packet, id, AsItIs, bh),
            Treatment::Other => Err(packet.into_packet()),
        }
    }

    /// The same with this change.
    #[inline(always)]
    fn set_out_by<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        packet: WithHead<Usual<A>>,
        destination_id: u32,
        change: impl Change<A>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let services = self.config.current.read_bh(bh);
        match Express::<_, TCP, REPLY>::new(services, destination_id) {
            Some(found) => self.set_out_to(packet, found, change, bh),
            None => Err(packet.into_packet()),
        }
    }

    /// The same to or from this destination.
    #[inline(always)]
    fn set_out_to<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        found: Express<'_, Destination, TCP, REPLY>,
        change: impl Change<A>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let Some((counters, kept)) = found.destination.own(bh) else {
            return Err(packet.into_packet());
        };
        // The way to a destination is beside its counts, that to a client among all addresses.
        let net = packet.device(bh).namespace_bh(bh);
        let remembered;
        let kept = if REPLY {
            let next = found.next::<A>(packet.head());
            remembered = next.and_then(|next| self.remembered(net, next, bh));
            match &remembered {
                Some(kept) => kept,
                None => return Err(packet.into_packet()),
            }
        } else {
            kept
        };
        let Some(way) = kept.way(net, A::FAMILY, bh) else {
            if !REPLY {
                // For the next one.
                self.keep_way(net, found.next::<A>(packet.head()), kept, bh);
            }
            return Err(packet.into_packet());
        };
        if packet.len() > way.mtu() {
            return Err(packet.into_packet());
        }
        self.leave(packet, found, change, counters, &way, bh)
    }

    /// Changes a packet and sends it by this way, which takes it.
    #[inline(always)]
    pub(super) fn leave<A: Tabled, const TCP: bool, const REPLY: bool>(
        &self,
        mut packet: WithHead<Usual<A>>,
        found: Express<'_, Destination, TCP, REPLY>,
        change: impl Change<A>,
        counters: &Traffic,
        way: &Way<'_>,
        bh: &BottomHalf,
    ) -> Result<(), SkBuff> {
        let len = packet.len();
        let state = packet.checksum_state();
        if !found.change(packet.head(), state, change) {
            return Err(packet.into_packet());
        }
        let sent = packet.into_packet().send_by(way, bh);
        if let Err(reason) = sent {
            self.express_lost(reason);
            return Ok(());
        }
        if let Some(own) = self.counters.own(bh) {
            counters.count(found.direction(), u64::from(len));
            own.traffic.count(found.direction(), u64::from(len));
            own.forwarded.add(1);
            own.received.add(1);
        }
        Ok(())
    }

    /// Counts a packet that could not be sent. Nobody wants to be told of it.
    #[cold]
    #[inline(never)]
    fn express_lost(&self, reason: DropReason) {
        if let Some(own) = self.counters.this() {
            own.received.add(1);
            own.dropped(reason);
        }
    }

    /// Looks for the way to a destination among all addresses, and keeps it beside the counts.
    #[cold]
    #[inline(never)]
    pub(super) fn keep_way(
        &self,
        net: &Namespace,
        next: Option<IpAddress>,
        kept: &Kept,
        bh: &BottomHalf,
    ) {
        if let Some(way) = next.and_then(|next| self.remembered(net, next, bh)) {
            kept.set(&way);
        }
    }

    /// The way to an address, if this CPU remembers it.
    #[inline(always)]
    fn remembered(&self, net: &Namespace, next: IpAddress, bh: &BottomHalf) -> Option<Kept> {
        self.routes.own(bh)?.known(net, next)
    }
}
