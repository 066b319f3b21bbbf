// SPDX-License-Identifier: GPL-2.0

//! Next hops remembered per CPU.
//!
//! A remembered hop holds no references. It counts only while the generation that it was made in
//! lasts: a change of routes, neighbours or devices begins a new one. Devices are freed a grace
//! period after such a change, so whoever has compared generations may use the hop for as long as
//! bottom halves stay disabled. After a second it is asked for again even so, which keeps the
//! neighbour's own state machine (probing of stale entries) going.

use ::core::{
    cell::Cell,
    marker::PhantomData,
    ptr,
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
    clock,
    namespace::Namespace,
    random,
    route::{
        self,
        Header,
        Hop, //
    }, //
};
use crate::{
    core::{
        drop_reason::DropReason,
        tuple::{
            Family,
            IpAddress,
            Seed, //
        },
    },
    sys, //
};

/// Raised by whatever may make a remembered hop wrong, other than routes, which have their own. It
/// begins after that of [`Kept::new`].
static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Begins a new generation: nothing that was remembered before counts any more. Any context.
pub(crate) fn forget_all() {
    GENERATION.fetch_add(1, Release);
}

const ORDER: u32 = 10;
const LIFETIME: u32 = clock::SECOND;

#[derive(Clone, Copy)]
struct Entry {
    destination: IpAddress,
    generation: u32,
    routes: i32,
    made: u32,
    hop: Hop,
}

/// Where a packet goes next; good for as long as bottom halves stay disabled.
#[derive(Clone, Copy)]
pub(crate) struct NextHop<'a> {
    hop: Hop,
    _bh: PhantomData<&'a BottomHalf>,
}

impl NextHop<'_> {
    /// Largest IP packet that goes this way, in bytes.
    #[inline(always)]
    pub(crate) fn mtu(&self) -> u32 {
        self.hop.mtu
    }

    /// Our own address on that way.
    pub(crate) fn source(&self) -> IpAddress {
        self.hop.source
    }

    /// Index of the outgoing device.
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: The device lives while bottom halves are disabled.
        unsafe { super::device::NetDevice::from_raw(self.hop.device) }.ifindex()
    }

    /// The neighbour.
    pub(crate) fn neighbour(&self) -> IpAddress {
        self.hop.neighbour
    }

    /// The outgoing device, which lives for the lifetime.
    #[inline(always)]
    pub(super) fn device_ptr(&self) -> *mut sys::net_device {
        self.hop.device
    }

    /// Bytes of room that the device wants before the IP header.
    #[inline(always)]
    pub(super) fn room(&self) -> u32 {
        self.hop.room
    }

    /// The Ethernet header, if the neighbour's address is known.
    #[inline(always)]
    pub(super) fn link_header(&self) -> Option<Header> {
        self.hop.resolved.then_some(self.hop.header)
    }
}

/// A way to keep where one address is always gone to: it is found there sooner than by the
/// address. It has all that a packet needs for it: a link-layer header.
pub(crate) struct Kept {
    device: Cell<*mut sys::net_device>,
    header: Cell<Header>,
    mtu: Cell<u32>,
    room: Cell<u32>,
    generation: Cell<u32>,
    routes: Cell<i32>,
    made: Cell<u32>,
}

// SAFETY: What it points to is not touched but by way of `Kept::way`, on any CPU.
unsafe impl Send for Kept {}

impl Kept {
    /// None, which is never the way.
    pub(crate) const fn new() -> Self {
        Self {
            device: Cell::new(ptr::null_mut()),
            header: Cell::new(Header { first: 0, last: 0 }),
            mtu: Cell::new(0),
            room: Cell::new(0),
            generation: Cell::new(0),
            routes: Cell::new(0),
            made: Cell::new(0),
        }
    }

    /// Keeps another one instead.
    pub(crate) fn set(&self, other: &Self) {
        self.device.set(other.device.get());
        self.header.set(other.header.get());
        self.mtu.set(other.mtu.get());
        self.room.set(other.room.get());
        self.generation.set(other.generation.get());
        self.routes.set(other.routes.get());
        self.made.set(other.made.get());
    }

    /// The way, if this is it still: to an address of that family in that namespace, always the
    /// same ones.
    #[inline(always)]
    pub(crate) fn way<'a>(
        &'a self,
        net: &Namespace,
        family: Family,
        _bh: &'a BottomHalf,
    ) -> Option<Way<'a>> {
        let is_it = self.generation.get() == GENERATION.load(Acquire)
            && self.routes.get() == routes_generation(net, family)
            && clock::ticks().wrapping_sub(self.made.get()) < LIFETIME;
        // INVARIANT: Just seen. What may take its place until then is as good.
        is_it.then_some(Way(self))
    }
}

/// A way that is known to be the right one.
///
/// # Invariants
///
/// It was that after bottom halves were disabled, as they stay for the lifetime.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a>(&'a Kept);

impl Way<'_> {
    /// Largest IP packet that goes this way, in bytes.
    #[inline(always)]
    pub(crate) fn mtu(&self) -> u32 {
        self.0.mtu.get()
    }

    /// The outgoing device, which lives for the lifetime.
    #[inline(always)]
    pub(super) fn device_ptr(&self) -> *mut sys::net_device {
        self.0.device.get()
    }

    /// The Ethernet header.
    #[inline(always)]
    pub(super) fn header(&self) -> Header {
        self.0.header.get()
    }

    /// Bytes of room that the device wants before the IP header.
    #[inline(always)]
    pub(super) fn room(&self) -> u32 {
        self.0.room.get()
    }
}

/// The hops that one CPU remembers, by destination address.
pub(crate) struct RouteCache {
    entries: KVVec<Option<Entry>>,
    /// So that nobody can have two clients take the place from each other.
    seed: Seed,
}

/// A number that changes with the namespace's routes of that family.
#[inline(always)]
fn routes_generation(net: &Namespace, family: Family) -> i32 {
    // SAFETY: `net` is valid; the counters are read whole.
    unsafe {
        match family {
            Family::V4 => (&raw const (*net.as_ptr()).ipv4.rt_genid.counter).read_volatile(),
            Family::V6 => (&raw const (*net.as_ptr()).ipv6.fib6_sernum.counter).read_volatile(),
        }
    }
}

impl Entry {
    /// Whether this is still the way to `destination`.
    #[inline(always)]
    fn holds(&self, destination: IpAddress, (generation, routes, now): (u32, i32, u32)) -> bool {
        self.destination == destination
            && self.generation == generation
            && self.routes == routes
            && now.wrapping_sub(self.made) < LIFETIME
    }
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
        Ok(Self {
            entries,
            seed: Seed([random::u64(), random::u64()]),
        })
    }

    /// The place of a destination, at which nobody can aim.
    #[inline(always)]
    fn place_of(&self, destination: IpAddress) -> usize {
        (self.seed.hash_address(destination) >> (64 - ORDER)) as usize
    }

    /// The way to `destination` if it is remembered, without anybody being asked.
    #[inline(always)]
    pub(crate) fn known(&self, net: &Namespace, destination: IpAddress) -> Option<Kept> {
        let generation = GENERATION.load(Acquire);
        let routes = routes_generation(net, destination.family());
        let entry = self.entries.get(self.place_of(destination))?.as_ref()?;
        if !entry.holds(destination, (generation, routes, clock::ticks())) {
            return None;
        }
        // Only what is resolved is remembered.
        Some(Kept {
            device: Cell::new(entry.hop.device),
            header: Cell::new(entry.hop.header),
            mtu: Cell::new(entry.hop.mtu),
            room: Cell::new(entry.hop.room),
            generation: Cell::new(generation),
            routes: Cell::new(routes),
            made: Cell::new(entry.made),
        })
    }

    /// The next hop towards `destination`, which is never through the device of index `avoid`.
    ///
    /// # Errors
    ///
    /// [`DropReason::NoRoute`].
    #[inline(always)]
    pub(crate) fn resolve<'a>(
        &mut self,
        net: &Namespace,
        destination: IpAddress,
        avoid: u32,
        bh: &'a BottomHalf,
    ) -> Result<NextHop<'a>, DropReason> {
        let generation = GENERATION.load(Acquire);
        let routes = routes_generation(net, destination.family());
        let now = clock::ticks();
        let place = self.place_of(destination);
        let place = self.entries.get_mut(place);
        if let Some(Some(entry)) = place.as_deref() {
            if entry.holds(destination, (generation, routes, now)) {
                return Ok(NextHop {
                    hop: entry.hop,
                    _bh: PhantomData,
                });
            }
        }
        Self::ask(
            place,
            net,
            destination,
            avoid,
            (generation, routes, now),
            bh,
        )
    }

    /// Asks the kernel, and remembers the answer.
    #[cold]
    #[inline(never)]
    fn ask<'a>(
        place: Option<&mut Option<Entry>>,
        net: &Namespace,
        destination: IpAddress,
        avoid: u32,
        (generation, routes, made): (u32, i32, u32),
        bh: &'a BottomHalf,
    ) -> Result<NextHop<'a>, DropReason> {
        let hop = route::find(net, destination, avoid, bh)?;
        if let (Some(place), true) = (place, hop.resolved) {
            *place = Some(Entry {
                destination,
                generation,
                routes,
                made,
                hop,
            });
        }
        Ok(NextHop {
            hop,
            _bh: PhantomData,
        })
    }
}

// SAFETY: What an entry points to is not touched but as said above, on any CPU.
unsafe impl Send for RouteCache {}
