// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The algorithms: from the load of a service's servers to the level of each.
//!
//! A *level* is a weight before it is made a whole number. One more algorithm is one
//! file here, one line in [`of`] and one name in [`crate::Algorithm`].
//!
//! Algorithms that look at utilisation or latency see a load that follows the levels
//! with a delay. They correct the level *that the load was measured under* and not
//! the present one ([`Candidate::level`] is smoothed just as the load is), so that a
//! correction is never made twice and a late report makes no oscillation.

mod capability;
mod capacity;
mod even;
mod fixed;
mod latency;

use std::fmt;

use crate::{Algorithm as Name, Load, Policy};

pub use capability::Capability;
pub use capacity::Capacity;
pub use even::Even;
pub use fixed::Fixed;
pub use latency::Latency;

/// A server that might get connections.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its configured weight, above 0.
    pub configured: f64,
    /// The level that the load was measured under.
    pub level: f64,
    /// Its load, smoothed.
    pub load: &'a Load,
    /// The least latency that it has lately had, in seconds.
    pub base_latency: Option<f64>,
    /// Whether it has the labels that the service wants; `None` while its agent, which
    /// may tell, has never been heard.
    pub capable: Option<bool>,
}

/// What an algorithm says of one server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advice {
    /// The level that it should have, by any scale that is the same for all servers.
    Level(f64, Terms),
    /// This part of its configured weight, since there is nothing better to go by.
    Configured(f64, &'static str),
    /// No new connections.
    Exclude(&'static str),
}

/// The numbers that a level was computed from, by the names they have in the formula.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms([Option<(&'static str, f64)>; 6]);

impl Terms {
    /// Up to six terms.
    pub(crate) fn new<const N: usize>(terms: [(&'static str, f64); N]) -> Self {
        let mut this = Self::default();
        for (place, term) in this.0.iter_mut().zip(terms) {
            *place = Some(term);
        }
        this
    }

    /// Each term.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.0.iter().flatten().copied()
    }
}

/// Finds levels for the servers of a service.
pub trait Algorithm: fmt::Debug + Send {
    /// Its name, with those of the ones inside.
    fn name(&self) -> String;

    /// How a level is computed, in the names of the [`Terms`].
    fn formula(&self) -> String;

    /// Whether levels are to be had at once, with no regard for how fast they change.
    fn is_immediate(&self) -> bool {
        false
    }

    /// What each candidate's level should be, in their order.
    fn advise(&self, candidates: &[Candidate<'_>]) -> Vec<Advice>;
}

/// The algorithm that a policy asks for.
#[must_use]
pub fn of(policy: &Policy) -> Box<dyn Algorithm> {
    let inner: Box<dyn Algorithm> = match policy.algorithm {
        Name::Static => Box::new(Fixed),
        Name::Even => Box::new(Even {
            gain: policy.gain,
            dead_band: policy.dead_band,
        }),
        Name::Capacity => Box::new(Capacity {
            error_penalty: policy.error_penalty,
        }),
        Name::Latency => Box::new(Latency {
            gain: policy.gain,
            hot_quantile: policy.hot_quantile,
            dead_band: policy.dead_band,
        }),
    };
    if policy.wants.is_empty() {
        inner
    } else {
        Box::new(Capability {
            wants: policy.wants.clone(),
            inner,
        })
    }
}

/// What is said of a server whose reports lack what an algorithm goes by: the share
/// that it asks for if it does, else the configured one.
fn without(candidate: &Candidate<'_>, what: &'static str) -> Advice {
    match candidate.load.wanted_share {
        Some(share) => Advice::Configured(share, "the share that it asks for"),
        None => Advice::Configured(1.0, what),
    }
}
