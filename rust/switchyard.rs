// SPDX-License-Identifier: GPL-2.0

//! Switchyard: a packet switch and server load balancer.
//!
//! `sys` and `net` are the kernel's interfaces, `core` and `filter` decide about packets without
//! it, and the rest is the switch. Documentation/design.md has the whole picture.

use kernel::prelude::*;

mod config;
mod connections;
mod control;
pub mod core;
mod engine;
pub mod filter;
mod net;
mod pseudo;
mod stats;
mod switch;
mod sys;

use crate::{
    engine::claim::Watcher,
    net::{
        global,
        notifier, //
    },
};

/// The module's version, as user space is told.
const VERSION: &CStr = c"0.1.0";

module! {
    type: Switchyard,
    name: "switchyard",
    authors: ["The Switchyard developers"],
    description: "Packet switch and server load balancer",
    license: "GPL",
    alias: ["net-pf-16-proto-16-family-switchyard"],
    params: {
        connection_limit: u32 {
            default: 1048576,
            description: "Connections that a switch can hold",
        },
    },
}

/// The module. Fields are dropped in this order: first nobody can ask for changes any more, then
/// the switches end, which needs the notifiers.
struct Switchyard {
    _control: net::genetlink::Registration,
    _switches: switch::Lifetime,
    _devices: notifier::Registration<Watcher>,
    _neighbours: notifier::Registration<Watcher>,
}

impl kernel::Module for Switchyard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        global::init();
        let neighbours = notifier::Registration::neighbours()?;
        let devices = notifier::Registration::devices()?;
        let switches = switch::Lifetime::new()?;
        let control = net::genetlink::Registration::new()?;
        pr_info!("version {VERSION:?} loaded\n");
        Ok(Self {
            _control: control,
            _switches: switches,
            _devices: devices,
            _neighbours: neighbours,
        })
    }
}
