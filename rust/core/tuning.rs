// SPDX-License-Identifier: GPL-2.0

//! What of a switch can be set while it runs: limits and timeouts.
//!
//! Written by an operator, read by everybody: single values that mean something by themselves,
//! so each is read and written without order among them.

use ::core::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};

use super::connection_state::ConnectionState;
use super::timeouts::{
    Timeouts,
    LONGEST_TIMEOUT, //
};

/// States of connections, by netlink's number of them; what it calls affinity is none of them.
pub const STATES: usize = 8;

/// Bytes that fragments may take unless something else is set: as much as the kernel's own.
pub const FRAGMENT_MEMORY: u32 = 4 << 20;

/// Milliseconds that fragments may wait unless something else is set.
pub const FRAGMENT_TIMEOUT: u32 = super::fragment_table::HOLD_TIME;

/// The values that can be set.
#[derive(Debug)]
pub struct Tuning {
    /// How many connections there can be.
    connection_limit: AtomicU32,
    /// How many of them may be half open; 0 for no limit.
    half_open_limit: AtomicU32,
    /// Bytes that fragments may take.
    fragment_memory_limit: AtomicU32,
    /// Milliseconds that fragments may wait.
    fragment_timeout: AtomicU32,
    /// Milliseconds that a connection may stay idle, by [`ConnectionState::netlink`].
    timeouts: [AtomicU32; STATES],
}

impl Tuning {
    /// The values to begin with, for so many connections: a quarter of them may be half open.
    pub fn new(connection_limit: u32) -> Self {
        let this = Self {
            connection_limit: AtomicU32::new(connection_limit),
            half_open_limit: AtomicU32::new((connection_limit / 4).max(1)),
            fragment_memory_limit: AtomicU32::new(FRAGMENT_MEMORY),
            fragment_timeout: AtomicU32::new(FRAGMENT_TIMEOUT),
            timeouts: [const { AtomicU32::new(0) }; STATES],
        };
        for value in 0..=u8::MAX {
            let state = ConnectionState::from_value(u32::from(value));
            if let Some(timeout) = this.timeouts.get(state.netlink() as usize) {
                timeout.store(Timeouts::default().of(state, 0), Relaxed);
            }
        }
        this
    }

    /// How many connections there can be.
    #[inline]
    pub fn connection_limit(&self) -> u32 {
        self.connection_limit.load(Relaxed)
    }

    /// Sets [`Self::connection_limit`].
    pub fn set_connection_limit(&self, connections: u32) {
        self.connection_limit.store(connections, Relaxed);
    }

    /// How many connections may be half open; `u32::MAX` if there is no limit.
    #[inline]
    pub fn half_open_limit(&self) -> u32 {
        match self.half_open_limit.load(Relaxed) {
            0 => u32::MAX,
            limit => limit,
        }
    }

    /// Sets [`Self::half_open_limit`]; 0 takes it away.
    pub fn set_half_open_limit(&self, connections: u32) {
        self.half_open_limit.store(connections, Relaxed);
    }

    /// Bytes that fragments may take.
    #[inline]
    pub fn fragment_memory_limit(&self) -> u32 {
        self.fragment_memory_limit.load(Relaxed)
    }

    /// Sets [`Self::fragment_memory_limit`].
    pub fn set_fragment_memory_limit(&self, bytes: u32) {
        self.fragment_memory_limit.store(bytes, Relaxed);
    }

    /// Milliseconds that fragments may wait.
    #[inline]
    pub fn fragment_timeout(&self) -> u32 {
        self.fragment_timeout.load(Relaxed)
    }

    /// Sets [`Self::fragment_timeout`].
    pub fn set_fragment_timeout(&self, milliseconds: u32) {
        self.fragment_timeout.store(milliseconds, Relaxed);
    }

    /// How long connections are remembered.
    pub fn timeouts(&self) -> Timeouts {
        let of =
            |state: ConnectionState| self.timeout_of(state.netlink()).unwrap_or(LONGEST_TIMEOUT);
        Timeouts {
            syn_received: of(ConnectionState::SynReceived),
            established: of(ConnectionState::Established),
            fin_wait: of(ConnectionState::FinClient),
            time_wait: of(ConnectionState::TimeWait),
            closed: of(ConnectionState::Closed),
            udp: of(ConnectionState::Udp),
            expired: of(ConnectionState::Expired),
        }
    }

    /// The timeout of the state that has this number in netlink, if there is one.
    #[inline]
    pub fn timeout_of(&self, netlink: u32) -> Option<u32> {
        let timeout = self.timeouts.get(netlink as usize)?;
        Some(timeout.load(Relaxed))
    }

    /// Sets the timeout of the state that has this number in netlink; says whether there is one.
    pub fn set_timeout(&self, netlink: u32, milliseconds: u32) -> bool {
        match self.timeouts.get(netlink as usize) {
            Some(timeout) => {
                timeout.store(milliseconds.min(LONGEST_TIMEOUT), Relaxed);
                true
            }
            None => false,
        }
    }
}
