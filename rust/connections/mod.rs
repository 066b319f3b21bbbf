// SPDX-License-Identifier: GPL-2.0

//! The connection tables (66 in Fig. 4) in kernel memory, one for each family: storage, growth
//! and expiry around [`crate::core::connection_table`].

mod array;
mod collector;
mod family;
mod keeper;
mod resizer;
mod shared;
mod table;

pub(crate) use self::{
    collector::Collector,
    family::Held,
    table::Table, //
};

use kernel::prelude::*;

use self::{
    family::{
        Family,
        CHUNK,
        MOST, //
    },
    keeper::{
        headroom,
        IDLE, //
    },
    shared::Shared, //
};
use crate::{
    core::{
        connection::Connection,
        connections::Connections as _,
        timeouts::Timeouts,
        tuple::{
            Ipv4Address,
            Ipv6Address, //
        },
    },
    net::{
        bh::BottomHalf,
        kthread, //
    },
};

/// The connections of one switch.
///
/// Packet handlers look up and insert without sleeping; memory for more connections is added by
/// the collector before it runs out.
pub(crate) struct Connections {
    shared: Shared,
    v4: Family<Ipv4Address>,
    v6: Family<Ipv6Address>,
}

impl Connections {
    /// Tables for at most `limit` connections of both families together, with memory for a few
    /// of them. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for more than 33,554,432.
    pub(crate) fn new(limit: u32) -> Result<Self> {
        check_limit(limit)?;
        let this = Self {
            shared: Shared::new(limit),
            v4: Family::new()?,
            v6: Family::new()?,
        };
        for _ in 0..IDLE / CHUNK {
            this.v4.add_chunk(&this.shared, |_| false)?;
            this.v6.add_chunk(&this.shared, |_| false)?;
        }
        Ok(this)
    }

    /// The IPv4 connections, for as long as bottom halves are disabled.
    #[inline(always)]
    pub(crate) fn v4<'a>(&'a self, bh: &'a BottomHalf) -> Table<'a, Ipv4Address> {
        Table::new(&self.v4, &self.shared, bh)
    }

    /// The IPv6 connections, for as long as bottom halves are disabled.
    #[inline(always)]
    pub(crate) fn v6<'a>(&'a self, bh: &'a BottomHalf) -> Table<'a, Ipv6Address> {
        Table::new(&self.v6, &self.shared, bh)
    }

    /// The IPv4 connections' memory and numbers.
    pub(crate) fn v4_family(&self) -> &Family<Ipv4Address> {
        &self.v4
    }

    /// The IPv6 connections' memory and numbers.
    pub(crate) fn v6_family(&self) -> &Family<Ipv6Address> {
        &self.v6
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> u32 {
        self.shared.budget.used()
    }

    /// How many there can be.
    pub(crate) fn limit(&self) -> u32 {
        self.shared.budget.limit()
    }

    /// Sets how many there can be. If there are more, they stay, but there are no new ones before
    /// enough of them have gone.
    ///
    /// # Errors
    ///
    /// `EINVAL` for more than 33,554,432.
    pub(crate) fn set_limit(&self, limit: u32) -> Result {
        check_limit(limit)?;
        self.shared.budget.set_limit(limit);
        Ok(())
    }

    /// The timeouts of each state.
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.shared.timeouts()
    }

    /// Sets the timeouts of each state, also for the connections that there are.
    pub(crate) fn set_timeouts(&self, timeouts: &Timeouts) {
        self.shared.set_timeouts(timeouts);
    }

    /// Makes this thread the one that is woken when slots run out.
    fn is_collected_here(&self) {
        self.shared.is_collected_here();
    }

    /// Bytes that all connections take, with their hash and what is kept free.
    pub(crate) fn bytes(&self) -> u64 {
        self.v4.bytes().saturating_add(self.v6.bytes())
    }

    /// Whether there may be more slots: as many as connections, rounded up to whole chunks, and
    /// what either family keeps while it has none.
    fn can_have_slots(&self) -> bool {
        let slots = self.v4.slots().saturating_add(self.v6.slots());
        slots < self.most_slots().saturating_add(2 * IDLE)
    }

    /// How many slots one family may have.
    fn most_slots(&self) -> u32 {
        self.limit().next_multiple_of(CHUNK)
    }

    /// Whether a family's slots are running out while there may be more.
    fn wants_slots<A: Held>(&self, family: &Family<A>) -> bool {
        family.free() < headroom(family.count())
            && family.slots() < self.most_slots().max(IDLE)
            && self.can_have_slots()
    }

    /// Calls `f` with each IPv4 connection from slot `cursor` on until it returns `false`;
    /// `cursor` then stands at the one that was refused, else at the end.
    pub(crate) fn walk_v4(
        &self,
        cursor: &mut u32,
        f: &mut dyn FnMut(&Connection<Ipv4Address>) -> bool,
    ) {
        self.walk(&self.v4, cursor, f);
    }

    /// The same with the IPv6 connections.
    pub(crate) fn walk_v6(
        &self,
        cursor: &mut u32,
        f: &mut dyn FnMut(&Connection<Ipv6Address>) -> bool,
    ) {
        self.walk(&self.v6, cursor, f);
    }

    fn walk<A: Held>(
        &self,
        family: &Family<A>,
        cursor: &mut u32,
        f: &mut dyn FnMut(&Connection<A>) -> bool,
    ) {
        /// Connections copied, and slots looked at, with bottom halves disabled.
        const COPIED: usize = 8;
        const LOOKED_AT: u32 = 256;

        while *cursor < family.end() {
            let stop = cursor.saturating_add(LOOKED_AT).min(family.end());
            let mut copied = [const { None }; COPIED];
            let bh = BottomHalf::disable();
            let table = family.table(&self.shared, &bh);
            for (place, found) in copied.iter_mut().zip(table.iter(*cursor..stop)) {
                *place = Some(found);
            }
            drop(bh);
            let is_full = copied.last().is_some_and(Option::is_some);
            for (handle, connection) in copied.into_iter().flatten() {
                *cursor = handle.index;
                if !f(&connection) {
                    return;
                }
                *cursor = handle.index.wrapping_add(1);
            }
            if !is_full {
                *cursor = stop;
            }
        }
    }

    /// Ends the IPv4 connections that `is_meant` says yes to, and calls `told` for each. Sleeps.
    pub(crate) fn end_v4(
        &self,
        is_meant: &mut dyn FnMut(&Connection<Ipv4Address>) -> bool,
        told: &mut dyn FnMut(&Connection<Ipv4Address>, &BottomHalf),
    ) {
        self.end(&self.v4, is_meant, told);
    }

    /// The same with the IPv6 connections.
    pub(crate) fn end_v6(
        &self,
        is_meant: &mut dyn FnMut(&Connection<Ipv6Address>) -> bool,
        told: &mut dyn FnMut(&Connection<Ipv6Address>, &BottomHalf),
    ) {
        self.end(&self.v6, is_meant, told);
    }

    fn end<A: Held>(
        &self,
        family: &Family<A>,
        is_meant: &mut dyn FnMut(&Connection<A>) -> bool,
        told: &mut dyn FnMut(&Connection<A>, &BottomHalf),
    ) {
        /// Slots looked at with bottom halves disabled, before packets have their turn again.
        const BATCH: u32 = 256;

        let mut start = 0_u32;
        while start < family.end() {
            let stop = start.saturating_add(BATCH).min(family.end());
            let bh = BottomHalf::disable();
            let table = family.table(&self.shared, &bh);
            for (handle, connection) in table.iter(start..stop) {
                if is_meant(&connection) {
                    if let Some(gone) = table.remove(handle) {
                        told(&gone, &bh);
                    }
                }
            }
            drop(bh);
            kthread::yield_if_needed();
            start = stop;
        }
    }
}

/// Whether there may be such a limit.
fn check_limit(limit: u32) -> Result {
    if limit > MOST {
        return Err(EINVAL);
    }
    Ok(())
}
