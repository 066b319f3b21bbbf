// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The switch of a namespace at a glance.

use serde::Serialize;

use crate::attribute::{each, Decode, Malformed};
use crate::spec::switch;

/// The switch of a namespace at a glance.
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
    /// As many connections as there may be.
    pub connection_limit: u64,
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
                switch::CONNECTION_LIMIT => this.connection_limit = value.uint()?,
                _ => (),
            }
            Ok(())
        })?;
        Ok(this)
    }
}
