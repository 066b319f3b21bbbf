// SPDX-License-Identifier: GPL-2.0

//! The `kernel::net` that mainline lacks: safe types over the C interfaces of the network stack.
//!
//! `unsafe` lives here and in [`crate::sys`] and nowhere else.

pub(crate) mod bh;
pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod device;
mod drop;
pub(crate) mod genetlink;
pub(crate) mod global;
pub(crate) mod irq;
pub(crate) mod kthread;
pub(crate) mod namespace;
pub(crate) mod napi;
pub(crate) mod notifier;
pub(crate) mod percpu;
pub(crate) mod pseudo_device;
pub(crate) mod random;
pub(crate) mod rcu;
pub(crate) mod ring;
pub(crate) mod route;
pub(crate) mod route_cache;
pub(crate) mod rx_handler;
pub(crate) mod skb;
pub(crate) mod skb_head;
mod skb_packet;
mod skb_segments;
mod skb_tunnel;
pub(crate) mod trace;
