// SPDX-License-Identifier: GPL-2.0

//! Next hops by the kernel's own routing and neighbour tables, remembered per CPU: what the
//! patent calls routing table 62 and ARP.
//!
//! C headers: [`include/net/route.h`](srctree/include/net/route.h),
//! [`include/net/neighbour.h`](srctree/include/net/neighbour.h)
//!
//! A remembered hop holds no references. It counts only while the generation that it was made in
//! lasts: a change of routes, neighbours or devices begins a new one. Devices are freed a grace
//! period after such a change, so whoever has compared generations may use the hop for as long as
//! bottom halves stay disabled. After a second it is asked for again even so, which keeps the
//! neighbour's own state machine (probing of stale entries) going.

use ::core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicU32,
        Ordering::{
            Acquire,
            Release, //
        },
    },
};
use kernel::prelude::*;

use super::{
    bh::BottomHalf,
    device::NetDevice,
    namespace::Namespace, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        tuple::Ipv4Address, //
    },
    sys, //
};

/// Raised by whatever may make a remembered hop wrong, other than routes, which have their own.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Begins a new generation: nothing that was remembered before counts any more. Any context.
pub(crate) fn forget_all() {
    GENERATION.fetch_add(1, Release);
}

const ORDER: u32 = 10;
/// In ticks: one second.
const LIFETIME: u32 = sys::YARD_HZ;
const MILLISECONDS_A_TICK: u32 = {
    assert!(1000 % sys::YARD_HZ == 0);
    1000 / sys::YARD_HZ
};

#[derive(Clone, Copy)]
struct Entry {
    destination: u32,
    generation: u32,
    routes: i32,
    made: u32,
    hop: sys::yard_nexthop,
    header: [u8; 14],
}

/// Where a packet goes next; good for as long as bottom halves stay disabled.
pub(crate) struct NextHop<'a> {
    hop: sys::yard_nexthop,
    header: [u8; 14],
    _bh: PhantomData<&'a BottomHalf>,
}

impl NextHop<'_> {
    /// Largest IP packet that goes this way, in bytes.
    pub(crate) fn mtu(&self) -> u32 {
        self.hop.mtu
    }

    /// The outgoing device, which lives for `'a`.
    pub(super) fn device_ptr(&self) -> *mut sys::net_device {
        self.hop.dev
    }

    /// The Ethernet header, if the neighbour's address is known.
    pub(super) fn link_header(&self) -> Option<&[u8; 14]> {
        self.hop.resolved.then_some(&self.header)
    }

    /// The neighbour's IPv4 address, in network byte order as the kernel has it.
    pub(super) fn neighbour(&self) -> u32 {
        self.hop.neighbour
    }
}

/// The hops that one CPU remembers, by destination address.
pub(crate) struct RouteCache {
    entries: KVVec<Option<Entry>>,
}

fn jiffies() -> u32 {
    // SAFETY: A word that is read whole; its lower half is what counts.
    let jiffies = unsafe { (&raw const sys::jiffies).read_volatile() };
    jiffies as u32
}

fn routes_generation(net: &Namespace) -> i32 {
    // SAFETY: `net` is valid; the counter is read whole.
    unsafe { (&raw const (*net.as_ptr()).ipv4.rt_genid.counter).read_volatile() }
}

impl RouteCache {
    /// An empty cache. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut entries = KVVec::new();
        for _ in 0..1u32 << ORDER {
            entries.push(None, GFP_KERNEL)?;
        }
        Ok(Self { entries })
    }

    /// The next hop towards `destination`, which is never through the device of index `avoid`.
    ///
    /// # Errors
    ///
    /// [`DropReason::NoRoute`].
    pub(crate) fn resolve<'a>(
        &mut self,
        net: &Namespace,
        destination: Ipv4Address,
        avoid: u32,
        _bh: &'a BottomHalf,
    ) -> Result<NextHop<'a>, DropReason> {
        let generation = GENERATION.load(Acquire);
        let routes = routes_generation(net);
        let now = jiffies();
        let key = destination.to_be32();
        let index = destination.bits().wrapping_mul(0x9e37_79b1) >> (32 - ORDER);
        let place = self.entries.get_mut(index as usize);
        if let Some(Some(entry)) = place.as_deref() {
            if entry.destination == key
                && entry.generation == generation
                && entry.routes == routes
                && now.wrapping_sub(entry.made) < LIFETIME
            {
                return Ok(NextHop {
                    hop: entry.hop,
                    header: entry.header,
                    _bh: PhantomData,
                });
            }
        }
        let mut hop = sys::yard_nexthop::default();
        let avoid = i32::try_from(avoid).unwrap_or(0);
        // SAFETY: `net` is valid; bottom halves are disabled, which is an RCU section.
        let result = unsafe { sys::yard_route4(net.as_ptr(), key, avoid, &mut hop) };
        if result < 0 {
            return Err(DropReason::NoRoute);
        }
        let mut header = [0u8; 14];
        let (to, rest) = header.split_at_mut(6);
        to.copy_from_slice(&hop.address);
        let (from, kind) = rest.split_at_mut(6);
        from.copy_from_slice(&hop.source);
        kind.copy_from_slice(&(sys::ETH_P_IP as u16).to_be_bytes());
        if let (Some(place), true) = (place, hop.resolved) {
            *place = Some(Entry {
                destination: key,
                generation,
                routes,
                made: now,
                hop,
                header,
            });
        }
        Ok(NextHop {
            hop,
            header,
            _bh: PhantomData,
        })
    }
}

// SAFETY: What an entry points to is not touched but as said above, on any CPU.
unsafe impl Send for RouteCache {}

/// Whether `address` (network byte order as in memory) is one of `device`'s own.
pub(crate) fn is_local_to(
    net: &Namespace,
    address: [u8; 4],
    device: &NetDevice,
    _bh: &BottomHalf,
) -> bool {
    // SAFETY: `net` is valid; bottom halves are disabled, which is an RCU section; the device
    // that comes back is only compared.
    let found = unsafe { sys::__ip_dev_find(net.as_ptr(), u32::from_ne_bytes(address), false) };
    ::core::ptr::eq(found, device.as_ptr())
}

/// A coarse clock: milliseconds since boot, wrapping, that moves once a tick.
pub(crate) fn coarse_milliseconds() -> u32 {
    jiffies().wrapping_mul(MILLISECONDS_A_TICK)
}
