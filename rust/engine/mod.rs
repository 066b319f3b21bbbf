// SPDX-License-Identifier: GPL-2.0

//! The packet engine (72 in Fig. 4): one thread on each switching CPU, polling the receive queues
//! that were claimed for it.
//!
//! There is one engine for a CPU on the whole machine; it serves the switches of all namespaces.
//! It starts with the first queue and stops after the last.

use ::core::{
    mem::replace,
    sync::atomic::{
        AtomicBool, AtomicU32,
        Ordering::{
            Acquire,
            Relaxed,
            Release, //
        },
    },
};
use kernel::{
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex, //
    },
};

pub(crate) mod claim;
mod polling;
mod port;
pub(crate) mod queue;
pub(crate) mod set;
pub(crate) mod types;

use self::{
    polling::{
        Polling,
        Turn, //
    },
    queue::Queue, //
};
use crate::{
    net::{
        bh::BottomHalf,
        kthread::{
            Current,
            Run, //
        },
    },
    switch::Switch, //
};

/// Ticks after which a queue that could not be had is tried again: nobody tells when a device
/// has its queues back, as not every change of channels is announced.
const RETRY: c_long = 25;

/// Ticks that an engine sleeps at most when all its queues rest.
const NAP: c_long = 250;

/// A queue and the switch that it belongs to.
pub(crate) struct Assignment {
    pub(crate) queue: Arc<Queue>,
    pub(crate) switch: Arc<Switch>,
}

/// What an engine is to take over. Whoever gives it brings the room for it along: it shall not
/// have to wait for memory, as whoever takes it back would wait with it.
struct Arrivals {
    list: KVec<Assignment>,
    /// For all that the engine owns then.
    room: KVec<Mine>,
}

/// What an engine's thread and others share.
#[pin_data]
pub(crate) struct Engine {
    cpu: u32,
    #[pin]
    arrivals: Mutex<Arrivals>,
    changed: AtomicBool,
    asleep: AtomicBool,
    queues: AtomicU32,
}

impl Engine {
    fn new(cpu: u32) -> impl PinInit<Self> {
        pin_init!(Self {
            cpu,
            arrivals <- new_mutex!(Arrivals {
                list: KVec::new(),
                room: KVec::new(),
            }),
            changed: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            queues: AtomicU32::new(0),
        })
    }

    /// How many queues it owns.
    pub(crate) fn queues(&self) -> u32 {
        self.queues.load(Relaxed)
    }

    /// Whether its thread sleeps, so that it must be woken for new work.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Acquire)
    }

    fn give(&self, assignment: Assignment) -> Result {
        let mut arrivals = self.arrivals.lock();
        // Those that are still to be taken over are counted already.
        let queues = self.queues.load(Relaxed).saturating_add(1);
        let room = KVec::with_capacity(usize::try_from(queues)?, GFP_KERNEL)?;
        arrivals.list.push(assignment, GFP_KERNEL)?;
        arrivals.room = room;
        self.queues.fetch_add(1, Relaxed);
        self.changed.store(true, Release);
        Ok(())
    }

    /// Takes over the queues that were given. Takes no memory.
    fn admit(&self, mine: &mut KVec<Mine>) {
        if !self.changed.load(Acquire) {
            return;
        }
        let mut arrivals = self.arrivals.lock();
        let mut former = replace(mine, replace(&mut arrivals.room, KVec::new()));
        for one in former.drain_all() {
            let _ = mine.push_within_capacity(one);
        }
        while let Some(assignment) = arrivals.list.pop() {
            let _ = mine.push_within_capacity(Mine {
                polling: Polling::new(assignment.queue),
                switch: assignment.switch,
                gone: false,
            });
        }
        self.changed.store(false, Release);
    }

    /// Takes over what sockets sent through the pseudo device (Fig. 8).
    fn serve_local(&self, mine: &KVec<Mine>) -> bool {
        let mut any = false;
        for mine in mine {
            if mine.switch.has_outgoing(self.cpu) {
                let bh = BottomHalf::disable();
                mine.switch.serve_outgoing(self.cpu, &bh);
                any = true;
            }
        }
        any
    }
}

struct Mine {
    polling: Polling,
    switch: Arc<Switch>,
    gone: bool,
}

impl Run for Engine {
    fn run(&self, current: &Current) {
        let mut mine = KVec::new();
        while !current.should_stop() {
            self.admit(&mut mine);
            let mut active = false;
            let mut later = false;
            let mut gone = false;
            for mine in mine.iter_mut() {
                match mine.polling.turn() {
                    Turn::Active | Turn::Idle => active = true,
                    Turn::Resting => {}
                    Turn::Absent | Turn::Pausing => later = true,
                    Turn::Gone => {
                        mine.gone = true;
                        gone = true;
                    }
                }
            }
            if gone {
                mine.retain(|mine| {
                    if !mine.gone {
                        return true;
                    }
                    self.queues.fetch_sub(1, Relaxed);
                    mine.polling.queue().has_left();
                    false
                });
            }
            active |= self.serve_local(&mine);
            current.yield_if_needed();
            if !active {
                self.asleep.store(true, Release);
                current.sleep_unless(if later { RETRY } else { NAP }, || {
                    self.changed.load(Acquire)
                        || mine.iter().any(|mine| {
                            mine.polling.wants_attention() || mine.switch.has_outgoing(self.cpu)
                        })
                });
                self.asleep.store(false, Release);
            }
        }
    }
}
