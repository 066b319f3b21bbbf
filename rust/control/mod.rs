// SPDX-License-Identifier: GPL-2.0

//! What can be asked of a switch over generic netlink, one file per noun.
//!
//! The specification is `Documentation/netlink/specs/switchyard.yaml`. The namespace of the
//! socket decides which switch is meant. Whoever changes anything needs `CAP_NET_ADMIN` in the
//! initial user namespace, which the core checks. Handlers run in process context, several at
//! once.

pub(crate) mod apply;
pub(crate) mod claim;
pub(crate) mod connection;
pub(crate) mod cpu;
pub(crate) mod destination;
pub(crate) mod explain;
pub(crate) mod notify;
mod parse;
pub(crate) mod service;
pub(crate) mod stats;
pub(crate) mod switch;
