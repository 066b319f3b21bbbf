// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The ways that readings leave this machine.

pub mod haproxy;
pub mod orca;
pub mod push;
pub mod report;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchyard_report::{LoadReport, Reading};
use switchyard_transport::Error;
use tokio::sync::watch;
use tracing::warn;

/// The last reading, and the numbers that reports of it bear.
#[derive(Clone, Debug)]
pub struct Latest {
    reading: watch::Receiver<Arc<Reading>>,
    numbers: Arc<Numbers>,
}

/// What tells one report of this agent from another.
#[derive(Debug)]
pub struct Numbers {
    instance: u64,
    sequence: AtomicU64,
}

impl Numbers {
    /// Numbers of an instance, drawn at random, that has reported nothing.
    pub const fn new(instance: u64) -> Self {
        Self {
            instance,
            sequence: AtomicU64::new(0),
        }
    }
}

impl Latest {
    /// Hands out the readings that come by the channel.
    pub const fn new(reading: watch::Receiver<Arc<Reading>>, numbers: Arc<Numbers>) -> Self {
        Self { reading, numbers }
    }

    /// A report of the last reading: with a number that none had before.
    pub fn report(&self) -> Reading {
        let mut reading = Reading::clone(&self.reading.borrow());
        reading.instance = self.numbers.instance;
        reading.sequence = self.numbers.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        reading
    }

    /// The load of a port.
    pub fn load(&self, port: u16) -> LoadReport {
        self.reading.borrow().of_port(port)
    }
}

/// Tells of connections that were refused, once in a while.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<(Option<Instant>, u64)>>);

impl Refusals {
    /// One more.
    pub fn tell(&self, from: SocketAddr, why: &dyn std::fmt::Display) {
        const QUIET: Duration = Duration::from_secs(10);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, silent) = &mut *inner;
        if last.is_some_and(|last| last.elapsed() < QUIET) {
            *silent += 1;
            return;
        }
        warn!(%from, %why, also = *silent, "refused a connection");
        (*last, *silent) = (Some(Instant::now()), 0);
    }

    /// As a listener wants it.
    pub fn hear(&self) -> impl Fn(SocketAddr, &Error) + Clone + Send + 'static {
        let refusals = self.clone();
        move |from, error: &Error| refusals.tell(from, error)
    }
}
