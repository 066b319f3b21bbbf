// SPDX-License-Identifier: GPL-2.0

//! The destinations of a configuration by where they are, whichever services they are of.

use kernel::prelude::*;

use crate::core::tuple::{
    Endpoint,
    IpAddress, //
};

/// A destination at its place, in the order of address and port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    address: IpAddress,
    /// 0 for the port that a packet has.
    port: u16,
    /// The destination's number.
    id: u32,
}

/// The numbers of destinations by address and port. A look-up takes logarithmic time, allocates
/// nothing and takes no lock.
pub(super) struct Places(KVVec<Place>);

impl Places {
    /// Of no destinations.
    pub(super) fn new() -> Self {
        Self(KVVec::new())
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn try_clone(&self) -> Result<Self> {
        let mut places = KVVec::with_capacity(self.0.len(), GFP_KERNEL)?;
        places.extend_from_slice(&self.0, GFP_KERNEL)?;
        Ok(Self(places))
    }

    /// Adds a destination.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn insert(&mut self, endpoint: Endpoint<IpAddress>, id: u32) -> Result {
        let new = place(endpoint, id);
        let at = self.0.partition_point(|known| *known < new);
        self.0.push(new, GFP_KERNEL)?;
        // From the end to its place.
        if let Some(moved) = self.0.get_mut(at..) {
            moved.rotate_right(1);
        }
        Ok(())
    }

    /// Takes a destination out.
    pub(super) fn remove(&mut self, endpoint: Endpoint<IpAddress>, id: u32) {
        if let Ok(at) = self.0.binary_search(&place(endpoint, id)) {
            let _ = self.0.remove(at);
        }
    }

    /// Those at this address and this very port, or whatever port a packet has.
    pub(super) fn at(&self, endpoint: Endpoint<IpAddress>) -> impl Iterator<Item = u32> + '_ {
        let of = |port| {
            let endpoint = Endpoint::new(endpoint.address, port);
            self.from(endpoint)
                .take_while(move |known| (known.address, known.port) == (endpoint.address, port))
        };
        [of(0), of(endpoint.port)]
            .into_iter()
            .take(if endpoint.port == 0 { 1 } else { 2 })
            .flatten()
            .map(|known| known.id)
    }

    /// Those at this address, whatever their ports.
    pub(super) fn of_address(&self, address: IpAddress) -> impl Iterator<Item = u32> + '_ {
        self.from(Endpoint::new(address, 0))
            .take_while(move |known| known.address == address)
            .map(|known| known.id)
    }

    /// All from this place on.
    fn from(&self, endpoint: Endpoint<IpAddress>) -> impl Iterator<Item = &Place> + '_ {
        let first = place(endpoint, 0);
        let at = self.0.partition_point(|known| *known < first);
        self.0.get(at..).unwrap_or_default().iter()
    }
}

fn place(endpoint: Endpoint<IpAddress>, id: u32) -> Place {
    Place {
        address: endpoint.address,
        port: endpoint.port,
        id,
    }
}
