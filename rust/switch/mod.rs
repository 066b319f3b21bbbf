// SPDX-License-Identifier: GPL-2.0

//! A switch: everything that one network namespace has of us.

mod expiry;
mod explain;
mod express;
mod forward;
mod fragments;
mod local;
mod opening;
mod outgoing;
mod receive;
mod registry;
mod report;
mod trace;
mod upkeep;
mod view;

pub(crate) use self::expiry::Expired;
pub(crate) use self::explain::{
    Explanation,
    Fate, //
};
pub(crate) use self::registry::{
    of,
    of_or_new,
    Lifetime, //
};

pub(crate) use self::upkeep::Upkeep;
use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

use crate::{
    config::Config,
    connections::{
        Collector,
        Connections, //
    },
    core::{
        connection::Connection,
        drop_reason::DropReason,
        rate_limit::RateLimit,
        tuning::Tuning, //
        tuple::Address,
    },
    engine::claim::Claim,
    filter::Services as _,
    net::{
        bh::BottomHalf,
        kthread::Thread,
        namespace::{
            Namespace,
            NamespaceId, //
        },
        percpu::{
            PerCpu,
            PerCpuOwned, //
        },
        pseudo_device::PseudoDevice,
        rcu::RcuArc,
        route_cache::RouteCache,
        skb::SkBuff,
        trace::End, //
    },
    pseudo::{
        Engines,
        Rings, //
    },
    stats::CpuCounters, //
};

/// Messages to senders in a second, as many as the kernel's own ICMP sends
/// (`net.ipv4.icmp_msgs_per_sec`).
const REPORTS: u32 = 1000;

/// Milliseconds for which segments of unknown connections are sent on after there were too many
/// half-open ones: as long as a client goes on repeating its SYN to a server that is slow.
const AFTERMATH: u32 = 60_000;

/// The switch of a network namespace.
#[pin_data]
pub(crate) struct Switch {
    id: NamespaceId,
    /// Services and destinations (configuration table 64).
    #[pin]
    pub(crate) config: Config,
    /// Limits and timeouts.
    pub(crate) tuning: Tuning,
    /// Connection table 66.
    connections: Connections,
    /// What is remembered of routing table 62 and ARP.
    routes: PerCpuOwned<RouteCache>,
    counters: PerCpu<CpuCounters>,
    /// Packets between the CPUs and `yard0` (storage area 68).
    pub(crate) rings: Rings,
    /// The engines that poll for this switch.
    pub(crate) engines: RcuArc<Engines>,
    /// What takes its place when there is no memory for a list.
    pub(crate) no_engines: Arc<Engines>,
    /// `yard0`, while there is one.
    pub(crate) yard: RcuArc<Option<PseudoDevice<Switch>>>,
    /// What takes the place of `yard` at the end, kept so that the end needs no memory.
    #[pin]
    no_yard: Mutex<Option<Arc<Option<PseudoDevice<Switch>>>>>,
    /// Fragments that wait for their first one.
    #[pin]
    waiting: fragments::Waiting,
    /// Messages to senders of packets that cannot go on.
    reports: RateLimit,
    /// When there were last too many half-open connections, in milliseconds of the coarse clock,
    /// plus 1; 0 for never.
    flooded: AtomicU32,
    /// The claimed devices. Taken under the RTNL lock.
    #[pin]
    pub(crate) claims: Mutex<KVec<Claim>>,
    #[pin]
    pub(crate) collector: Mutex<Option<Thread>>,
}

impl Switch {
    /// Makes the switch of `net`, with its `yard0`. Sleeps; takes the RTNL lock.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EEXIST` if there is a device called `yard0`.
    fn new(net: &Namespace, limit: u32) -> Result<Arc<Self>> {
        let cpus = kernel::cpu::nr_cpu_ids();
        let config = Config::new()?;
        let connections = Connections::new(limit)?;
        let routes = PerCpuOwned::new(|_| RouteCache::new())?;
        let counters = PerCpu::new(|_| Ok(CpuCounters::new()))?;
        let rings = Rings::new(cpus)?;
        let no_engines = Arc::new(Engines { list: KVec::new() }, GFP_KERNEL)?;
        let engines = RcuArc::new(no_engines.clone());
        let yard = RcuArc::new(Arc::new(None, GFP_KERNEL)?);
        let tuning = Tuning::new(limit);
        let waiting = fragments::Waiting::new(tuning.fragment_memory_limit())?;
        let switch = Arc::pin_init(
            pin_init!(Self {
                id: net.id(),
                config <- config,
                tuning,
                connections,
                routes,
                counters,
                rings,
                engines,
                no_engines,
                yard,
                no_yard <- new_mutex!(None),
                waiting <- waiting,
                reports: RateLimit::new(REPORTS),
                flooded: AtomicU32::new(0),
                claims <- new_mutex!(KVec::new()),
                collector <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )?;
        let collector = Collector::new(switch.clone());
        let collector = Arc::new(collector, GFP_KERNEL)?;
        let result = Thread::new(c"switchyard/gc", None, collector).and_then(|thread| {
            *switch.collector.lock() = Some(thread);
            let device = PseudoDevice::new(net, c"yard0", cpus, switch.clone())?;
            let nothing = switch.yard.swap(Arc::new(Some(device), GFP_KERNEL)?);
            *switch.no_yard.lock() = Some(nothing);
            Ok(())
        });
        if let Err(error) = result {
            switch.shut_down();
            return Err(error);
        }
        Ok(switch)
    }

    /// Gives everything back: claims, threads, `yard0`. Packets are left alone from then on.
    /// Sleeps; takes the RTNL lock.
    fn shut_down(&self) {
        self.release_all();
        // The thread holds a reference to us; so does the device.
        drop(self.collector.lock().take());
        if let Some(nothing) = self.no_yard.lock().take() {
            drop(self.yard.swap(nothing));
        }
        // A grace period has gone by: whoever lets go of the switch last need not wait for one.
        self.config.tidy();
    }

    /// The connections, for the collector.
    pub(crate) fn connections_table(&self) -> &Connections {
        &self.connections
    }

    /// Accounts for the end of a connection.
    pub(crate) fn forget<A: Address>(&self, gone: &Connection<A>, end: End, bh: &BottomHalf) {
        let snapshot = self.config.current.read_bh(bh);
        trace::ended(snapshot, gone, end);
        snapshot.closed(gone);
    }

    /// Frees a packet, its data beginning at the IP header, and counts why.
    pub(crate) fn drop_packet(&self, mut packet: SkBuff, reason: DropReason) {
        trace::dropped(&mut packet, reason);
        packet.discard(reason);
        self.count_drop(reason);
    }

    fn count_drop(&self, reason: DropReason) {
        if let Some(counters) = self.counters.this() {
            counters.dropped(reason);
        }
    }

    /// The index of `yard0`, 0 if it is gone.
    pub(crate) fn yard_ifindex(&self) -> u32 {
        let bh = BottomHalf::disable();
        self.yard_index(&bh)
    }

    /// The same for packet handlers.
    #[inline(always)]
    fn yard_index(&self, bh: &BottomHalf) -> u32 {
        self.yard
            .read_bh(bh)
            .as_ref()
            .map_or(0, |yard| yard.device().ifindex())
    }

    /// Whether there are too many half-open connections, or were a little while ago. `half_open`
    /// is how many there are now.
    #[inline(always)]
    fn is_stateless(&self, half_open: u32, limit: u32, now: u32) -> bool {
        let flooded = self.flooded.load(Relaxed);
        if half_open < limit && flooded == 0 {
            return false;
        }
        self.judge_flood(half_open, limit, flooded, now)
    }

    #[cold]
    #[inline(never)]
    fn judge_flood(&self, half_open: u32, limit: u32, flooded: u32, now: u32) -> bool {
        let mark = now.wrapping_add(1).max(1);
        if half_open >= limit {
            if flooded != mark {
                self.flooded.store(mark, Relaxed);
            }
            return true;
        }
        if mark.wrapping_sub(flooded) < AFTERMATH {
            return true;
        }
        self.flooded.store(0, Relaxed);
        false
    }
}
