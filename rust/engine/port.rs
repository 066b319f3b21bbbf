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
    net::{
        bh::BottomHalf,
        rx_handler::{
            Outcome,
            RxHandler, //
        },
        skb::SkBuff, //
    },
    switch::Switch, //
};

/// A claimed queue and what wakes its engine, if it has one.
pub(crate) struct Lane {
    pub(crate) queue: Arc<Queue>,
    pub(crate) waker: Option<Waker>,
}

impl Lane {
    /// Whether a packet of this queue was polled by an engine; else the engine that waits for
    /// traffic hears of it.
    #[inline(always)]
    fn was_polled(&self) -> bool {
        if self.queue.state() == QueueState::Polled {
            return true;
        }
        if self.queue.note_traffic() {
            self.wake();
        }
        false
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

    /// Whether the packet was polled by an engine. If it came by interrupt, the engines that
    /// wait for traffic hear of it.
    #[inline(always)]
    fn was_polled(&self, packet: &SkBuff) -> bool {
        let told = packet.receive_queue();
        // Usually all queues are claimed, each at its own place, or there is only one.
        let lane = match (told, &*self.lanes) {
            (None, [only]) => only,
            (Some(queue), lanes) => match lanes.get(queue as usize) {
                Some(lane) if lane.queue.index == queue => lane,
                _ => return self.look(told),
            },
            _ => return self.look(told),
        };
        lane.was_polled()
    }

    /// The same, by a look at all lanes.
    #[inline(never)]
    fn look(&self, told: Option<u32>) -> bool {
        let mut polled = false;
        for lane in &self.lanes {
            // A driver that does not say which queue it was may mean any of them.
            if told.is_none_or(|queue| queue == lane.queue.index) {
                polled |= lane.was_polled();
            }
        }
        polled
    }
}

impl RxHandler for Port {
    #[inline(always)]
    fn handle(&self, packet: SkBuff, bh: &BottomHalf) -> Outcome {
        let polled = self.was_polled(&packet);
        match packet.family() {
            Some(family) if packet.is_for_us() => self.switch.receive(packet, family, polled, bh),
            _ => Outcome::Pass(packet),
        }
    }

    fn lost(&self, _bh: &BottomHalf) {
        self.switch.lost();
    }
}
