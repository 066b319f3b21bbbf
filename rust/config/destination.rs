// SPDX-License-Identifier: GPL-2.0

//! A destination: a server that a service's connections are given to.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::Counters,
    index::{
        spread,
        Key, //
    },
};
use crate::core::tuple::Endpoint;

/// How a packet is taken to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// Ipv4Address, port and MAC are rewritten, replies translated back.
    Nat,
}

/// What tells a destination from all others: one server may serve several services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DestinationKey {
    /// Number of the service.
    pub(crate) service: u32,
    /// Where the server listens.
    pub(crate) endpoint: Endpoint,
}

impl Key for DestinationKey {
    fn hash(&self) -> u64 {
        spread(spread(self.endpoint.pack(0)) ^ u64::from(self.service))
    }
}

/// What of a destination can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DestinationSettings {
    /// Share of new connections, up to 65535; 0 takes none.
    pub(crate) weight: u32,
    /// How packets get there.
    pub(crate) forwarding: Forwarding,
}

/// A destination as configured; never changed, but replaced.
pub(crate) struct Destination {
    /// Its number for life.
    pub(crate) id: u32,
    /// What tells it from others.
    pub(crate) key: DestinationKey,
    /// What can be changed.
    pub(crate) settings: DestinationSettings,
    /// Its counts, shared with what it replaces and is replaced by.
    pub(crate) counters: Arc<Counters>,
}

impl Destination {
    /// A new destination, that has counted nothing. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(
        id: u32,
        key: DestinationKey,
        settings: DestinationSettings,
    ) -> Result<Arc<Self>> {
        let destination = Self {
            id,
            key,
            settings,
            counters: Counters::new()?,
        };
        Ok(Arc::new(destination, GFP_KERNEL)?)
    }

    /// The same destination with other settings. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn with(&self, settings: DestinationSettings) -> Result<Arc<Self>> {
        let destination = Self {
            id: self.id,
            key: self.key,
            settings,
            counters: self.counters.clone(),
        };
        Ok(Arc::new(destination, GFP_KERNEL)?)
    }
}
