// SPDX-License-Identifier: GPL-2.0

//! The connection table: shared by all CPUs, read without a lock and without a write.
//!
//! A hit costs two cache lines, the bucket and the slot. One entry serves both directions,
//! since it is found by its client alone (see [`super::tuple`]). All memory is the caller's:
//! buckets are given once, slots piece by piece by whoever may sleep; a new connection takes
//! a free slot and never waits for memory.

use ::core::ops::{
    Deref,
    Range, //
};

use super::bucket::{
    self,
    Bucket, //
};
use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::free_list::FreeList;
use super::slot::{
    Handle,
    Key,
    Slot,
    Slots, //
};
use super::tuple::{
    Direction,
    Endpoint,
    Protocol,
    Seed, //
};

/// A connection that was found: how to get back to it, and a copy of it.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// How to get back to it.
    pub handle: Handle,
    /// What it was when it was found.
    pub connection: Connection,
}

/// As much of a connection as one of its packets needs.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// How to get back to the connection.
    pub handle: Handle,
    /// How far it has got.
    pub state: ConnectionState,
    /// What takes the place of the end that was looked up with the client: the destination for
    /// the service, the service for the destination.
    pub instead: Endpoint,
    /// The caller's number for the service.
    pub service_id: u32,
    /// The caller's number for the destination.
    pub destination_id: u32,
}

/// What became of a connection that was to be inserted.
#[derive(Clone, Copy, Debug)]
pub enum Insertion {
    /// It is in the table.
    Made(Handle),
    /// Another CPU was faster: the same client has a connection to the same service.
    Exists(Found),
    /// The same client has a connection to another service on the same destination, so that
    /// the replies to both could not be told apart.
    Clash(Found),
    /// There is no free slot, or no room near its bucket.
    Full,
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
pub struct ConnectionTable<B, S> {
    buckets: B,
    slots: S,
    free: FreeList,
    mask: usize,
    seed: Seed,
}

impl<B: Deref<Target = [Bucket]>, S: Slots> ConnectionTable<B, S> {
    /// A table of these empty buckets, as many as a power of two and at least 16, and of slots
    /// that [`Self::add_slots`] will name. `None` for another number of buckets.
    pub fn new(buckets: B, slots: S, seed: Seed) -> Option<Self> {
        let count = buckets.len();
        (count.is_power_of_two() && count > bucket::REACH).then(|| Self {
            mask: count.wrapping_sub(1),
            buckets,
            slots,
            free: FreeList::new(),
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

    /// Finds the connection that a packet of this direction belongs to.
    ///
    /// `client` is the packet's source (forward) or destination (reply), and `other` the
    /// opposite: the service or the destination.
    #[inline(always)]
    pub fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint,
        other: Endpoint,
    ) -> Option<Hit> {
        let key = Key::new(direction, protocol, client, other);
        let hash = self.seed.hash(protocol, client);
        self.find(hash, |index| self.slots.slot(index)?.hit_if(index, key))
    }

    /// The same as [`Self::hit`], but with all that is known of the connection.
    pub fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint,
        other: Endpoint,
    ) -> Option<Found> {
        let key = Key::new(direction, protocol, client, other);
        self.find_key(self.seed.hash(protocol, client), key)
    }

    /// Finds a connection by its key.
    fn find_key(&self, hash: u64, key: Key) -> Option<Found> {
        self.find(hash, |index| {
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

    /// Puts a connection into the table, unless it is there.
    pub fn insert(&self, connection: &Connection) -> Insertion {
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

    /// Fills a slot and refers to it; `None` if there is no room near its bucket.
    fn insert_slot(&self, connection: &Connection, index: u32, slot: &Slot) -> Option<Insertion> {
        let hash = self.seed.hash(connection.protocol, connection.client);
        slot.fill(connection, hash);

        let key =
            |direction, other| Key::new(direction, connection.protocol, connection.client, other);
        let service = key(Direction::Forward, connection.service);
        let destination = key(Direction::Reply, connection.destination);
        let home = self.bucket(hash, 0)?;
        let lock = home.lock();
        // Who else could insert the same client waits for this lock.
        if let Some(found) = self.find_key(hash, service) {
            return Some(Insertion::Exists(found));
        }
        if let Some(found) = self.find_key(hash, destination) {
            return Some(Insertion::Clash(found));
        }
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
        slot.retire();
        None
    }

    /// Notes a packet of a connection: when it came, and what it does to the state that was
    /// `seen` when the connection was found.
    ///
    /// Writes to shared memory only if the clock has moved or the state changes. `next` may be
    /// called again with a newer state, if another CPU was faster.
    #[inline(always)]
    pub fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) {
        if let Some(slot) = self.slots.slot(handle.index) {
            slot.touch(handle.sequence, seen, now, next);
        }
    }

    /// Takes a connection out and returns what it was; `None` if it is gone already.
    pub fn remove(&self, handle: Handle) -> Option<Connection> {
        self.remove_if(handle, |_| true)
    }

    /// Takes a connection out if `condition` holds for what it is under the lock.
    fn remove_if(
        &self,
        handle: Handle,
        condition: impl Fn(&Connection) -> bool,
    ) -> Option<Connection> {
        let slot = self.slots.slot(handle.index)?;
        let hash = slot.hash(handle.sequence)?;
        let home = self.bucket(hash, 0)?;
        let lock = home.lock();
        // Only under this lock can the use end, so what is read now stays true.
        let (held, connection) = slot.read(handle.index)?;
        if held != handle || !condition(&connection) {
            return None;
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
        slot.retire();
        drop(lock);
        self.free.push(&self.slots, handle.index, 1);
        Some(connection)
    }

    /// Takes out the connections in a range of slots that have been idle for their timeout, and
    /// tells of each; returns how many. The range bounds the work done at once.
    pub fn expire(&self, range: Range<u32>, now: u32, mut told: impl FnMut(&Connection)) -> u32 {
        let mut expired = 0_u32;
        for (handle, connection) in self.iter(range) {
            if connection.is_expired(now) {
                if let Some(gone) = self.remove_if(handle, |connection| connection.is_expired(now))
                {
                    told(&gone);
                    expired = expired.wrapping_add(1);
                }
            }
        }
        expired
    }

    /// The connections in a range of slots. To go on later, begin after the last index seen
    /// ([`Handle::index`]): what lives all the while is told of exactly once.
    pub fn iter(&self, range: Range<u32>) -> impl Iterator<Item = (Handle, Connection)> + '_ {
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
