// SPDX-License-Identifier: GPL-2.0

//! A destination: a server that a service's connections are given to.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    counters::{
        Counters,
        Traffic, //
    },
    fault::Fault,
    index::{
        spread,
        spread_address,
        Key, //
    },
};
use crate::{
    core::{
        connection_state::ConnectionState,
        load::{
            Limits,
            Load, //
        },
        method::{
            Encapsulation,
            Method, //
        },
        tuple::{
            Endpoint,
            IpAddress, //
        },
    },
    net::{
        bh::BottomHalf,
        route_cache::Kept, //
    }, //
};

/// The UDP port of GUE unless another is set (IANA: `gue`).
const GUE_PORT: u16 = 6080;

/// What tells a destination from all others: one server may serve several services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DestinationKey {
    /// Number of the service.
    pub(crate) service: u32,
    /// Where the server listens; port 0 for the port that a packet has.
    pub(crate) endpoint: Endpoint<IpAddress>,
}

impl Key for DestinationKey {
    fn hash(&self) -> u64 {
        let more = u64::from(self.endpoint.port) << 32 | u64::from(self.service);
        spread(spread_address(self.endpoint.address) ^ more)
    }
}

/// What a destination is given; the value is netlink's `destination-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum State {
    /// Packets of its connections, and new connections by its weight.
    #[default]
    Active = 0,
    /// Packets of its connections until they end, or until the deadline.
    Draining = 1,
    /// No new connections; UDP flows choose again.
    Down = 2,
}

impl State {
    /// The state with this value in netlink.
    pub(crate) const fn from_value(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Active),
            1 => Some(Self::Draining),
            2 => Some(Self::Down),
            _ => None,
        }
    }
}

/// What of a destination can be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DestinationSettings {
    /// Share of new connections, up to 65535; 0 takes none.
    pub(crate) weight: u32,
    /// How packets get there.
    pub(crate) method: Method,
    /// What they travel in, if the method is [`Method::Tunnel`].
    pub(crate) encapsulation: Encapsulation,
    /// What it is given.
    pub(crate) state: State,
    /// Seconds from the beginning of the drain to its deadline; 0 for none.
    pub(crate) drain_deadline: u32,
    /// How many connections it may have.
    pub(crate) limits: Limits,
}

impl DestinationSettings {
    /// The weight that counts for new connections.
    pub(crate) fn effective_weight(&self) -> u32 {
        match self.state {
            State::Active => self.weight,
            State::Draining | State::Down => 0,
        }
    }
}

/// What is to be changed of a destination, or said of a new one; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DestinationChange {
    /// The weight.
    pub(crate) weight: Option<u32>,
    /// How packets get there.
    pub(crate) method: Option<Method>,
    /// Whether they travel in GUE.
    pub(crate) gue: Option<bool>,
    /// GUE's port.
    pub(crate) gue_port: Option<u16>,
    /// The state.
    pub(crate) state: Option<State>,
    /// Seconds to the deadline, from now on.
    pub(crate) drain_deadline: Option<u32>,
    /// The upper limit.
    pub(crate) upper_limit: Option<u32>,
    /// The lower limit.
    pub(crate) lower_limit: Option<u32>,
}

impl DestinationChange {
    /// The settings that the change makes of `old`.
    ///
    /// # Errors
    ///
    /// If they contradict each other.
    pub(super) fn apply(&self, old: &DestinationSettings) -> Result<DestinationSettings, Fault> {
        let method = self.method.unwrap_or(old.method);
        let encapsulation = if method == Method::Tunnel {
            self.encapsulation(old.encapsulation)?
        } else if self.gue.is_some() || self.gue_port.is_some() {
            return Err(Fault::NotTunnel);
        } else {
            Encapsulation::Ip
        };
        let state = self.state.unwrap_or(old.state);
        let drain_deadline = match (self.drain_deadline, self.state) {
            (Some(1..), _) if state != State::Draining => return Err(Fault::NotDraining),
            (Some(deadline), _) => deadline,
            // Another state ends the old one's deadline.
            (None, Some(state)) if state != old.state => 0,
            (None, _) => old.drain_deadline,
        };
        let limits = Limits {
            upper: self.upper_limit.unwrap_or(old.limits.upper),
            lower: self.lower_limit.unwrap_or(old.limits.lower),
        };
        if limits.lower > limits.upper {
            return Err(Fault::LowerLimit);
        }
        Ok(DestinationSettings {
            weight: self.weight.unwrap_or(old.weight),
            method,
            encapsulation,
            state,
            drain_deadline,
            limits,
        })
    }

    fn encapsulation(&self, old: Encapsulation) -> Result<Encapsulation, Fault> {
        let (was_gue, old_port) = match old {
            Encapsulation::Ip => (false, GUE_PORT),
            Encapsulation::Gue { port } => (true, port),
        };
        match (self.gue.unwrap_or(was_gue), self.gue_port) {
            (true, port) => Ok(Encapsulation::Gue {
                port: port.unwrap_or(old_port),
            }),
            (false, None) => Ok(Encapsulation::Ip),
            (false, Some(_)) => Err(Fault::NotGue),
        }
    }

    /// Whether it sets a deadline, or takes one away.
    fn sets_deadline(&self) -> bool {
        self.state.is_some() || self.drain_deadline.is_some()
    }
}

/// A destination as configured; never changed, but replaced.
pub(crate) struct Destination {
    /// Its number for life.
    pub(crate) id: u32,
    /// What tells it from others.
    pub(crate) key: DestinationKey,
    /// What can be changed.
    pub(crate) settings: DestinationSettings,
    /// It has been removed, and stays until its connections have ended: found by its number only.
    pub(crate) removed: bool,
    /// Whether packets of its connections are given to it: neither removed nor down.
    pub(super) is_there: bool,
    /// When the deadline is, in the wrapping milliseconds of [`Destination::remaining`]'s clock.
    deadline: Option<u32>,
    /// Its counts, shared with what it replaces and is replaced by.
    pub(crate) counters: Arc<Counters>,
    /// Its connections, shared likewise.
    pub(crate) load: Arc<Load>,
}

impl Destination {
    /// A new destination, that has counted nothing; the time is `now`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(
        id: u32,
        key: DestinationKey,
        settings: DestinationSettings,
        now: u32,
    ) -> Result<Arc<Self>> {
        let destination = Self {
            id,
            key,
            settings,
            removed: false,
            is_there: is_there(&settings, false),
            deadline: deadline(&settings, now),
            counters: Arc::new(Counters::new()?, GFP_KERNEL)?,
            load: Arc::new(Load::default(), GFP_KERNEL)?,
        };
        Ok(Arc::new(destination, GFP_KERNEL)?)
    }

    /// The same destination with other settings, which `change` has made at the time `now`. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn with(
        &self,
        settings: DestinationSettings,
        change: &DestinationChange,
        now: u32,
    ) -> Result<Arc<Self>> {
        let deadline = if change.sets_deadline() {
            deadline(&settings, now)
        } else {
            self.deadline
        };
        self.replaced(settings, deadline, self.removed)
    }

    /// The same destination as one that has been removed. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn removed(&self) -> Result<Arc<Self>> {
        self.replaced(self.settings, self.deadline, true)
    }

    fn replaced(
        &self,
        settings: DestinationSettings,
        deadline: Option<u32>,
        removed: bool,
    ) -> Result<Arc<Self>> {
        let destination = Self {
            id: self.id,
            key: self.key,
            settings,
            removed,
            is_there: is_there(&settings, removed),
            deadline,
            counters: self.counters.clone(),
            load: self.load.clone(),
        };
        Ok(Arc::new(destination, GFP_KERNEL)?)
    }

    /// What this CPU has of it: its counts, and the way to it.
    #[inline(always)]
    pub(crate) fn own<'a>(&'a self, bh: &'a BottomHalf) -> Option<(&'a Traffic, &'a Kept)> {
        self.counters.own(bh)
    }

    /// Counts a connection that begins in this state: for good among what this CPU has counted, and
    /// as one that there is.
    #[inline(always)]
    pub(crate) fn opened(&self, own: &Traffic, state: ConnectionState) {
        own.opened();
        self.load.opened(state, self.settings.limits);
    }

    /// Whether it has been removed and has no connections any more.
    pub(super) fn is_deserted(&self) -> bool {
        self.removed && self.load.connections() == 0
    }

    /// Whether it takes new connections at the moment.
    #[inline(always)]
    pub(crate) fn takes(&self) -> bool {
        !self.removed
            && self.settings.effective_weight() > 0
            && self.load.has_room(self.settings.limits)
    }

    /// Whether the deadline has come and its connections are still to be ended.
    pub(crate) fn is_overdue(&self, now: u32) -> bool {
        self.remaining(now) == Some(0) && self.deadline.is_some_and(|at| self.load.is_open(at))
    }

    /// Notes that the connections left at the deadline have been ended.
    pub(crate) fn meet_deadline(&self) {
        if let Some(deadline) = self.deadline {
            self.load.meet(deadline);
        }
    }

    /// Milliseconds until the deadline, 0 if it has passed; `None` if there is none.
    pub(crate) fn remaining(&self, now: u32) -> Option<u32> {
        let remaining = self.deadline?.wrapping_sub(now);
        Some(if remaining > u32::MAX / 2 {
            0
        } else {
            remaining
        })
    }
}

/// Whether packets of its connections are given to a destination; worked out once, as each of them
/// asks.
fn is_there(settings: &DestinationSettings, removed: bool) -> bool {
    !removed && settings.state != State::Down
}

/// When the connections left are to be ended.
fn deadline(settings: &DestinationSettings, now: u32) -> Option<u32> {
    match settings.drain_deadline {
        0 => None,
        seconds => Some(now.wrapping_add(seconds.saturating_mul(1000))),
    }
}
