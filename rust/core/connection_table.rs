// SPDX-License-Identifier: GPL-2.0

//! The connection table: shared by all CPUs, read without a lock and without a write.
//!
//! A hit costs two cache lines, the bucket and the slot. One entry serves both directions,
//! since it is found by its client alone (see [`super::tuple`]). All memory is the caller's:
//! buckets are given once, slots piece by piece by whoever may sleep; a new connection takes
//! a free slot and never waits for memory.

use ::core::marker::PhantomData;
use ::core::ops::{
    Deref,
    Range, //
};

use super::atomic::{
    AtomicU32,
    Ordering, //
};
use super::bucket::{
    self,
    Bucket, //
};
use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::connections::{
    Connections,
    Found,
    Handle,
    Hit,
    Insertion, //
};
use super::free_list::FreeList;
use super::slot::{
    Key,
    Slot,
    Slots,
    Stored, //
};
use super::timeouts::Timeouts;
use super::tuple::{
    Direction,
    Endpoint,
    Ipv4Address,
    Protocol,
    Seed, //
};

/// What is to become of a connection that has been idle for its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is taken out.
    Remove,
    /// It stays and is in this state from now on, as if a packet had just come.
    Turn(ConnectionState),
}

/// How many buckets to give a table that shall hold `limit` connections: a power of two that
/// leaves two to four connections for a bucket of seven entries.
pub const fn buckets_for(limit: u32) -> u32 {
    match (limit / 4).checked_next_power_of_two() {
        Some(buckets) if buckets >= 16 => buckets,
        _ => 16,
    }
}

/// The connection table.
///
/// In the kernel, what changes the table ([`Self::insert`], [`Self::remove`],
/// [`Self::expire`]) is called with bottom halves off; the others from anywhere.
#[derive(Debug)]
pub struct ConnectionTable<B, S, A: Stored = Ipv4Address> {
    buckets: B,
    slots: S,
    free: FreeList,
    half_open: AtomicU32,
    family: PhantomData<A>,
    mask: usize,
    seed: Seed,
}

impl<B: Deref<Target = [Bucket]>, S: Slots<A>, A: Stored> ConnectionTable<B, S, A> {
    /// A table of these empty buckets, as many as a power of two and at least 16, and of slots
    /// that [`Self::add_slots`] will name. `None` for another number of buckets.
    pub fn new(buckets: B, slots: S, seed: Seed) -> Option<Self> {
        let count = buckets.len();
        (count.is_power_of_two() && count > bucket::REACH).then(|| Self {
            mask: count.wrapping_sub(1),
            buckets,
            slots,
            free: FreeList::new(),
            half_open: AtomicU32::new(0),
            family: PhantomData,
            seed,
        })
    }

    /// The slots' storage, for whoever adds to it.
    pub fn slots(&self) -> &S {
        &self.slots
    }

    /// Gives the table `count` more slots from index `first` on, which the storage has from
    /// now on. Each index may be given once.
    pub fn add_slots(&self, first: u32, count: u32) {
        if count > 0 {
            self.free.push(&self.slots, first, count);
        }
    }

    /// How many slots are free.
    pub fn free_count(&self) -> u32 {
        self.free.count()
    }

    /// How many connections there can be at most.
    pub fn limit(&self) -> u32 {
        self.slots.limit()
    }

    /// Finds a connection by its key.
    fn find_key(&self, key: Key<A>) -> Option<Found<A>> {
        self.find(key.hash(self.seed), |index| {
            let (handle, connection) = self.slots.slot(index)?.read_if(index, key)?;
            Some(Found { handle, connection })
        })
    }

    /// What `read` makes of the first slot for which it makes something, of all with this hash.
    #[inline(always)]
    fn find<T>(&self, hash: u64, read: impl Fn(u32) -> Option<T>) -> Option<T> {
        let home = self.bucket(hash, 0)?;
        let found = home.find(bucket::tag(hash), &read);
        let spill = home.spill();
        if found.is_some() || spill.is_empty() {
            return found;
        }
        self.find_spilled(spill, hash, read)
    }

    /// Finds a connection in the buckets after its home.
    #[cold]
    #[inline(never)]
    fn find_spilled<T>(
        &self,
        mut spill: bucket::Spill,
        hash: u64,
        read: impl Fn(u32) -> Option<T>,
    ) -> Option<T> {
        spill.find_map(|distance| self.bucket(hash, distance)?.find(bucket::tag(hash), &read))
    }

    /// Fills a slot and refers to it; `None` if there is no room near its bucket.
    fn insert_slot(
        &self,
        connection: &Connection<A>,
        index: u32,
        slot: &Slot<A>,
    ) -> Option<Insertion<A>> {
        slot.fill(connection);
        let key = Key::of(connection);
        let hash = key.hash(self.seed);
        let home = self.bucket(hash, 0)?;
        let lock = home.lock();
        // Who else could insert the same client waits for this lock.
        if let Some(found) = self.find_key(key) {
            return Some(Insertion::Exists(found));
        }
        if let Some(found) = Key::of_reply(connection).and_then(|key| self.find_key(key)) {
            return Some(Insertion::Clash(found));
        }
        self.count_state(ConnectionState::None, connection.state);
        let sequence = slot.publish();
        for distance in 0..=bucket::REACH {
            // Counted first, so that whoever can come to know of the connection finds it.
            lock.spilled(distance);
            if self
                .bucket(hash, distance)
                .is_some_and(|bucket| bucket.put(bucket::tag(hash), index))
            {
                return Some(Insertion::Made(Handle { index, sequence }));
            }
            lock.returned(distance);
        }
        self.count_state(slot.retire(), ConnectionState::None);
        None
    }

    /// Counts a step from one state to another, in what is half open.
    #[inline(always)]
    fn count_state(&self, from: ConnectionState, to: ConnectionState) {
        match (from.is_half_open(), to.is_half_open()) {
            (false, true) => _ = self.half_open.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.half_open.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Under the lock of a connection's home: lets `decide` say what is to become of it, and does
    /// that. `None` if it is gone already, or nothing is to become of it.
    fn settle(
        &self,
        handle: Handle,
        decide: impl FnOnce(&Connection<A>) -> Option<Fate>,
        now: u32,
    ) -> Option<Connection<A>> {
        let slot = self.slots.slot(handle.index)?;
        let (sequence, hash) = slot.hash(self.seed)?;
        if sequence != handle.sequence {
            return None;
        }
        let home = self.bucket(hash, 0)?;
        let lock = home.lock();
        // Only under this lock can the use end, so what is read now stays true.
        let (held, mut connection) = slot.read(handle.index)?;
        if held != handle {
            return None;
        }
        if let Fate::Turn(state) = decide(&connection)? {
            if let Some((from, to)) = slot.touch(sequence, connection.state, now, |_| state) {
                self.count_state(from, to);
            }
            return Some(connection);
        }
        for distance in 0..=bucket::REACH {
            if self
                .bucket(hash, distance)
                .is_some_and(|bucket| bucket.take(bucket::tag(hash), handle.index))
            {
                lock.returned(distance);
                break;
            }
        }
        connection.state = slot.retire();
        self.count_state(connection.state, ConnectionState::None);
        drop(lock);
        self.free.push(&self.slots, handle.index, 1);
        Some(connection)
    }

    /// Looks through a range of slots, which bounds the work done at once, for connections that
    /// have been idle for their timeout, and does with each what `told` says; returns with how
    /// many it did something.
    ///
    /// `told` is called exactly once for each of them, under its bucket's lock: it must not ask
    /// this table for anything, nor send packets.
    pub fn expire(
        &self,
        range: Range<u32>,
        now: u32,
        timeouts: &Timeouts,
        mut told: impl FnMut(&Connection<A>) -> Fate,
    ) -> u32 {
        let mut expired = 0_u32;
        for (handle, connection) in self.iter(range) {
            if connection.is_expired(now, timeouts) {
                let decide = |connection: &Connection<A>| {
                    connection
                        .is_expired(now, timeouts)
                        .then(|| told(connection))
                };
                if self.settle(handle, decide, now).is_some() {
                    expired = expired.wrapping_add(1);
                }
            }
        }
        expired
    }

    /// The connections in a range of slots. To go on later, begin after the last index seen
    /// ([`Handle::index`]): what lives all the while is told of exactly once.
    pub fn iter(&self, range: Range<u32>) -> impl Iterator<Item = (Handle, Connection<A>)> + '_ {
        range
            .map_while(|index| Some((index, self.slots.slot(index)?)))
            .filter_map(|(index, slot)| slot.read(index))
    }

    /// The bucket `distance` further on than a hash's home, round the end.
    #[inline(always)]
    fn bucket(&self, hash: u64, distance: usize) -> Option<&Bucket> {
        // The upper half of the hash is the tag.
        let home = (hash & 0xffff_ffff) as usize;
        self.buckets.get(home.wrapping_add(distance) & self.mask)
    }
}

impl<B, S, A> Connections<A> for ConnectionTable<B, S, A>
where
    B: Deref<Target = [Bucket]>,
    S: Slots<A>,
    A: Stored,
{
    #[inline(always)]
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        let key = Key::new(direction, protocol, client, other);
        self.find(key.hash(self.seed), |index| {
            self.slots.slot(index)?.hit_if(index, key)
        })
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.find_key(Key::new(direction, protocol, client, other))
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.find_key(Key::template(protocol, client, service))
    }

    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        let Some(index) = self.free.pop(&self.slots) else {
            return Insertion::Full;
        };
        let insertion = self
            .slots
            .slot(index)
            .and_then(|slot| self.insert_slot(connection, index, slot))
            .unwrap_or(Insertion::Full);
        if !matches!(insertion, Insertion::Made(_)) {
            self.free.push(&self.slots, index, 1);
        }
        insertion
    }

    #[inline(always)]
    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) {
        if let Some(slot) = self.slots.slot(handle.index) {
            if let Some((from, to)) = slot.touch(handle.sequence, seen, now, next) {
                self.count_state(from, to);
            }
        }
    }

    fn remove(&self, handle: Handle) -> Option<Connection<A>> {
        self.settle(handle, |_| Some(Fate::Remove), 0)
    }

    fn half_open(&self) -> u32 {
        self.half_open.load(Ordering::Relaxed)
    }
}
