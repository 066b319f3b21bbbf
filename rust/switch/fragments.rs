// SPDX-License-Identifier: GPL-2.0

//! Fragments on their way: what was decided about first ones, and what waits for them.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

use super::Switch;
use crate::{
    core::{
        drop_reason::DropReason,
        fragment::Piece,
        fragment_table::{
            Entry,
            FragmentTable,
            Held,
            Key,
            Later, //
        },
        tuple::{
            Family,
            Seed, //
        }, //
    },
    filter::{
        Decision,
        Fragments, //
    },
    net::{
        bh::BottomHalf,
        clock,
        random,
        skb::SkBuff, //
    },
};

/// Packets whose first fragment is remembered.
const ENTRIES: usize = 2048;

/// Fragments that wait.
const QUEUE: usize = 1024;

/// A fragment that waits, and how it came.
pub(super) struct Waiter {
    packet: SkBuff,
    polled: bool,
}

type Table = FragmentTable<KVVec<Entry<Decision>>, KVVec<Held<Waiter>>>;

/// A switch's fragments. The lock is taken with bottom halves disabled.
#[pin_data]
pub(super) struct Waiting {
    #[pin]
    table: SpinLock<Table>,
}

impl Waiting {
    /// Nothing, and room for fragments of `bytes` bytes. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(bytes: u32) -> Result<impl PinInit<Self>> {
        let seed = Seed([random::u64(), random::u64()]);
        let entries = KVVec::from_elem(Entry::new(), ENTRIES, GFP_KERNEL)?;
        let mut queue = KVVec::with_capacity(QUEUE, GFP_KERNEL)?;
        for _ in 0..QUEUE {
            queue.push(Held::new(), GFP_KERNEL)?;
        }
        let table = FragmentTable::new(entries, queue, bytes as usize, seed).ok_or(EINVAL)?;
        Ok(pin_init!(Self {
            table <- new_spinlock!(table),
        }))
    }

    /// Sets how many bytes may wait, and for how many milliseconds.
    pub(super) fn retune(&self, bytes: u32, time: u32, _bh: &BottomHalf) {
        self.table.lock().retune(bytes as usize, time);
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self, _bh: &BottomHalf) -> u64 {
        self.table.lock().held_bytes() as u64
    }
}

impl Fragments for Waiting {
    fn first(&self, key: Key, piece: &Piece, decision: Decision) {
        let now = clock::coarse_milliseconds();
        self.table.lock().first(key, piece, decision, now);
    }

    fn later(&self, key: Key, piece: &Piece) -> Later<Decision> {
        let now = clock::coarse_milliseconds();
        self.table.lock().later(key, piece, now)
    }
}

impl Switch {
    /// Holds a fragment until its first one comes.
    #[cold]
    #[inline(never)]
    pub(super) fn hold(&self, packet: SkBuff, key: Key, polled: bool, bh: &BottomHalf) {
        let now = clock::coarse_milliseconds();
        let bytes = packet.true_size();
        self.drop_overdue(bytes, now, bh);
        let waiter = Waiter { packet, polled };
        let held = self.waiting.table.lock().hold(key, waiter, bytes, now);
        if let Err(waiter) = held {
            self.drop_packet(waiter.packet, DropReason::FragmentLimit);
        }
    }

    /// Handles what was held for a first fragment, which has come.
    #[cold]
    #[inline(never)]
    pub(super) fn release_waiting(&self, key: Key, bh: &BottomHalf) {
        let now = clock::coarse_milliseconds();
        loop {
            // The lock is not held while the fragment is handled, which asks for it again.
            let next = self.waiting.table.lock().release(key, now);
            let Some(waiter) = next else {
                return;
            };
            let Waiter { packet, polled } = waiter;
            let family = packet.family().unwrap_or(Family::V4);
            // What does not go on by us after all has nobody to pass it on any more.
            if let crate::net::rx_handler::Outcome::Pass(packet)
            | crate::net::rx_handler::Outcome::Another(packet) =
                self.handle(packet, family, polled, bh)
            {
                packet.receive_again(bh);
            }
        }
    }

    /// Drops the fragments that have waited for too long, or that are in the way of one of `bytes`
    /// bytes.
    pub(super) fn drop_overdue(&self, bytes: u32, now: u32, _bh: &BottomHalf) {
        loop {
            let next = self.waiting.table.lock().overdue(bytes, now);
            match next {
                Some(waiter) => self.drop_packet(waiter.packet, DropReason::FragmentTimeout),
                None => return,
            }
        }
    }
}
