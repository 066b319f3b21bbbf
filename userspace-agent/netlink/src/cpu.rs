// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What each CPU has done.

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed};
use crate::spec::{cpu, drop, DropReason};
use crate::Stats;

/// How many packets were dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Drop {
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub packets: u64,
}

impl Decode for Drop {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut reason, mut packets) = (None, 0);
        each(attributes, |kind, value| {
            match kind {
                drop::REASON => reason = Some(DropReason::from_value(value.u32()?)),
                drop::PACKETS => packets = value.uint()?,
                _ => (),
            }
            Ok(())
        })?;
        let reason = reason.ok_or_else(|| Malformed::missing("reason"))?;
        Ok(Self { reason, packets })
    }
}

/// The counters of one CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// The CPU's number.
    pub cpu: u32,
    /// Whether an engine runs on it.
    pub switching: bool,
    /// Queues that the engine owns.
    pub queues: u32,
    /// IP packets that came to the filter.
    pub received: u64,
    /// Packets of connections sent on.
    pub forwarded: u64,
    /// Packets left to the ordinary stack.
    pub passed: u64,
    /// Packets put into yard0's ring.
    pub local_in: u64,
    /// Packets of yard0's sockets sent out.
    pub local_out: u64,
    /// TCP resets sent.
    pub resets: u64,
    /// TCP resets sent to the ends of connections that expired.
    pub expiry_resets: u64,
    /// Connections made.
    pub connections: u64,
    /// Packets of connections that were sent on.
    pub stats: Stats,
    /// Packets dropped, by reason.
    pub drops: Vec<Drop>,
}

impl Decode for Cpu {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut number = None;
        let mut this = Self::default();
        each(attributes, |kind, value| {
            match kind {
                cpu::CPU => number = Some(value.u32()?),
                cpu::SWITCHING => this.switching = true,
                cpu::QUEUES => this.queues = value.u32()?,
                cpu::RECEIVED => this.received = value.uint()?,
                cpu::FORWARDED => this.forwarded = value.uint()?,
                cpu::PASSED => this.passed = value.uint()?,
                cpu::LOCAL_IN => this.local_in = value.uint()?,
                cpu::LOCAL_OUT => this.local_out = value.uint()?,
                cpu::RESETS => this.resets = value.uint()?,
                cpu::CONNECTIONS => this.connections = value.uint()?,
                cpu::STATS => this.stats = value.nest()?,
                cpu::EXPIRY_RESETS => this.expiry_resets = value.uint()?,
                cpu::DROP => this.drops.push(value.nest()?),
                _ => (),
            }
            Ok(())
        })?;
        this.cpu = number.ok_or_else(|| Malformed::missing("cpu"))?;
        Ok(this)
    }
}
