// SPDX-License-Identifier: GPL-2.0

//! The pseudo-network driver (57 in Fig. 8): `yard0`, by which sockets on the control CPUs use the
//! wires of the switching CPUs as if it were an ordinary interface.
//!
//! Each switching CPU has a ring towards `yard0` and one from it. The rings stand for the packet
//! storage area 68; the NAPI of `yard0` on a control CPU and the engines do what the interface
//! daemon 53 does there.

use ::core::{
    ffi::CStr,
    sync::atomic::{
        AtomicBool, AtomicU32,
        Ordering::{
            AcqRel,
            Relaxed,
            Release, //
        },
    },
};
use kernel::prelude::*;

use crate::{
    core::drop_reason::DropReason,
    engine::set::Waker,
    net::{
        bh::BottomHalf,
        pseudo_device::Driver,
        ring::Ring,
        skb::SkBuff, //
    },
    switch::Switch, //
};

/// Packets that a ring holds, as a power of 2.
const ORDER: u32 = 10;

/// Packets that an engine takes from a ring before its queues have their turn again.
const BATCH: u32 = 64;

/// A CPU's ring towards `yard0`.
struct Inward {
    ring: Ring,
    /// The control CPU that attends to it.
    cpu: AtomicU32,
    /// That CPU has been notified and has not found the ring empty since.
    notified: AtomicBool,
}

/// The rings between the CPUs and a switch's `yard0`.
pub(crate) struct Rings {
    inward: KVVec<Inward>,
    outward: KVVec<Ring>,
}

/// The engines that serve a switch, by which what sockets send is spread.
pub(crate) struct Engines {
    /// CPU and what wakes its engine, by number. The place in it is the number of a queue of
    /// `yard0`.
    pub(crate) list: KVec<(u32, Waker)>,
}

impl Rings {
    /// Rings for `cpus` CPUs. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(cpus: u32) -> Result<Self> {
        let mut inward = KVVec::new();
        let mut outward = KVVec::new();
        for _ in 0..cpus {
            inward.push(
                Inward {
                    ring: Ring::new(ORDER)?,
                    cpu: AtomicU32::new(0),
                    notified: AtomicBool::new(false),
                },
                GFP_KERNEL,
            )?;
            outward.push(Ring::new(ORDER)?, GFP_KERNEL)?;
        }
        Ok(Self { inward, outward })
    }

    fn inward(&self, cpu: u32) -> Option<&Inward> {
        self.inward.get(usize::try_from(cpu).ok()?)
    }

    /// The ring from `yard0` to the engine of `cpu`.
    pub(crate) fn outward(&self, cpu: u32) -> Option<&Ring> {
        self.outward.get(usize::try_from(cpu).ok()?)
    }

    /// Has the ring of each CPU attended to by one of `control`.
    pub(crate) fn attend(&self, control: &[u32]) {
        for (inward, cpu) in self.inward.iter().zip(control.iter().cycle()) {
            inward.cpu.store(*cpu, Relaxed);
        }
    }

    /// Puts a packet into the ring of `cpu` towards `yard0`; the CPU to notify, if any.
    ///
    /// # Errors
    ///
    /// The packet, if the ring is full.
    pub(crate) fn deliver(&self, cpu: u32, packet: SkBuff) -> Result<Option<u32>, SkBuff> {
        let Some(inward) = self.inward(cpu) else {
            return Err(packet);
        };
        inward.ring.push(packet)?;
        let notified = inward.notified.swap(true, AcqRel);
        Ok((!notified).then(|| inward.cpu.load(Relaxed)))
    }
}

impl Driver for Switch {
    const NAME: &'static CStr = c"switchyard";

    fn select_queue(&self, flow: u32, bh: &BottomHalf) -> u16 {
        let list = &self.engines.read_bh(bh).list;
        let count = u32::try_from(list.len()).unwrap_or(0);
        flow.checked_rem(count)
            .and_then(|place| u16::try_from(place).ok())
            .unwrap_or(0)
    }

    fn transmit(&self, packet: SkBuff, queue: u16, bh: &BottomHalf) -> bool {
        let engine = self.engines.read_bh(bh).list.get(usize::from(queue));
        let found = engine.and_then(|(cpu, waker)| Some((waker, self.rings.outward(*cpu)?)));
        let Some((waker, ring)) = found else {
            // No queue is polled, or no longer so many: there is nobody to hand it to, so it is
            // routed here.
            self.send_outgoing(packet, bh);
            return true;
        };
        match ring.push(packet) {
            Ok(()) => waker.wake(),
            Err(mut packet) => {
                packet.pull_link_header();
                self.drop_packet(packet, DropReason::RingFull);
                return false;
            }
        }
        true
    }

    fn receive(&self, ring: u32) -> Option<SkBuff> {
        self.rings.inward(ring)?.ring.pop()
    }

    fn rearm(&self, ring: u32) -> bool {
        let Some(inward) = self.rings.inward(ring) else {
            return false;
        };
        inward.notified.store(false, Release);
        // A packet put in before the store has had no notification of its own.
        ::core::sync::atomic::fence(::core::sync::atomic::Ordering::SeqCst);
        !inward.ring.is_empty() && !inward.notified.swap(true, AcqRel)
    }
}

impl Switch {
    /// Whether sockets have sent what the engine of `cpu` is to take.
    pub(crate) fn has_outgoing(&self, cpu: u32) -> bool {
        self.rings.outward(cpu).is_some_and(|ring| !ring.is_empty())
    }

    /// Takes over what sockets have sent for `cpu`, up to a batch.
    pub(crate) fn serve_outgoing(&self, cpu: u32, bh: &BottomHalf) {
        let Some(ring) = self.rings.outward(cpu) else {
            return;
        };
        for _ in 0..BATCH {
            let Some(packet) = ring.pop() else { break };
            self.send_outgoing(packet, bh);
        }
    }
}
