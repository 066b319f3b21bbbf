// SPDX-License-Identifier: GPL-2.0

//! The destinations of a configuration by where they are, whichever services they are of.

use kernel::prelude::*;

use crate::core::{
    sort::sort_by_key,
    tuple::{
        Endpoint,
        IpAddress, //
    }, //
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

    /// These without those that have gone, and with those that have come.
    ///
    /// One after the other, each would move half of all there are.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn changed(
        &self,
        is_there: impl Fn(u32) -> bool,
        mut come: NewPlaces,
    ) -> Result<Self> {
        sort_by_key(&mut come.0, |place| *place);
        let room = self.0.len().saturating_add(come.0.len());
        let mut places = KVVec::with_capacity(room, GFP_KERNEL)?;
        let mut come = come.0.iter().filter(|new| is_there(new.id)).peekable();
        for old in self.0.iter().filter(|old| is_there(old.id)) {
            while let Some(new) = come.next_if(|new| *new < old) {
                places.push(*new, GFP_KERNEL)?;
            }
            places.push(*old, GFP_KERNEL)?;
        }
        for new in come {
            places.push(*new, GFP_KERNEL)?;
        }
        Ok(Self(places))
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

/// The places of destinations that have come, in any order.
pub(super) struct NewPlaces(KVVec<Place>);

impl NewPlaces {
    /// None.
    pub(super) fn new() -> Self {
        Self(KVVec::new())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a destination.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn insert(&mut self, endpoint: Endpoint<IpAddress>, id: u32) -> Result {
        Ok(self.0.push(place(endpoint, id), GFP_KERNEL)?)
    }
}

fn place(endpoint: Endpoint<IpAddress>, id: u32) -> Place {
    Place {
        address: endpoint.address,
        port: endpoint.port,
        id,
    }
}
