// SPDX-License-Identifier: GPL-2.0

//! A claimed receive queue, as both the control side and its engine know it.

use ::core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{
        AcqRel,
        Acquire,
        Relaxed,
        Release, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Completion, //
    },
    time::Delta, //
};

use super::types::{
    Policy,
    QueueState, //
};
use crate::net::{
    device::NetDevice,
    percpu::Counter, //
};

/// One receive queue of a claimed device (Fig. 5: what one switching CPU polls).
#[pin_data]
pub(crate) struct Queue {
    /// The device, whose unregistration makes us let go of it.
    pub(crate) device: ARef<NetDevice>,
    /// The queue's index on its device.
    pub(crate) index: u32,
    /// The switching CPU that polls it, if the policy is to poll.
    pub(crate) cpu: Option<u32>,
    /// How it is attended to.
    pub(crate) policy: Policy,
    /// How long the adaptive policy polls in vain.
    pub(crate) idle_timeout: Delta,
    state: AtomicU32,
    irq: AtomicU32,
    traffic: AtomicBool,
    leaving: AtomicBool,
    #[pin]
    left: Completion,
    /// Polls by the engine. Written by the engine only, as the next two.
    pub(crate) polls: Counter,
    /// Packets that these polls took.
    pub(crate) packets: Counter,
    /// How often the engine took the queue over from interrupts.
    pub(crate) handovers: Counter,
}

impl Queue {
    /// A queue that is with its interrupts.
    pub(crate) fn new(
        device: ARef<NetDevice>,
        index: u32,
        cpu: Option<u32>,
        policy: Policy,
        idle_timeout: Delta,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            device,
            index,
            cpu,
            policy,
            idle_timeout,
            state: AtomicU32::new(QueueState::Interrupt as u32),
            irq: AtomicU32::new(0),
            // The adaptive policy begins as if there were traffic: it tries, then rests.
            traffic: AtomicBool::new(true),
            leaving: AtomicBool::new(false),
            left <- Completion::new(),
            polls: Counter::new(),
            packets: Counter::new(),
            handovers: Counter::new(),
        })
    }

    /// Who attends to it at this moment.
    pub(crate) fn state(&self) -> QueueState {
        match self.state.load(Relaxed) {
            state if state == QueueState::Polled as u32 => QueueState::Polled,
            state if state == QueueState::Absent as u32 => QueueState::Absent,
            _ => QueueState::Interrupt,
        }
    }

    /// Says who attends to it. For its engine.
    pub(super) fn set_state(&self, state: QueueState, irq: u32) {
        self.irq.store(irq, Relaxed);
        self.state.store(state as u32, Relaxed);
    }

    /// The interrupt held disabled, 0 for none.
    pub(crate) fn irq(&self) -> u32 {
        self.irq.load(Relaxed)
    }

    /// Notes that a packet came by interrupt; `true` for the first since the engine looked, upon
    /// which the engine is to be woken. Any context.
    pub(crate) fn note_traffic(&self) -> bool {
        self.policy == Policy::Adaptive
            && self.state.load(Relaxed) != QueueState::Polled as u32
            && !self.traffic.load(Relaxed)
            && !self.traffic.swap(true, AcqRel)
    }

    /// Whether a packet came by interrupt since the last call. For its engine.
    pub(super) fn take_traffic(&self) -> bool {
        self.traffic.load(Acquire) && self.traffic.swap(false, AcqRel)
    }

    /// Whether a packet has come by interrupt. For its engine.
    pub(super) fn has_traffic(&self) -> bool {
        self.traffic.load(Acquire)
    }

    /// Asks the engine to give the queue back for good.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Release);
    }

    /// Whether it is to be given back for good. For its engine.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Acquire)
    }

    /// Tells that the engine will never touch the queue again. For its engine.
    pub(super) fn has_left(&self) {
        self.left.complete_all();
    }

    /// Waits until the engine will never touch the queue again. Sleeps.
    pub(super) fn wait_until_left(&self) {
        self.left.wait_for_completion();
    }
}
