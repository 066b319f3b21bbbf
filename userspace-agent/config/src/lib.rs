// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The file `switchyard.toml`, of which there is one for all: claims, addresses, services,
//! destinations, checks and policies.
//!
//! [`parse`] understands it, or tells all that is wrong with it by line and column.
//! [`Plan`] compares it with what runs; [`write()`] writes it. Both yardctl and yardmaster
//! read it by this library. [`ipvsadm`] and [`keepalived`] make one of what others have.
//!
//! ```
//! let text = "[[service]]\nservice = 'tcp 192.0.2.80:80'\nscheduller = 'rr'";
//! let error = switchyard_config::parse("switchyard.toml", text).unwrap_err();
//! assert!(error.to_string().starts_with("switchyard.toml:3:1: unknown field `scheduller`"));
//! ```

mod check;
mod config;
mod file;
mod import;
mod plan;
mod policy;
mod problem;
mod read;
mod source;
mod spec;
mod step;
pub mod units;
mod values;
mod write;

pub use check::{CheckKind, CheckSpec, StatusRange};
pub use config::{
    ClaimConfig, Config, DestinationConfig, DestinationValues, ServiceConfig, ServiceValues,
};
pub use file::{MasterSettings, TlsFiles, DEFAULT_KEPT, DEFAULT_SOCKET};
pub use import::{ipvsadm, keepalived, Imported};
pub use plan::{request_of, undo_of, Plan, Running};
pub use policy::{Algorithm, Policy, PolicyError};
pub use problem::{Place, Problem, Problems, Report};
pub use read::{parse, read, ReadError, Source};
pub use source::{SourceKind, SourceSpec};
pub use spec::BadSpec;
pub use step::{Action, Field, Step, Value, Verb};
pub use values::{DeviceAddress, MAX_WEIGHT};
pub use write::{quoted, write};

/// Where the file is unless one is named.
pub const DEFAULT_PATH: &str = "/etc/switchyard/switchyard.toml";
