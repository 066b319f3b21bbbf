// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The manager as its owner sees it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_report::tls::{Identity, TlsError};
use switchyard_report::{Inventory, Limits, TargetKey};
use switchyard_transport::Server;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::clock::Clock;
use crate::core::{Core, Order};
use crate::kept::Kept;
use crate::passive::Counters;
use crate::push;
use crate::source::{Context, Identities};
use crate::spec::{twice, BadSpec, CheckSpec, TargetSpec};
use crate::state::State;

/// Events that may wait for the manager.
const QUEUE: usize = 1024;

/// What concerns the manager as a whole.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who we are: needed for agents, pushed reports and ORCA over TLS.
    pub identity: Option<Identity>,
    /// Where pushed reports are taken, if they are.
    pub listen: Option<SocketAddr>,
    /// Connections of agents that push, at a time.
    pub connections: usize,
    /// Room for connections that are kept from one report to the next: plain HTTP takes one place,
    /// TLS four, a stream of gRPC sixteen.
    pub kept: usize,
    /// What is asked of reports.
    pub limits: Limits,
    /// Without a report for this long, a source has been silent.
    pub silence: Duration,
    /// Shortest time between two inventories.
    pub publish_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identity: None,
            listen: None,
            connections: 1024,
            kept: switchyard_config::DEFAULT_KEPT,
            limits: Limits::default(),
            silence: Duration::from_secs(5),
            publish_every: Duration::from_millis(50),
        }
    }
}

/// Why the manager does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// Pushed reports are not taken from strangers.
    #[error("pushed reports need keys: `yardmaster keys` makes them")]
    NoIdentity,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// The manager has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource manager has ended")]
pub struct Gone;

/// Collects load and health of all destinations, until dropped.
#[derive(Debug)]
pub struct Manager {
    orders: mpsc::UnboundedSender<Order>,
    inventory: watch::Receiver<Arc<Inventory>>,
    listen: Option<SocketAddr>,
    kept: Arc<Kept>,
    core: AbortHandle,
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.core.abort();
    }
}

impl Manager {
    /// Starts a manager that knows of no destination, on the current tokio runtime.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let clock = Clock::start();
        let (events, incoming) = mpsc::channel(QUEUE);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (publish, inventory) = watch::channel(Arc::default());
        let mut tasks = JoinSet::new();
        let tls = match &settings.identity {
            Some(identity) => Some(Identities::new(identity.client()?.as_ref())),
            None => None,
        };
        let mut listen = None;
        if let Some(address) = settings.listen {
            let identity = settings.identity.as_ref().ok_or(StartError::NoIdentity)?;
            let limits = switchyard_transport::Limits {
                connections: settings.connections,
                ..switchyard_transport::Limits::default()
            };
            let failed = |error| StartError::Listen { address, error };
            let server = Server::bind(address, Some(identity.server()?), limits)
                .await
                .map_err(failed)?;
            listen = Some(server.local_addr().map_err(failed)?);
            tasks.spawn(push::receive(
                server,
                events.clone(),
                clock,
                settings.limits,
            ));
        }
        let kept = Arc::new(Kept::new(settings.kept));
        let context = Context {
            clock,
            events,
            limits: settings.limits,
            tls,
            kept: Arc::clone(&kept),
        };
        let core = Core::new(State::new(settings.silence), context, tasks);
        let running = core.run(incoming, ordered, publish, settings.publish_every);
        Ok(Self {
            orders,
            inventory,
            listen,
            kept,
            core: tokio::spawn(running).abort_handle(),
        })
    }

    /// Says which destinations there are, from now on: others are forgotten, those
    /// that stay keep what is known of them. Nothing is changed if one makes no sense.
    pub fn set_targets(&self, targets: Vec<TargetSpec>) -> Result<(), BadSpec> {
        let mut seen = HashSet::with_capacity(targets.len());
        for target in &targets {
            if !seen.insert(&target.key) {
                return Err(twice(&target.key));
            }
            if let Some(source) = &target.source {
                source.check()?;
            }
            target.checks.iter().try_for_each(CheckSpec::check)?;
        }
        // If it has ended, the inventory's channel says so.
        let _ = self.orders.send(Order::Targets(targets));
        Ok(())
    }

    /// Takes counters in that were read just now: passive signs.
    pub fn observe(&self, counters: Vec<(TargetKey, Counters)>) -> Result<(), Gone> {
        self.orders.send(Order::Observe(counters)).map_err(|_| Gone)
    }

    /// What is known, now and from now on. The channel is closed when the manager
    /// ends.
    #[must_use]
    pub fn inventory(&self) -> watch::Receiver<Arc<Inventory>> {
        self.inventory.clone()
    }

    /// Room for so many connections that are kept, from now on.
    pub fn set_kept(&self, kept: usize) {
        self.kept.resize(kept);
    }

    /// Where pushed reports are taken.
    #[must_use]
    pub const fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }
}
