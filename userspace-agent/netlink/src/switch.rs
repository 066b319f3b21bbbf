// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The switch of a namespace at a glance, and what of it can be set.

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::spec::{state_timeout, switch, ConnectionState};
use crate::{Drop, Stats};

/// How long a connection in one state may stay idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StateTimeout {
    /// Which state.
    pub state: ConnectionState,
    /// How long.
    pub milliseconds: u32,
}

impl StateTimeout {
    fn encode(self, to: &mut Writer) {
        to.u32(state_timeout::STATE, self.state.value());
        to.u32(state_timeout::MILLISECONDS, self.milliseconds);
    }
}

impl Decode for StateTimeout {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut state, mut milliseconds) = (None, 0);
        each(attributes, |kind, value| {
            match kind {
                state_timeout::STATE => state = Some(ConnectionState::from_value(value.u32()?)),
                state_timeout::MILLISECONDS => milliseconds = value.u32()?,
                _ => (),
            }
            Ok(())
        })?;
        let state = state.ok_or_else(|| Malformed::missing("state"))?;
        Ok(Self {
            state,
            milliseconds,
        })
    }
}

/// The switch of a namespace at a glance. What the module does not tell, since
/// the namespace has no switch, is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// The module's version.
    pub version: String,
    /// Interface index of the switch's yard0; `None` while there is none.
    pub yard_ifindex: Option<u32>,
    /// Counts the configurations that have been swapped in.
    pub generation: u32,
    /// Services.
    pub services: u32,
    /// Destinations of all services.
    pub destinations: u32,
    /// Connections that live now.
    pub connections: u64,
    /// Those of IPv4 clients.
    pub connections_ipv4: u64,
    /// Those of IPv6 clients.
    pub connections_ipv6: u64,
    /// As many connections as there may be.
    pub connection_limit: u64,
    /// Connections that are half open.
    pub half_open: u64,
    /// As many as may be half open; 0 for no limit.
    pub half_open_limit: u32,
    /// Bytes of memory that the tables of connections take.
    pub table_bytes: u64,
    /// How long connections may stay idle, by their state.
    pub timeouts: Vec<StateTimeout>,
    /// Bytes of memory that fragments may take.
    pub fragment_memory_limit: u32,
    /// Bytes of memory that fragments take now.
    pub fragment_memory: u64,
    /// Milliseconds that a packet's fragments may wait for the rest.
    pub fragment_timeout: u32,
    /// Packets of connections that were sent on.
    pub stats: Stats,
    /// Packets that were dropped, by reason.
    pub drops: Vec<Drop>,
}

impl Decode for Switch {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut this = Self::default();
        each(attributes, |kind, value| {
            match kind {
                switch::VERSION => this.version = value.string(),
                switch::YARD_IFINDEX => this.yard_ifindex = Some(value.u32()?),
                switch::GENERATION => this.generation = value.u32()?,
                switch::SERVICES => this.services = value.u32()?,
                switch::DESTINATIONS => this.destinations = value.u32()?,
                switch::CONNECTIONS => this.connections = value.uint()?,
                switch::CONNECTIONS_IPV4 => this.connections_ipv4 = value.uint()?,
                switch::CONNECTIONS_IPV6 => this.connections_ipv6 = value.uint()?,
                switch::CONNECTION_LIMIT => this.connection_limit = value.uint()?,
                switch::HALF_OPEN => this.half_open = value.uint()?,
                switch::HALF_OPEN_LIMIT => this.half_open_limit = value.u32()?,
                switch::TABLE_BYTES => this.table_bytes = value.uint()?,
                switch::TIMEOUT => this.timeouts.push(value.nest()?),
                switch::FRAGMENT_MEMORY_LIMIT => this.fragment_memory_limit = value.u32()?,
                switch::FRAGMENT_MEMORY => this.fragment_memory = value.uint()?,
                switch::FRAGMENT_TIMEOUT => this.fragment_timeout = value.u32()?,
                switch::STATS => this.stats = value.nest()?,
                switch::DROP => this.drops.push(value.nest()?),
                _ => (),
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// What an operator sets of a switch; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchSettings {
    /// As many connections as there may be.
    pub connection_limit: Option<u64>,
    /// As many as may be half open; 0 for no limit.
    pub half_open_limit: Option<u32>,
    /// How long connections may stay idle, for some of the states.
    pub timeouts: Vec<StateTimeout>,
    /// Bytes of memory that fragments may take.
    pub fragment_memory_limit: Option<u32>,
    /// Milliseconds that a packet's fragments may wait for the rest.
    pub fragment_timeout: Option<u32>,
}

impl SwitchSettings {
    pub(crate) fn encode(&self) -> Writer {
        let mut to = Writer::new();
        if let Some(limit) = self.connection_limit {
            to.uint(switch::CONNECTION_LIMIT, limit);
        }
        if let Some(limit) = self.half_open_limit {
            to.u32(switch::HALF_OPEN_LIMIT, limit);
        }
        for timeout in &self.timeouts {
            to.nest(switch::TIMEOUT, |to| timeout.encode(to));
        }
        if let Some(limit) = self.fragment_memory_limit {
            to.u32(switch::FRAGMENT_MEMORY_LIMIT, limit);
        }
        if let Some(timeout) = self.fragment_timeout {
            to.u32(switch::FRAGMENT_TIMEOUT, timeout);
        }
        to
    }
}
