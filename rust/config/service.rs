// SPDX-License-Identifier: GPL-2.0

//! A service: what clients connect to.

use ::core::sync::atomic::AtomicU32;
use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::Counters,
    destination::Destination,
    index::{
        spread,
        Key, //
    },
    selection::Selection, //
};
use crate::core::{
    scheduler::Scheduler,
    tuple::{
        Endpoint,
        Protocol, //
    }, //
};

/// What tells a service from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceKey {
    /// TCP or UDP.
    pub(crate) protocol: Protocol,
    /// What clients connect to.
    pub(crate) endpoint: Endpoint,
}

impl Key for ServiceKey {
    #[inline]
    fn hash(&self) -> u64 {
        spread(self.endpoint.pack(u16::from(self.protocol.number())))
    }
}

/// What of a service can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceSettings {
    /// How destinations are chosen.
    pub(crate) scheduler: Scheduler,
    /// Seconds after which an idle connection is forgotten; 0 for the protocol's default.
    pub(crate) timeout: u32,
}

/// A service as configured; never changed, but replaced.
pub(crate) struct Service {
    /// Its number for life.
    pub(crate) id: u32,
    /// What tells it from others.
    pub(crate) key: ServiceKey,
    /// What can be changed.
    pub(crate) settings: ServiceSettings,
    /// Its destinations, oldest first.
    pub(crate) destinations: KVVec<Arc<Destination>>,
    /// What the scheduler has worked out about the destinations, in the same order.
    pub(crate) selection: Arc<Selection>,
    /// Its counts, shared with what it replaces and is replaced by.
    pub(crate) counters: Arc<Counters>,
    /// Where a scheduler that takes turns stands; stays with the service as the counts do.
    pub(crate) turn: Arc<AtomicU32>,
}

impl Service {
    /// The timeout in milliseconds; 0 for the protocol's default.
    pub(crate) fn timeout_ms(&self) -> u32 {
        self.settings.timeout.saturating_mul(1000)
    }
}
