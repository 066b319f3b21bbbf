// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the manager is told: where reports come from and what is checked. All of it
//! can be read from a configuration file.

mod source;

use std::sync::Arc;

use switchyard_report::TargetKey;

pub use source::Source;
pub use switchyard_config::{BadSpec, CheckKind, CheckSpec, SourceSpec, StatusRange};

/// A destination, where its reports come from, and its checks. Those of a service mostly share both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// Which destination of which service.
    pub key: TargetKey,
    /// Where its reports come from, if from anywhere.
    pub source: Option<Arc<SourceSpec>>,
    /// What is checked; it is up if all of these succeed.
    pub checks: Arc<[CheckSpec]>,
}

/// A destination that is there twice.
pub(crate) fn twice(key: &TargetKey) -> BadSpec {
    BadSpec::new(format!(
        "destination {} of service {} is there twice",
        key.destination, key.service
    ))
}
