// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The resource manager: collects load and health of all destinations.
//!
//! A [`Manager`] is told which destinations there are, where the reports of each come
//! from and what is to be checked. It asks yard-agents, HAProxy's agents and ORCA
//! endpoints, takes reports that are pushed, checks health, and publishes what it
//! knows as an [`Inventory`](switchyard_report::Inventory) over a watch channel.
//! Reports that are stale, forged, replayed, absurd, too frequent or malformed are
//! counted, logged and otherwise ignored.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use switchyard_report::TargetKey;
//! use switchyard_resource::{CheckSpec, Manager, Settings, SourceSpec, TargetSpec};
//!
//! let manager = Manager::start(Settings::default()).await?;
//! manager.set_targets(vec![TargetSpec {
//!     key: TargetKey {
//!         service: "tcp 192.0.2.80:80".into(),
//!         destination: "10.0.0.2:8080".parse()?,
//!     },
//!     source: Some(SourceSpec::default().into()),
//!     checks: [CheckSpec::default()].into(),
//! }])?;
//! let mut inventory = manager.inventory();
//! inventory.changed().await?;
//! println!("{:?}", inventory.borrow_and_update());
//! # Ok(())
//! # }
//! ```

mod agenda;
mod check;
mod clock;
mod complaints;
mod core;
mod event;
mod kept;
mod kernel;
mod manager;
mod passive;
mod push;
mod source;
mod spec;
mod state;
mod verdict;

pub use kernel::counters_of;
pub use manager::{Gone, Manager, Settings, StartError};
pub use passive::Counters;
pub use spec::{BadSpec, CheckKind, CheckSpec, SourceSpec, StatusRange, TargetSpec};
