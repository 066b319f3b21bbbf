// SPDX-License-Identifier: GPL-2.0

//! A claimed device as its packets see it.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    queue::Queue,
    set::Waker,
    types::QueueState, //
};
use crate::{
    core::tuple::{
        Family,
        Ipv4Address,
        Ipv6Address, //
    },
    net::{
        bh::BottomHalf,
        rx_handler::{
            Outcome,
            RxHandler, //
        },
        skb::{
            ReceiveQueue,
            SkBuff, //
        }, //
    },
    switch::Switch, //
};

/// A claimed queue and what wakes its engine, if it has one.
pub(crate) struct Lane {
    pub(crate) queue: Arc<Queue>,
    pub(crate) waker: Option<Waker>,
}

impl Lane {
    /// Lets the engine that waits for traffic hear of a packet of this queue, if one does.
    #[inline(always)]
    fn note(&self) {
        if self.queue.state() != QueueState::Polled && self.queue.note_traffic() {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

/// What stands between a claimed device and the protocols.
pub(crate) struct Port {
    pub(crate) switch: Arc<Switch>,
    pub(crate) lanes: KVec<Lane>,
}

impl Port {
    /// Wakes the engines of all lanes: something about the device has changed.
    pub(crate) fn wake(&self) {
        for waker in self.lanes.iter().filter_map(|lane| lane.waker.as_ref()) {
            waker.wake();
        }
    }

    /// Lets the engines that wait for traffic hear of a packet of this queue, if it came by
    /// interrupt.
    #[inline(always)]
    fn note(&self, queue: ReceiveQueue) {
        match self.lane(queue) {
            Some(lane) => lane.note(),
            None => self.note_all(queue),
        }
    }

    /// The same for all lanes that it may have come by.
    #[inline(never)]
    fn note_all(&self, queue: ReceiveQueue) {
        self.lanes_of(queue).for_each(Lane::note);
    }

    /// Whether a packet of this queue was polled by an engine.
    #[inline(never)]
    fn was_polled(&self, queue: ReceiveQueue) -> bool {
        self.lanes_of(queue)
            .any(|lane| lane.queue.state() == QueueState::Polled)
    }

    /// The lane of a queue, if that is soon told: usually all are claimed, each at its own place, or
    /// there is only one.
    #[inline(always)]
    fn lane(&self, queue: ReceiveQueue) -> Option<&Lane> {
        match queue.number() {
            Some(queue) => self
                .lanes
                .get(queue as usize)
                .filter(|lane| lane.queue.index == queue),
            None if self.lanes.len() == 1 => self.lanes.first(),
            None => None,
        }
    }

    /// The lanes that a packet may have come by: of a driver that does not say which queue it was,
    /// all.
    fn lanes_of(&self, queue: ReceiveQueue) -> impl Iterator<Item = &Lane> {
        let queue = queue.number();
        self.lanes
            .iter()
            .filter(move |lane| queue.is_none_or(|queue| queue == lane.queue.index))
    }
}

impl RxHandler for Port {
    #[inline(always)]
    fn handle(&self, packet: SkBuff, bh: &BottomHalf) -> Outcome {
        self.note(packet.receive_queue());
        let polled = |queue| self.was_polled(queue);
        if !packet.is_for_us() {
            return Outcome::Pass(packet);
        }
        match packet.family() {
            Some(Family::V4) => self.switch.receive::<Ipv4Address>(packet, polled, bh),
            Some(Family::V6) => self.switch.receive::<Ipv6Address>(packet, polled, bh),
            None => Outcome::Pass(packet),
        }
    }

    fn lost(&self, _bh: &BottomHalf) {
        self.switch.lost();
    }
}
