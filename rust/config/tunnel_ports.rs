// SPDX-License-Identifier: GPL-2.0

//! The UDP ports that packets travel to in tunnels: what an error says that quotes such a packet.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    destination::{
        Destination,
        DestinationSettings, //
    },
    slots::Slots, //
};
use crate::core::method::{
    Encapsulation,
    Method, //
};

/// The ports, each once; few, as by custom there is one.
pub(super) struct TunnelPorts(KVVec<u16>);

impl TunnelPorts {
    /// Those of `destinations`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(destinations: &Slots<Arc<Destination>>) -> Result<Arc<Self>> {
        let mut ports = KVVec::new();
        for (_, destination) in destinations.iter() {
            if let Some(port) = Self::of(&destination.settings) {
                if !ports.contains(&port) {
                    ports.push(port, GFP_KERNEL)?;
                }
            }
        }
        Ok(Arc::new(Self(ports), GFP_KERNEL)?)
    }

    /// The port that packets to a destination with these settings travel to.
    pub(super) fn of(settings: &DestinationSettings) -> Option<u16> {
        match (settings.method, settings.encapsulation) {
            (Method::Tunnel, Encapsulation::Gue { port }) => Some(port),
            _ => None,
        }
    }

    /// Whether this is one of them.
    pub(super) fn contain(&self, port: u16) -> bool {
        self.0.contains(&port)
    }
}
