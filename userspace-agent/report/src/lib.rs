// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What servers tell of their load, and what is known of them.
//!
//! An agent takes a [`Reading`] of its server: the machine's own load once, and
//! the load of each served port. What concerns one destination, whichever
//! protocol brought it, is a [`LoadReport`]. The resource manager keeps the last
//! report of every destination with its health in an [`Inventory`], which the
//! master computes weights from.

mod bounds;
mod guard;
pub mod haproxy;
mod inventory;
pub mod keys;
mod load_report;
pub mod orca;
pub mod orca_text;
mod reading;
mod timestamp;
pub mod tls;
pub mod wire;

pub use bounds::Absurd;
pub use guard::{Guard, Limits};
pub use inventory::{Health, Ignored, Inventory, Passive, Reason, SourceKind, Standing, TargetKey};
pub use load_report::{Intent, LoadReport, Pressure};
pub use reading::{Application, Host, Port, Reading};
pub use timestamp::Timestamp;
