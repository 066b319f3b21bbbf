// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Claimed receive queues.

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::spec::{claim, Policy, QueueState};
use crate::Error;

/// A network device, by either of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// Interface index, above 0.
    Index(u32),
    /// Interface name, 1 to 15 bytes.
    Name(String),
}

impl Device {
    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Index(index) => to.u32(claim::IFINDEX, *index),
            Self::Name(name) => {
                // The kernel's IFNAMSIZ is 16, the terminating zero included.
                if name.is_empty() || name.len() > 15 || name.contains('\0') {
                    return Err(Error::DeviceName(name.clone()));
                }
                to.string(claim::IFNAME, name);
            }
        }
        Ok(())
    }
}

/// Asks for receive queues of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Whose queues.
    pub device: Device,
    /// Indices of receive queues; empty is every queue.
    pub queues: Vec<u32>,
    /// Switching CPUs; the queues go round them in this order.
    pub cpus: Vec<u32>,
    /// How the queues are attended to; `None` is adaptive, or interrupt if no
    /// CPU is given.
    pub policy: Option<Policy>,
    /// Microseconds without a packet after which the adaptive policy returns a
    /// queue to interrupts.
    pub idle_timeout: Option<u32>,
}

impl ClaimRequest {
    /// Every queue of the device, with the module's defaults.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self {
            device,
            queues: Vec::new(),
            cpus: Vec::new(),
            policy: None,
            idle_timeout: None,
        }
    }

    pub(crate) fn encode(&self, to: &mut Writer) -> Result<(), Error> {
        self.device.encode(to)?;
        for queue in &self.queues {
            to.u32(claim::QUEUE, *queue);
        }
        for cpu in &self.cpus {
            to.u32(claim::CPU, *cpu);
        }
        if let Some(policy) = self.policy {
            to.u32(claim::POLICY, policy.value());
        }
        if let Some(idle_timeout) = self.idle_timeout {
            to.u32(claim::IDLE_TIMEOUT, idle_timeout);
        }
        Ok(())
    }
}

/// A claimed queue as the module tells of it. A notification tells of a device
/// and may have neither queue nor CPU, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The device's interface index.
    pub ifindex: u32,
    /// The device's name.
    pub ifname: String,
    /// Index of the receive queue.
    pub queue: Option<u32>,
    /// The switching CPU that polls it.
    pub cpu: Option<u32>,
    /// How it is attended to.
    pub policy: Option<Policy>,
    /// Microseconds without a packet until it returns to interrupts.
    pub idle_timeout: Option<u32>,
    /// Who attends to it now.
    pub state: Option<QueueState>,
    /// The interrupt that is held disabled while it is polled.
    pub irq: Option<u32>,
    /// How often the engine has polled it.
    pub polls: u64,
    /// Packets that the engine has taken from it.
    pub packets: u64,
    /// How often it has gone from interrupts to the engine.
    pub handovers: u64,
}

impl Decode for Claim {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut ifindex, mut ifname) = (None, String::new());
        let mut this = Self {
            ifindex: 0,
            ifname: String::new(),
            queue: None,
            cpu: None,
            policy: None,
            idle_timeout: None,
            state: None,
            irq: None,
            polls: 0,
            packets: 0,
            handovers: 0,
        };
        each(attributes, |kind, value| {
            match kind {
                claim::IFINDEX => ifindex = Some(value.u32()?),
                claim::IFNAME => ifname = value.string(),
                claim::QUEUE => this.queue = Some(value.u32()?),
                claim::CPU => this.cpu = Some(value.u32()?),
                claim::POLICY => this.policy = Some(Policy::from_value(value.u32()?)),
                claim::IDLE_TIMEOUT => this.idle_timeout = Some(value.u32()?),
                claim::STATE => this.state = Some(QueueState::from_value(value.u32()?)),
                claim::IRQ => this.irq = Some(value.u32()?),
                claim::POLLS => this.polls = value.uint()?,
                claim::PACKETS => this.packets = value.uint()?,
                claim::HANDOVERS => this.handovers = value.uint()?,
                _ => (),
            }
            Ok(())
        })?;
        this.ifindex = ifindex.ok_or_else(|| Malformed::missing("ifindex"))?;
        this.ifname = ifname;
        Ok(this)
    }
}
