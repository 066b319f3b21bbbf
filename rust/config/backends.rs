// SPDX-License-Identifier: GPL-2.0

//! The destinations of a configuration by where packets come back from.
//!
//! What belongs to a known connection never asks here: answers of connections that nobody
//! remembers do, and fragments and errors by tunnels.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    destination::Destination,
    index::{
        spread,
        Index,
        Key, //
    },
    slots::Slots, //
};
use crate::core::{
    method::{
        Encapsulation,
        Method, //
    },
    tuple::{
        Endpoint,
        IpAddress, //
    }, //
};

impl Key for Endpoint<IpAddress> {
    #[inline]
    fn hash(&self) -> u64 {
        spread(spread(self.address.mixed()) ^ u64::from(self.port))
    }
}

impl Key for IpAddress {
    #[inline]
    fn hash(&self) -> u64 {
        spread(self.mixed())
    }
}

/// No further node.
const END: u32 = u32::MAX;

/// A service that has a destination somewhere.
struct Node {
    service: u32,
    next: u32,
}

/// Destinations by endpoint, by address and by tunnel.
pub(super) struct Backends {
    nodes: KVVec<Node>,
    /// The first node of each endpoint of destinations that are translated to.
    endpoints: Index<Endpoint<IpAddress>>,
    /// Their addresses.
    addresses: Index<IpAddress>,
    /// UDP ports that packets travel to.
    tunnel_ports: KVVec<u16>,
}

impl Backends {
    /// Without destinations. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn empty() -> Result<Arc<Self>> {
        Self::new(&Slots::new())
    }

    /// All of `destinations`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(destinations: &Slots<Arc<Destination>>) -> Result<Arc<Self>> {
        let mut this = Self {
            nodes: KVVec::new(),
            endpoints: Index::new(),
            addresses: Index::new(),
            tunnel_ports: KVVec::new(),
        };
        for (_, destination) in destinations.iter() {
            this.add(destination)?;
        }
        Ok(Arc::new(this, GFP_KERNEL)?)
    }

    fn add(&mut self, destination: &Destination) -> Result {
        let endpoint = destination.key.endpoint;
        match destination.settings.method {
            Method::Nat => {
                let index = u32::try_from(self.nodes.len()).map_err(|_| ENOSPC)?;
                let next = self.endpoints.get(&endpoint).unwrap_or(END);
                let service = destination.key.service;
                self.nodes.push(Node { service, next }, GFP_KERNEL)?;
                self.endpoints.insert(endpoint, index)?;
                self.addresses.insert(endpoint.address, 0)?;
            }
            Method::Tunnel => {
                if let Encapsulation::Gue { port } = destination.settings.encapsulation {
                    if !self.is_tunnel_port(port) {
                        self.tunnel_ports.push(port, GFP_KERNEL)?;
                    }
                }
            }
            Method::Direct | Method::Local => {}
        }
        Ok(())
    }

    /// Calls `f` with the number of each service that has a destination at `endpoint`, until it
    /// returns true; whether it did.
    pub(super) fn any_service(
        &self,
        endpoint: Endpoint<IpAddress>,
        mut f: impl FnMut(u32) -> bool,
    ) -> bool {
        // One that takes packets on the port that they have listens on every one.
        for at in [endpoint, Endpoint::new(endpoint.address, 0)] {
            let mut next = self.endpoints.get(&at).unwrap_or(END);
            // A chain ends at nodes that are not there.
            while let Some(node) = self.nodes.get(next as usize) {
                if f(node.service) {
                    return true;
                }
                next = node.next;
            }
        }
        false
    }

    /// Whether a destination that is translated to has this address.
    pub(super) fn has_address(&self, address: IpAddress) -> bool {
        self.addresses.get(&address).is_some()
    }

    /// Whether packets to some destination travel in UDP to this port.
    pub(super) fn is_tunnel_port(&self, port: u16) -> bool {
        self.tunnel_ports.contains(&port)
    }
}
