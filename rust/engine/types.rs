// SPDX-License-Identifier: GPL-2.0

//! What control and engine tell each other about claimed queues and switching CPUs.

use kernel::prelude::*;

use crate::config::{
    DropCounts,
    Total, //
};

/// How the claimed queues of a device are attended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Not polled: the filter runs where the driver's interrupts deliver packets.
    Interrupt,
    /// Polled while there is traffic, returned to interrupts after the idle time.
    Adaptive,
    /// Polled without pause.
    Busy,
}

/// Who attends to a claimed queue at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueState {
    /// The driver, by its interrupts.
    Interrupt,
    /// The engine on the queue's switching CPU.
    Polled,
    /// Nobody, since the device is down or the queue is gone.
    Absent,
}

/// A device as a request names it.
#[derive(Clone, Copy)]
pub(crate) enum DeviceName<'a> {
    /// By its interface index in the switch's namespace.
    Index(u32),
    /// By its name there.
    Name(&'a CStr),
}

/// Which queues of a device are to be taken, and by which CPUs.
pub(crate) struct ClaimRequest<'a> {
    /// The device.
    pub(crate) device: DeviceName<'a>,
    /// Indexes of receive queues; empty stands for all.
    pub(crate) queues: &'a [u32],
    /// Switching CPUs; the queues go round them in this order. Empty with
    /// [`Policy::Interrupt`] alone.
    pub(crate) cpus: &'a [u32],
    /// How the queues are attended to.
    pub(crate) policy: Policy,
    /// Microseconds without a packet after which [`Policy::Adaptive`] returns a queue.
    pub(crate) idle_timeout_us: u32,
}

/// What of a request is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// The device named.
    Device,
    /// The queue at this place of the request's list.
    Queue(usize),
    /// The CPU at this place of the request's list.
    Cpu(usize),
    /// The policy.
    Policy,
    /// Nothing in particular.
    None,
}

/// Why a claim or a release was refused.
pub(crate) struct ClaimError {
    /// The error to return.
    pub(crate) error: Error,
    /// What to point at.
    pub(crate) culprit: Culprit,
    /// A sentence for the caller.
    pub(crate) message: &'static CStr,
}

/// A claimed queue.
pub(crate) struct QueueInfo<'a> {
    /// Index of the device.
    pub(crate) ifindex: u32,
    /// Name of the device.
    pub(crate) ifname: &'a CStr,
    /// Index of the receive queue.
    pub(crate) queue: u32,
    /// The switching CPU, unless the policy is [`Policy::Interrupt`].
    pub(crate) cpu: Option<u32>,
    /// How the queue is attended to.
    pub(crate) policy: Policy,
    /// Microseconds without a packet after which [`Policy::Adaptive`] returns the queue.
    pub(crate) idle_timeout_us: u32,
    /// Who attends to it now.
    pub(crate) state: QueueState,
    /// The interrupt that is held disabled while the queue is polled; 0 for none.
    pub(crate) irq: u32,
    /// How often the engine has polled the queue.
    pub(crate) polls: u64,
    /// Packets that the engine has taken from the queue.
    pub(crate) packets: u64,
    /// How often the queue has gone from interrupts to the engine.
    pub(crate) handovers: u64,
}

/// What a CPU has done.
pub(crate) struct CpuInfo<'a> {
    /// Number of the CPU.
    pub(crate) cpu: u32,
    /// An engine runs on it.
    pub(crate) switching: bool,
    /// Queues that this engine owns.
    pub(crate) queues: u32,
    /// IP packets that came to the filter.
    pub(crate) received: u64,
    /// Packets of connections sent on.
    pub(crate) forwarded: u64,
    /// Packets left to the ordinary stack.
    pub(crate) passed: u64,
    /// Packets put into the ring towards `yard0`.
    pub(crate) local_in: u64,
    /// Packets of the sockets behind `yard0` sent out.
    pub(crate) local_out: u64,
    /// TCP resets sent.
    pub(crate) resets: u64,
    /// TCP resets sent to the ends of connections that expired.
    pub(crate) expiry_resets: u64,
    /// What was forwarded, and connections made.
    pub(crate) traffic: Total,
    /// The same, a second.
    pub(crate) rates: Total,
    /// Packets that did not leave, by [`DropReason::index`](crate::core::drop_reason::DropReason::index).
    pub(crate) drops: &'a DropCounts,
}
