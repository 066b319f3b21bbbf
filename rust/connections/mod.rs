// SPDX-License-Identifier: GPL-2.0

//! The connection table (66 in Fig. 4) in kernel memory: storage, growth and expiry around
//! [`crate::core::connection_table`].

mod collector;
mod storage;

pub(crate) use self::collector::Collector;

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};
use kernel::prelude::*;

use self::storage::{
    Buckets,
    Chunks,
    CHUNK, //
};
use crate::{
    core::{
        connection::Connection,
        connection_table::{
            buckets_for,
            ConnectionTable, //
        },
        tuple::{
            Ipv4Address,
            Ipv6Address,
            Seed, //
        },
    },
    net::{
        bh::BottomHalf,
        random, //
    },
};

/// Slots kept free for what may come before the collector looks again, a quarter of a second
/// later: at 200,000 new connections a second, 51,200. Four megabytes.
const HEADROOM: u32 = 8 * CHUNK;

/// A family's table.
pub(crate) type Table<A> = ConnectionTable<Buckets, Chunks<A>, A>;

/// The connections of one switch.
///
/// Packet handlers look up and insert without sleeping; slots for more connections are added by
/// the collector before they run out.
pub(crate) struct Connections {
    table: Table<Ipv4Address>,
    table6: Table<Ipv6Address>,
    chunks: AtomicU32,
}

impl Connections {
    /// A table for at most `limit` connections, rounded up to whole chunks of slots. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(limit: u32) -> Result<Self> {
        let chunks = Chunks::new(limit)?;
        let buckets = Buckets::new(buckets_for(limit))?;
        let seed = Seed([random::u64(), random::u64()]);
        let table = ConnectionTable::new(buckets, chunks, seed).ok_or(EINVAL)?;
        let chunks = Chunks::new(limit)?;
        let buckets = Buckets::new(buckets_for(limit))?;
        let table6 = ConnectionTable::new(buckets, chunks, seed).ok_or(EINVAL)?;
        let this = Self {
            table,
            table6,
            chunks: AtomicU32::new(0),
        };
        while this.wants_growth() {
            this.grow()?;
        }
        Ok(this)
    }

    /// The table.
    #[inline]
    pub(crate) fn table(&self) -> &Table<Ipv4Address> {
        &self.table
    }

    /// Both tables, for packet handlers.
    #[inline]
    pub(crate) fn tables(&self, _bh: &BottomHalf) -> (&Table<Ipv4Address>, &Table<Ipv6Address>) {
        (&self.table, &self.table6)
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> u32 {
        self.slots().wrapping_sub(self.table.free_count())
    }

    /// How many there can be.
    pub(crate) fn limit(&self) -> u32 {
        self.table.limit()
    }

    /// How many slots there are now.
    pub(crate) fn slots(&self) -> u32 {
        self.chunks.load(Relaxed).wrapping_mul(CHUNK)
    }

    /// Whether slots are running out while there may be more.
    fn wants_growth(&self) -> bool {
        self.slots() < self.limit() && self.table.free_count() < HEADROOM
    }

    /// Adds a chunk of slots. Sleeps; for one caller at a time.
    fn grow(&self) -> Result {
        let chunk = self.chunks.load(Relaxed);
        self.table.slots().add(chunk)?;
        self.table6.slots().add(chunk)?;
        self.chunks.store(chunk.wrapping_add(1), Relaxed);
        self.table.add_slots(chunk.wrapping_mul(CHUNK), CHUNK);
        self.table6.add_slots(chunk.wrapping_mul(CHUNK), CHUNK);
        Ok(())
    }

    /// Calls `f` with each connection from slot `cursor` on until it returns `false`; `cursor`
    /// then stands at the one that was refused, else at the end.
    pub(crate) fn walk(&self, cursor: &mut u32, f: &mut dyn FnMut(&Connection) -> bool) {
        for (handle, connection) in self.table.iter(*cursor..self.slots()) {
            *cursor = handle.index;
            if !f(&connection) {
                return;
            }
        }
        *cursor = self.slots();
    }
}
