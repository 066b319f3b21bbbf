// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The master: turns what is known of the servers into the weights that the
//! switch distributes new connections by.
//!
//! [`Master`] holds all services. In each round it takes the resource manager's
//! [`Inventory`](switchyard_report::Inventory) and gives the weights that have to
//! change; [`algorithm`] has the ways to find them. It knows no clock, no socket and
//! no kernel: the daemon and the simulation drive the very same code.

pub mod algorithm;
mod balance;
mod decision;
mod explain;
mod master;
pub mod number;
mod plan;
pub mod simulate;
mod smooth;
mod track;
mod weights;

pub use balance::Balance;
pub use decision::{Decision, DestinationDecision, Limit, Signs, State};
pub use explain::explain;
pub use master::{KernelWeights, Master, WeightChange};
pub use plan::{DestinationPlan, ServicePlan};
pub use smooth::Load;
pub use switchyard_config::{Algorithm, Policy, PolicyError};
pub use weights::MAX_WEIGHT;
