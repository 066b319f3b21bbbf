// SPDX-License-Identifier: GPL-2.0

//! What the filter consults.

use crate::core::connection::Connection;
use crate::core::connection_table::ConnectionTable;
use crate::core::tuple::{
    Address,
    Endpoint,
    Protocol, //
};

/// A destination that a service has chosen for a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The caller's number for the destination.
    pub destination_id: u32,
    /// Where the destination listens.
    pub destination: Endpoint,
}

/// A service of the configuration.
pub trait Service {
    /// The caller's number for the service.
    fn id(&self) -> u32;

    /// The service's own timeout in milliseconds, 0 for the protocol's default.
    fn timeout(&self) -> u32;

    /// Chooses a destination by the connection's hash or in turn
    /// ([`crate::core::scheduler::Scheduler::select`]); `None` if there is none of a weight
    /// above zero.
    fn select(&self, hash: u32) -> Option<Choice>;
}

/// One state of the configuration, and the accounts of its connections.
///
/// In the kernel the reference to it is held under RCU while the filter runs.
pub trait Services {
    /// Its services.
    type Service: Service;

    /// The service that listens there, if there is one.
    fn service(&self, protocol: Protocol, endpoint: Endpoint) -> Option<&Self::Service>;

    /// Whether any service has this address.
    fn is_service_address(&self, address: Address) -> bool;

    /// A connection was made.
    fn opened(&self, connection: &Connection) {
        let _ = connection;
    }

    /// A connection was taken out, since its client began another one on the same ports.
    fn closed(&self, connection: &Connection) {
        let _ = connection;
    }
}

/// What the filter consults for a batch of packets on one CPU.
#[derive(Debug)]
pub struct Context<'a, C, B, S> {
    /// The configuration.
    pub services: &'a C,
    /// The connections.
    pub connections: &'a ConnectionTable<B, S>,
    /// The time, in wrapping milliseconds. Coarse is good: each step of it costs every active
    /// connection one shared write.
    pub now: u32,
}
