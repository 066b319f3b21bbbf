// SPDX-License-Identifier: GPL-2.0

//! The services of a configuration by what they listen to.

use kernel::prelude::*;

use super::{
    fault::Fault,
    index::{
        spread,
        spread_address,
        Index,
        Key, //
    },
};
use crate::core::{
    service_key::{
        self,
        Listener,
        PortRange,
        Prefix,
        ServiceKey, //
    },
    tuple::{
        Endpoint,
        Family,
        IpAddress,
        Protocol, //
    },
};

impl Key for Listener {
    #[inline(always)]
    fn hash(&self) -> u64 {
        let more = u64::from(self.port) << 16
            | u64::from(self.prefix.length) << 8
            | u64::from(self.protocol.number());
        match self.prefix.address {
            // All of it is one word.
            IpAddress::V4(address) => spread(u64::from(address.bits()) << 32 | more),
            IpAddress::V6(_) => spread(spread_address(self.prefix.address) ^ more),
        }
    }
}

impl Key for Prefix {
    #[inline]
    fn hash(&self) -> u64 {
        spread(spread_address(self.address) ^ u64::from(self.length))
    }
}

/// Prefix lengths of one family that there are, as bits, and how many services have each.
struct Lengths {
    bits: u128,
    counts: [u32; 128],
}

/// The services by what they listen to: their numbers.
pub(super) struct ListenerTable {
    /// Those of one port, and those of all ports as port 0.
    listeners: Index<Listener>,
    /// Those of a range of ports, sorted; none overlaps another.
    ranges: KVVec<(PortRange, u32)>,
    /// The prefixes, and how many services each has.
    prefixes: Index<Prefix>,
    /// Lengths of prefixes other than single addresses: IPv4, IPv6.
    lengths: KVBox<[Lengths; 2]>,
    /// How many services have several ports or several addresses.
    wide: u32,
}

impl ListenerTable {
    /// A table without services.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        const NONE: Lengths = Lengths {
            bits: 0,
            counts: [0; 128],
        };
        Ok(Self {
            listeners: Index::new(),
            ranges: KVVec::new(),
            prefixes: Index::new(),
            lengths: KVBox::new([NONE; 2], GFP_KERNEL)?,
            wide: 0,
        })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn try_clone(&self) -> Result<Self> {
        let mut ranges = KVVec::with_capacity(self.ranges.len(), GFP_KERNEL)?;
        ranges.extend_from_slice(&self.ranges, GFP_KERNEL)?;
        let copy = |lengths: &Lengths| Lengths {
            bits: lengths.bits,
            counts: lengths.counts,
        };
        let [first, second] = &*self.lengths;
        Ok(Self {
            listeners: self.listeners.try_clone()?,
            ranges,
            prefixes: self.prefixes.try_clone()?,
            lengths: KVBox::new([copy(first), copy(second)], GFP_KERNEL)?,
            wide: self.wide,
        })
    }

    /// The number of the very service `key`.
    pub(super) fn get(&self, key: &ServiceKey) -> Option<u32> {
        if let Some(range) = key.range() {
            let place = self.place(&range).ok()?;
            return self.ranges.get(place).map(|(_, id)| *id);
        }
        self.listeners.get(&key.listener()?)
    }

    /// Where a range is, or would be.
    fn place(&self, range: &PortRange) -> Result<usize, usize> {
        self.ranges.binary_search_by(|(known, _)| known.cmp(range))
    }

    /// Adds a service.
    ///
    /// # Errors
    ///
    /// [`Fault::ServiceExists`], [`Fault::RangeOverlaps`], or `ENOMEM`.
    pub(super) fn insert(&mut self, key: &ServiceKey, id: u32) -> Result<(), Fault> {
        if let Some(range) = key.range() {
            let place = match self.place(&range) {
                Ok(_) => return Err(Fault::ServiceExists),
                Err(place) => place,
            };
            let before = place
                .checked_sub(1)
                .and_then(|place| self.ranges.get(place));
            for (neighbour, _) in [before, self.ranges.get(place)].into_iter().flatten() {
                if neighbour.overlaps(&range) {
                    return Err(Fault::RangeOverlaps);
                }
            }
            self.ranges.push((range, id), GFP_KERNEL)?;
            // From the end to its place.
            if let Some(moved) = self.ranges.get_mut(place..) {
                moved.rotate_right(1);
            }
        } else if let Some(listener) = key.listener() {
            if self.listeners.get(&listener).is_some() {
                return Err(Fault::ServiceExists);
            }
            self.listeners.insert(listener, id)?;
        }
        let count = self.prefixes.get(&key.prefix).unwrap_or(0);
        self.prefixes.insert(key.prefix, count.saturating_add(1))?;
        self.count(key, true);
        Ok(())
    }

    /// Takes a service out.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn remove(&mut self, key: &ServiceKey) -> Result {
        if let Some(range) = key.range() {
            if let Ok(place) = self.place(&range) {
                let _ = self.ranges.remove(place);
            }
        } else if let Some(listener) = key.listener() {
            self.listeners.remove(&listener);
        }
        match self.prefixes.get(&key.prefix) {
            Some(count @ 2..) => self.prefixes.insert(key.prefix, count.wrapping_sub(1))?,
            _ => self.prefixes.remove(&key.prefix),
        }
        self.count(key, false);
        Ok(())
    }

    /// Counts a service that has come or gone.
    fn count(&mut self, key: &ServiceKey, has_come: bool) {
        let change = |count: u32| {
            if has_come {
                count.wrapping_add(1)
            } else {
                count.wrapping_sub(1)
            }
        };
        let is_wide = !key.prefix.is_single() || !matches!(key.ports, service_key::Ports::One(_));
        if is_wide {
            self.wide = change(self.wide);
        }
        if key.prefix.is_single() {
            return;
        }
        let length = usize::from(key.prefix.length);
        let [v4, v6] = &mut *self.lengths;
        let lengths = match key.prefix.address.family() {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        if let Some(count) = lengths.counts.get_mut(length) {
            *count = change(*count);
            let bit = 1_u128 << (key.prefix.length & 127);
            if *count == 0 {
                lengths.bits &= !bit;
            } else {
                lengths.bits |= bit;
            }
        }
    }

    /// The service that a packet to `endpoint` is for.
    #[inline(always)]
    pub(super) fn find(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<u32> {
        service_key::find(self, protocol, endpoint)
    }

    /// Whether any service has this address.
    #[inline]
    pub(super) fn has_address(&self, address: IpAddress) -> bool {
        use service_key::Listeners as _;

        if self.prefixes.get(&Prefix::single(address)).is_some() {
            return true;
        }
        if self.are_plain() {
            return false;
        }
        service_key::prefixes(self, address).any(|prefix| self.prefixes.get(&prefix).is_some())
    }
}

impl service_key::Listeners for ListenerTable {
    #[inline(always)]
    fn listener(&self, listener: &Listener) -> Option<u32> {
        self.listeners.get(listener)
    }

    fn in_range(&self, listener: &Listener) -> Option<u32> {
        let wanted = (listener.protocol, listener.prefix, listener.port);
        // The first range that begins above the port; the one before it is the only one that can
        // hold the port.
        let above = self
            .ranges
            .partition_point(|(range, _)| (range.protocol, range.prefix, range.first) <= wanted);
        let (range, id) = self.ranges.get(above.checked_sub(1)?)?;
        let fits = (range.protocol, range.prefix) == (listener.protocol, listener.prefix)
            && listener.port <= range.last;
        fits.then_some(*id)
    }

    #[inline]
    fn are_plain(&self) -> bool {
        self.wide == 0
    }

    fn lengths(&self, address: IpAddress) -> u128 {
        let [v4, v6] = &*self.lengths;
        match address.family() {
            Family::V4 => v4.bits,
            Family::V6 => v6.bits,
        }
    }
}
