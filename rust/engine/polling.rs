// SPDX-License-Identifier: GPL-2.0

//! The packet engine's loop over its queues: Fig. 5 of the patent.

use kernel::{
    sync::Arc,
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
};

use super::{
    queue::Queue,
    types::{
        Policy,
        QueueState, //
    },
};
use crate::net::{
    irq::DisabledIrq,
    napi::{
        Napi,
        Untaken, //
    },
};

/// Packets taken from one queue before the next queue has its turn: NAPI's own weight.
const BUDGET: u16 = 64;

/// What the engine holds of a queue while it polls it.
struct Taken {
    // The interrupt is enabled again before the instance is given back: fields drop in order, and
    // a driver that waits for the instance frees the interrupt next.
    _irq: Option<DisabledIrq>,
    napi: Napi,
    last_packet: Instant<Monotonic>,
    packets: bool,
}

/// A queue in the hands of the engine's thread.
pub(super) struct Polling {
    queue: Arc<Queue>,
    taken: Option<Taken>,
    /// Handovers on end that brought no packet.
    fruitless: u32,
    /// No handover before this.
    pause: Option<Pause>,
}

/// How long traffic is left to interrupts after handovers that brought nothing: the driver goes
/// round its queue's NAPI (veth does, while its peer has TSO on), or packets are few and far
/// between, for which interrupts are better anyway.
struct Pause {
    since: Instant<Monotonic>,
    length: Delta,
}

/// What one turn of a queue has shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There were packets, or there is something to be done soon: no time to sleep.
    Active,
    /// The queue is polled and was empty.
    Idle,
    /// The queue is with its interrupts; the engine will be woken.
    Resting,
    /// The queue is left to its interrupts for a while although there is traffic.
    Pausing,
    /// The queue cannot be had now, and nobody will say when it can.
    Absent,
    /// The queue has been given back for good.
    Gone,
}

/// Twice the idle time after the first fruitless handover, doubled with each, a tenth of a second
/// at most.
fn pause_after(fruitless: u32, idle_timeout: Delta) -> Delta {
    let micros = idle_timeout.as_micros_ceil().max(1);
    let factor = 1i64 << fruitless.min(16);
    Delta::from_micros(micros.saturating_mul(factor).min(100_000))
}

impl Polling {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            taken: None,
            fruitless: 0,
            pause: None,
        }
    }

    /// The queue.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Steps 102 to 112: polls once and hands what is there to the filter, which the stack calls
    /// for each packet.
    pub(super) fn turn(&mut self) -> Turn {
        if self.queue.is_leaving() {
            self.give_back(QueueState::Interrupt);
            return Turn::Gone;
        }
        let Some(taken) = &mut self.taken else {
            return self.take();
        };
        if taken.napi.is_wanted_back() {
            // The device goes down or changes its queues.
            self.give_back(QueueState::Absent);
            return Turn::Absent;
        }
        let packets = taken.napi.poll(BUDGET);
        self.queue.polls.add(1);
        if packets > 0 {
            self.queue.packets.add(u64::from(packets));
            taken.packets = true;
            if self.queue.policy == Policy::Adaptive {
                taken.last_packet = Instant::now();
            }
            return Turn::Active;
        }
        if self.queue.policy == Policy::Adaptive
            && taken.last_packet.elapsed() > self.queue.idle_timeout
        {
            self.fruitless = if taken.packets {
                0
            } else {
                self.fruitless.saturating_add(1)
            };
            self.pause = (self.fruitless > 0).then(|| Pause {
                since: Instant::now(),
                length: pause_after(self.fruitless, self.queue.idle_timeout),
            });
            self.queue.take_traffic();
            self.give_back(QueueState::Interrupt);
            return Turn::Resting;
        }
        Turn::Idle
    }

    fn take(&mut self) -> Turn {
        if self.queue.policy == Policy::Adaptive && self.queue.state() == QueueState::Interrupt {
            if !self.queue.has_traffic() {
                return Turn::Resting;
            }
            if self.is_pausing() {
                return Turn::Pausing;
            }
        }
        match Napi::take(&self.queue.device, self.queue.index) {
            Ok(napi) => {
                let irq = napi.irq().map(DisabledIrq::new);
                self.queue.set_state(
                    QueueState::Polled,
                    irq.as_ref().map_or(0, DisabledIrq::number),
                );
                self.queue.take_traffic();
                self.queue.handovers.add(1);
                self.taken = Some(Taken {
                    _irq: irq,
                    napi,
                    last_packet: Instant::now(),
                    packets: false,
                });
                Turn::Active
            }
            Err(Untaken::Busy) => Turn::Active,
            Err(Untaken::Absent) => {
                self.queue.set_state(QueueState::Absent, 0);
                Turn::Absent
            }
        }
    }

    fn is_pausing(&self) -> bool {
        self.pause
            .as_ref()
            .is_some_and(|pause| pause.since.elapsed() < pause.length)
    }

    fn give_back(&mut self, state: QueueState) {
        // The state first: the packets that softirq finds are to count as come by interrupt.
        self.queue.set_state(state, 0);
        self.taken = None;
    }

    /// Whether it would be wrong to sleep now.
    pub(super) fn wants_attention(&self) -> bool {
        self.queue.is_leaving()
            || self.taken.is_some()
            || (self.queue.state() == QueueState::Interrupt
                && self.queue.has_traffic()
                && !self.is_pausing())
    }
}
