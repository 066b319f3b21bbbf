// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Typed client of the generic netlink family `switchyard`.
//!
//! The family is specified in `Documentation/netlink/specs/switchyard.yaml`;
//! [`spec`] repeats its numbers, and a test compares the two. A [`Client`] asks
//! and changes, a [`Monitor`] listens. Both act on the switch of the network
//! namespace that they were opened in.
//!
//! ```no_run
//! use switchyard_netlink::{Client, ServiceSettings};
//!
//! let mut client = Client::connect()?;
//! client.add_service(&ServiceSettings::new("tcp 10.0.0.1:80".parse()?))?;
//! for service in client.services()? {
//!     println!("{}: {} connections", service.key, service.stats.connections);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attribute;
mod change;
mod claim;
mod client;
mod connection;
mod cpu;
mod destination;
mod error;
mod explain;
mod monitor;
mod path;
mod service;
pub mod spec;
mod stats;
mod switch;
mod transport;

pub use attribute::{Decode, Malformed};
pub use change::Change;
pub use claim::{Claim, ClaimRequest, Device};
pub use client::Client;
pub use connection::{Connection, ConnectionFilter};
pub use cpu::{Cpu, Drop};
pub use destination::{Destination, DestinationKey, DestinationSettings};
pub use error::{Error, Refusal};
pub use explain::{Explanation, Place};
pub use monitor::{Monitor, Notification};
pub use service::{parse_prefix, ParseError, Protocol, Service, ServiceKey, ServiceSettings};
pub use spec::{
    ConnectionState, DestinationState, DropReason, Encapsulation, Fallback, Forwarding, McastGroup,
    Policy, QueueState, Scheduler, Verdict,
};
pub use stats::Stats;
pub use switch::{StateTimeout, Switch, SwitchSettings};
