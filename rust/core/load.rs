// SPDX-License-Identifier: GPL-2.0

//! How many connections a destination has at the moment, and whether it may have more.

use ::core::sync::atomic::{
    AtomicBool,
    AtomicU32,
    AtomicU64,
    Ordering::Relaxed, //
};

use super::connection_state::ConnectionState;

/// Limits of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// At so many connections no new ones come; 0 for no limit.
    pub upper: u32,
    /// Until there are fewer than this; 0 for three quarters of the upper limit.
    pub lower: u32,
}

impl Limits {
    /// The lower limit that holds.
    fn effective_lower(self) -> u32 {
        match self.lower {
            0 => self.upper.wrapping_sub(self.upper / 4),
            lower => lower,
        }
    }
}

/// The connections of a destination.
///
/// One for its life, whatever its settings become. Written by any CPU, but only where a connection
/// begins, ends or changes its state: a packet of a known connection does not come here. On cache
/// lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Load {
    /// Connections that have begun and not ended.
    connections: AtomicU32,
    /// Those of them that are established, and UDP flows.
    active: AtomicU32,
    /// The upper limit was met, and the lower one not since.
    overloaded: AtomicBool,
    /// Listeners were told that there is no connection left.
    told_drained: AtomicBool,
    /// The last deadline at which the connections left have been ended, plus 2^32; 0 for none.
    deadline_met: AtomicU64,
}

/// Whether a connection in this state counts as active: as in IPVS, those that have become
/// established and have not begun to end, and those of a protocol without states.
#[inline]
pub const fn is_active(state: ConnectionState) -> bool {
    matches!(state, ConnectionState::Established | ConnectionState::Udp)
}

impl Load {
    /// Counts a connection that begins in this state.
    #[inline(always)]
    pub fn opened(&self, state: ConnectionState, limits: Limits) {
        let connections = self.connections.fetch_add(1, Relaxed).wrapping_add(1);
        if is_active(state) {
            self.active.fetch_add(1, Relaxed);
        }
        if limits.upper != 0 && connections >= limits.upper {
            self.overloaded.store(true, Relaxed);
        }
    }

    /// Counts the end of a connection that was in this state.
    pub fn closed(&self, state: ConnectionState, limits: Limits) {
        let connections = self.connections.fetch_sub(1, Relaxed).wrapping_sub(1);
        if is_active(state) {
            self.active.fetch_sub(1, Relaxed);
        }
        if limits.upper != 0
            && connections < limits.effective_lower()
            && self.overloaded.load(Relaxed)
        {
            self.overloaded.store(false, Relaxed);
        }
    }

    /// Counts a step of a connection from one state to another.
    pub fn changed(&self, from: ConnectionState, to: ConnectionState) {
        match (is_active(from), is_active(to)) {
            (false, true) => self.active.fetch_add(1, Relaxed),
            (true, false) => self.active.fetch_sub(1, Relaxed),
            _ => return,
        };
    }

    /// Whether another connection may come.
    #[inline(always)]
    pub fn has_room(&self, limits: Limits) -> bool {
        limits.upper == 0 || !self.is_overloaded(limits)
    }

    /// Whether new connections are refused, between the limits as well if the upper one was met.
    #[cold]
    #[inline(never)]
    pub fn is_overloaded(&self, limits: Limits) -> bool {
        if limits.upper == 0 {
            return false;
        }
        let connections = self.connections();
        // The mark may have been set by a connection that was counted before others ended: it
        // means nothing below the lower limit.
        connections >= limits.upper
            || (self.overloaded.load(Relaxed) && connections >= limits.effective_lower())
    }

    /// Connections that have begun and not ended.
    #[inline]
    pub fn connections(&self) -> u32 {
        self.connections.load(Relaxed)
    }

    /// Connections that are established, and UDP flows.
    #[inline]
    pub fn active(&self) -> u32 {
        self.active.load(Relaxed).min(self.connections())
    }

    /// The other connections.
    #[inline]
    pub fn inactive(&self) -> u32 {
        self.connections().saturating_sub(self.active.load(Relaxed))
    }

    /// Whether there is something to tell: there is no connection left, of a destination that
    /// takes no new ones (`is_leaving`), and that was not told yet.
    pub fn has_drained(&self, is_leaving: bool) -> bool {
        let drained = is_leaving && self.connections() == 0;
        drained != self.told_drained.swap(drained, Relaxed) && drained
    }

    /// Whether this deadline is still to be met. Any number may be that of a deadline.
    pub fn is_open(&self, deadline: u32) -> bool {
        self.deadline_met.load(Relaxed) != u64::from(deadline) | (1 << 32)
    }

    /// Notes that a deadline was met.
    pub fn meet(&self, deadline: u32) {
        self.deadline_met
            .store(u64::from(deadline) | (1 << 32), Relaxed);
    }
}
