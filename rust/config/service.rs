// SPDX-License-Identifier: GPL-2.0

//! A service: what clients connect to.

use ::core::sync::atomic::AtomicU32;
use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::{
        Counters,
        DropCounts,
        Drops,
        Total, //
    },
    destination::Destination,
    fault::Fault,
    selection::Selection, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        scheduler::Scheduler,
        service_key::ServiceKey,
        tuple::Protocol, //
    },
    net::percpu::PerCpu, //
};

/// What of a service can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceSettings {
    /// How destinations are chosen.
    pub(crate) scheduler: Scheduler,
    /// Seconds after which an idle connection is forgotten; 0 for the switch's own timeouts.
    pub(crate) timeout: u32,
    /// Every UDP packet is scheduled by itself.
    pub(crate) one_packet: bool,
    /// Both ends of a TCP connection get a reset when it expires.
    pub(crate) reset_at_expiry: bool,
    /// This machine's sockets get what no destination can take.
    pub(crate) local_fallback: bool,
    /// Seconds for which a client keeps its destination; 0 for no affinity.
    pub(crate) affinity: u32,
    /// How many leading bits of an IPv4 address make one client.
    pub(crate) affinity_prefix4: u8,
    /// How many leading bits of an IPv6 address make one client.
    pub(crate) affinity_prefix6: u8,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::Maglev,
            timeout: 0,
            one_packet: false,
            reset_at_expiry: false,
            local_fallback: false,
            affinity: 0,
            affinity_prefix4: 32,
            affinity_prefix6: 128,
        }
    }
}

/// What is to be changed of a service, or said of a new one; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceChange {
    /// How destinations are chosen.
    pub(crate) scheduler: Option<Scheduler>,
    /// [`ServiceSettings::timeout`].
    pub(crate) timeout: Option<u32>,
    /// [`ServiceSettings::one_packet`].
    pub(crate) one_packet: Option<bool>,
    /// [`ServiceSettings::reset_at_expiry`].
    pub(crate) reset_at_expiry: Option<bool>,
    /// [`ServiceSettings::local_fallback`].
    pub(crate) local_fallback: Option<bool>,
    /// [`ServiceSettings::affinity`].
    pub(crate) affinity: Option<u32>,
    /// [`ServiceSettings::affinity_prefix4`].
    pub(crate) affinity_prefix4: Option<u8>,
    /// [`ServiceSettings::affinity_prefix6`].
    pub(crate) affinity_prefix6: Option<u8>,
}

impl ServiceChange {
    /// The settings that the change makes of `old`, of a service of this protocol.
    ///
    /// # Errors
    ///
    /// If they mean nothing for it.
    pub(super) fn apply(
        &self,
        old: &ServiceSettings,
        protocol: Protocol,
    ) -> Result<ServiceSettings, Fault> {
        if self.one_packet == Some(true) && protocol != Protocol::Udp {
            return Err(Fault::NotUdp);
        }
        if self.reset_at_expiry == Some(true) && protocol != Protocol::Tcp {
            return Err(Fault::NotTcp);
        }
        Ok(ServiceSettings {
            scheduler: self.scheduler.unwrap_or(old.scheduler),
            timeout: self.timeout.unwrap_or(old.timeout),
            one_packet: self.one_packet.unwrap_or(old.one_packet),
            reset_at_expiry: self.reset_at_expiry.unwrap_or(old.reset_at_expiry),
            local_fallback: self.local_fallback.unwrap_or(old.local_fallback),
            affinity: self.affinity.unwrap_or(old.affinity),
            affinity_prefix4: self.affinity_prefix4.unwrap_or(old.affinity_prefix4),
            affinity_prefix6: self.affinity_prefix6.unwrap_or(old.affinity_prefix6),
        })
    }
}

/// A service as configured; never changed, but replaced.
pub(crate) struct Service {
    /// Its number for life.
    pub(crate) id: u32,
    /// What tells it from others.
    pub(crate) key: ServiceKey,
    /// What can be changed.
    pub(crate) settings: ServiceSettings,
    /// Its destinations, oldest first.
    pub(crate) destinations: KVVec<Arc<Destination>>,
    /// Those that have been removed and still have connections.
    pub(super) leaving: KVVec<Arc<Destination>>,
    /// What those counted that are not there any more.
    pub(super) gone: Total,
    /// What the scheduler has worked out about the destinations, in the same order.
    pub(super) selection: Arc<Selection>,
    /// What it keeps whatever becomes of the rest.
    pub(super) account: Arc<Account>,
}

impl Service {
    /// What it counts itself: connections, and packets that have no destination.
    #[inline]
    pub(crate) fn counters(&self) -> &Counters {
        &self.account.counters
    }

    /// All its traffic. Packets are counted by their destinations, once each: it is the sum.
    pub(crate) fn total(&self) -> Total {
        let mut total = self.account.counters.total();
        total.add_traffic(&self.gone);
        for destinations in [&self.destinations, &self.leaving] {
            for destination in destinations {
                total.add_traffic(&destination.counters.total());
            }
        }
        total
    }

    /// Its dropped packets by reason, of all CPUs.
    pub(crate) fn drops(&self) -> DropCounts {
        let mut sums = [0; DropReason::COUNT];
        for cpu in self.account.drops.iter() {
            cpu.add_to(&mut sums);
        }
        sums
    }
}

/// What a service keeps for its life, shared with what it replaces and is replaced by.
pub(crate) struct Account {
    /// Its traffic.
    pub(super) counters: Counters,
    /// Its dropped packets.
    pub(super) drops: PerCpu<Drops>,
    /// Where a scheduler that takes turns stands.
    pub(super) turn: AtomicU32,
}

impl Account {
    /// Of a new service. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Arc<Self>> {
        let this = Self {
            counters: Counters::new()?,
            drops: PerCpu::new(|_| Ok(Drops::new()))?,
            turn: AtomicU32::new(0),
        };
        Ok(Arc::new(this, GFP_KERNEL)?)
    }
}
